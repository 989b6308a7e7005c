"""Patched click models, and the key of their publisher."""

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.test_split import EVERY, network_of
from nn.click.test_models import SPEC, drawn
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.patch import MetaPatch
from tidegraph.device.signing import public_bytes
from tidegraph.device.split import split

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = public_bytes(KEY)


def model_of(name: str, *, seed=0, steps=6) -> Model:
    rng = np.random.default_rng(seed)
    rest, tower = split(network_of(EVERY[name]))
    head = MetaPatch(rank=3, theta=7).patched(tower, rng=rng)
    return Model(head, rest, drawn(SPEC, np.random.default_rng(1), h=steps))


def shaken(model: Model) -> Model:
    """Return a model of other weights, as after a round of training."""
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for part in (model.head, model.trunk):
            for weight in part.parameters():
                weight += 0.05 * torch.randn(weight.shape, generator=random)
    return model
