"""What a bundle weighs, and what a step, a score and a start cost on one thread.

    python benchmarks/bundle.py [--runs 7]

DIN at its default sizes over 20,000 items, with the patches of ``MetaPatch()``.
Microseconds of processor time a call, the median of runs in turn; the weights mean
nothing.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tidegraph.device.bundle.export import export_bundle, refresh_bundle
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.bundle.loading import load
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import local_step
from tidegraph.device.rows import Rows
from tidegraph.device.signing import public_bytes
from tidegraph.device.split import split
from tidegraph.nn.click import DIN
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.wide import Wide
from tidegraph.training.weights import initialised

OUT = Path(__file__).parent / "results" / "bundle.json"
SPEC = InputSpec((20_000, 50), (5_000,), numbers=40, event=8, cross=6)


def inputs(rng: np.random.Generator, k: int, h: int = 30) -> Inputs:
    def rows(*shape: int) -> torch.Tensor:
        each = [rng.integers(0, count + 1, shape) for count in SPEC.item]
        return torch.from_numpy(np.stack(each, axis=-1))

    def numbers(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape).astype(np.float32))

    return Inputs(
        item=rows(3, k),
        user=torch.from_numpy(rng.integers(0, 5_000, (3, 1))),
        numbers=numbers(3, k, SPEC.numbers),
        present=torch.ones(3, k, dtype=torch.bool),
        step=rows(3, h),
        event=numbers(3, h, SPEC.event),
        cross=numbers(3, k, h, SPEC.cross),
        age=torch.from_numpy(rng.integers(0, 12, (3, h))),
        real_step=torch.ones(3, h, dtype=torch.bool),
    )


def cost(call, count: int = 300) -> float:
    """Return microseconds of processor time a call."""
    for _ in range(20):
        call()
    began = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - began) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    network = initialised(lambda: Wide(DIN().build(SPEC), SPEC.numbers), rng).eval()
    trunk, tower = split(network)
    head = MetaPatch().patched(tower, rng=rng)
    model, key = Model(head, trunk, inputs(rng, 10)), Ed25519PrivateKey.generate()
    with tempfile.TemporaryDirectory() as place:
        folder, began = Path(place) / "bundle", time.process_time()
        export_bundle(model, folder, key)
        exported = time.process_time()
        signed = refresh_bundle(model, folder, key)
        refreshed = time.process_time()
        bundle = load(folder, public_bytes(key))
        opened = time.process_time()
    tables = sum(w.numel() * 4 for n, w in trunk.named_parameters() if w.shape[0] > 999)
    total = sum(file.size for file in signed.manifest.files.values())
    result: dict[str, object] = {
        "width": head.f.width,
        "bytes": {n: f.size for n, f in signed.manifest.files.items()},
        "bytes_beside_tables": total - tables,
        "seconds": {
            "export": round(exported - began, 1),
            "refresh": round(refreshed - exported, 2),
            "load": round(opened - refreshed, 3),
        },
    }
    calls = {}
    for n in (1, 20, 100, 500):
        x = rng.normal(size=(n, head.f.width)).astype(np.float32)
        label = (np.arange(n) % 3 == 0).astype(np.float32)
        rows = {"x": x, "offset": label, "label": label, "weight": label + 1}
        theta = rng.normal(size=head.theta).astype(np.float32) / 8
        held = Rows(*map(torch.from_numpy, rows.values()))
        own = torch.from_numpy(theta)
        calls[f"train_step {n}"] = lambda r=rows, t=theta: bundle.train_step(r, t, 0.3)
        calls[f"torch step {n}"] = lambda h=held, t=own: local_step(head, t, h, 0.3)
        calls[f"score {n}"] = lambda r=rows, t=theta: bundle.score(
            r["x"], r["offset"], t
        )
    for k in (10, 100):
        one = Inputs(*(part[:1] for part in inputs(rng, k)))
        given = {name: part.numpy() for name, part in one._asdict().items()}
        calls[f"trunk {k}"] = lambda g=given: bundle.trunk(g)
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(asked.runs):
        for name, call in calls.items():
            found[name].append(cost(call, 60 if "500" in name else 200))
    result["microseconds"] = {n: round(statistics.median(v)) for n, v in found.items()}
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
