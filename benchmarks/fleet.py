"""How many devices of a fleet learn in a second, against a loop over single devices.

    python benchmarks/fleet.py [--devices 2000] [--runs 5]

Each device has 20 rows and takes 10 steps; the tower is 128-128-64-32-1 with Dice, its
three hidden layers are patched, and theta has 32 numbers. ``fleet`` is all devices at
once on one thread, ``loop`` one device after another by torch.autograd. Rates are per
second of processor time, the median of runs in turn; ``wall`` is beside them.
``apart`` is the largest difference between a theta of the fleet and of the loop.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from tidegraph.device.fleet import personalised
from tidegraph.device.patch import LITTLE, MetaPatch, Patched
from tidegraph.device.personalise import LocalSteps, loss_of
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.nn.dense import Tower

WIDTH, ROWS, THETA = 128, 20, 32
LOCAL = LocalSteps(steps=10, learning_rate=0.3, correct=False)


def drawn(devices: int) -> FleetRows:
    random = torch.Generator().manual_seed(0)
    count = devices * ROWS
    label = (torch.rand(count, generator=random) > 0.5).float()
    rows = Rows(
        torch.randn(count, WIDTH, generator=random),
        torch.zeros(count),
        label,
        torch.ones(count),
    )
    time_ = np.tile(np.arange(ROWS), devices)
    return FleetRows(np.arange(devices + 1) * ROWS, rows, time_)


def by_loop(head: Patched, theta: np.ndarray, fleet: FleetRows) -> np.ndarray:
    """One device after another, as anybody would write it."""
    out = []
    for device, numbers in enumerate(theta):
        rows, now = fleet.of(device), torch.from_numpy(numbers)
        at, none = (
            loss_of(head(rows.x, rows.offset, begin), rows)
            for begin in (now, torch.zeros_like(now))
        )
        now = LITTLE * now if at > none else now
        kept = 1 / (1 + LOCAL.learning_rate * LOCAL.precision(head) / ROWS)
        for _ in range(LOCAL.steps):
            now = now.requires_grad_(True)
            logit = head(rows.x, rows.offset, now)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logit, rows.label
            )
            (gradient,) = torch.autograd.grad(loss, now)
            length = float(gradient.norm())
            moved = now.detach() - LOCAL.learning_rate * gradient * min(
                1.0, LOCAL.clip / length
            )
            now = kept * moved * min(1.0, head.radius / float(moved.norm()))
        out.append(now.numpy())
    return np.stack(out)


def timed(work) -> tuple[float, float, object]:
    wall, own = time.perf_counter(), time.process_time()
    found = work()
    return time.process_time() - own, time.perf_counter() - wall, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tower = Tower(WIDTH, (128, 64, 32)).eval()
    patch = MetaPatch(("hidden0", "hidden1", "last"), rank=8, theta=THETA)
    head = patch.patched(tower, rng=np.random.default_rng(0)).requires_grad_(False)
    fleet = drawn(options.devices)
    theta = np.random.default_rng(0).normal(size=(options.devices, THETA))
    theta = (0.1 * theta).astype(np.float32)
    few = np.arange(min(100, options.devices))
    part = fleet.at(few)
    personalised(head, theta[few], part, LOCAL)
    rates: dict[str, list[float]] = {"fleet": [], "fleet_wall": [], "loop": []}
    for _ in range(options.runs):
        own, wall, found = timed(lambda: personalised(head, theta, fleet, LOCAL))
        rates["fleet"].append(options.devices / own)
        rates["fleet_wall"].append(options.devices / wall)
        own, _, alone = timed(lambda: by_loop(head, theta[few], part))
        rates["loop"].append(len(few) / own)
    result = {name: round(statistics.median(some)) for name, some in rates.items()}
    result["apart"] = float(np.abs(found.theta[few] - alone).max())
    result |= {"devices": options.devices, "machine": "2 shared cores, x86_64"}
    out = Path(__file__).parent / "results" / "fleet.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
