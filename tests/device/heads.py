"""Small towers, patched, and rows to learn from."""

import numpy as np
import torch

from tidegraph.device.patch import MetaPatch, Patched
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.nn.dense import Tower
from tidegraph.training.weights import initialised


def tower(width=6, hidden=(8, 5, 4), seed=0) -> Tower:
    made = initialised(lambda: Tower(width, hidden), np.random.default_rng(seed))
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for bend in made.bends:
            bend.slope.normal_(generator=random)
            bend.standard.mean.normal_(std=0.2, generator=random)
            bend.standard.variance.uniform_(0.5, 2, generator=random)
        for layer in made.layers:
            layer.bias.normal_(std=0.2, generator=random)
    return made.eval()


def head(seed=0, width=6, hidden=(8, 5, 4), **settings) -> Patched:
    settings = {"rank": 3, "theta": 7} | settings
    made = MetaPatch(**settings)
    return made.patched(tower(width, hidden, seed), rng=np.random.default_rng(seed))


def rows(count=20, width=6, seed=0) -> Rows:
    random = torch.Generator().manual_seed(seed)
    label = (torch.rand(count, generator=random) < 0.4).float()
    label[:2] = torch.tensor([0.0, 1.0])[:count]
    return Rows(
        torch.randn(count, width, generator=random),
        0.3 * torch.randn(count, generator=random),
        label,
        0.5 + torch.rand(count, generator=random),
    )


def fleet_of(counts, width=6, seed=0) -> FleetRows:
    """Devices with so many rows each."""
    each = [rows(count, width, seed + n) for n, count in enumerate(counts)]
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    time = np.concatenate([1000 + 10 * np.arange(count) for count in counts])
    joined = Rows(*(torch.cat(part) for part in zip(*each, strict=True)))
    return FleetRows(ptr, joined, time.astype(np.int64))


def theta(of: Patched, seed=0, length=1.0):
    drawn = torch.randn(of.theta, generator=torch.Generator().manual_seed(seed))
    return length * drawn / drawn.norm()
