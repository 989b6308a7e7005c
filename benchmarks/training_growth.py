"""How training by edges grows: 1, 5 and 20 M interactions of a simulated marketplace.

Every impression counts as an interaction, so that the log is as long as it says; pairs
that come again are learnt from once. A process of its own for each size and method.
BPR by a step for every pair is run for whole epochs. Of BPR by batches, and of
LightGCN, whose step goes through the whole graph, the median of a few steps is told; of
the first also what an epoch of as many steps takes.
Claims: from the least to the most, processor time of an epoch (of a step of LightGCN)
and memory beside the log grow by at most twice as much as the pairs do.
Run: python benchmarks/training_growth.py
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.data.synthetic import Marketplace
from tidegraph.retrieval.embedding import Embedding, _Pairs
from tidegraph.retrieval.objective.pairs.edges import EdgePairs
from tidegraph.run import Run
from tidegraph.stages import Fold
from tidegraph.training.optimizers import LazyAdam, PairSGD
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "training_growth.json"
SIZES = (1_000_000, 5_000_000, 20_000_000)
SIZE, STEPS, FACTOR = 64, 5, 2.0
METHODS = {
    "bpr_mf, a step a pair": tg.bpr_mf(
        SIZE, training=Training(1, 2**20, PairSGD(0.05), patience=None)
    ),
    "bpr_mf, batches of 8,192": tg.bpr_mf(
        SIZE, training=Training(1, 8192, LazyAdam(1e-2), patience=None)
    ),
    "lightgcn, batches of 8,192": tg.lightgcn(
        3, SIZE, training=Training(1, 8192, patience=None)
    ),
}


def simulate(events: int, path: Path) -> None:
    """Write events in which users, items and visits grow alike."""
    market = Marketplace(
        users=events // 50, items=events // 200, days=20, visits=events // 200
    )
    log = market.simulate(rng=np.random.default_rng(0)).log
    np.savez(path, user=log.user, item=log.item, time=log.time)


def read(path: Path) -> Interactions:
    with np.load(path) as held:
        return tg.interactions(held["user"], held["item"], held["time"])


def measured(path: Path, name: str) -> dict[str, float | int | str]:
    log, method = read(path), METHODS[name]
    if isinstance(method.training.optimizer, PairSGD):
        method.fit(log.take(np.arange(10_000)))  # Kernels are compiled once.
    before, started = _peak(), time.process_time()
    pairs = method.objective.pairs.of(Fold.of(log, name), name)
    assert isinstance(pairs, EdgePairs)
    assert pairs.graph.nodes
    prepared = time.process_time() - started
    found: dict[str, float | int | str] = {
        "method": name,
        "events": len(log),
        "pairs": len(pairs),
        "nodes": pairs.graph.nodes,
        "prepare_seconds": prepared,
    }
    if isinstance(method.training.optimizer, PairSGD):
        found["epoch_seconds"] = epoch(method, log)
    else:
        found |= steps(method, pairs)
    found["mib_beside_the_log"] = _peak() - before
    return found


def epoch(method: Embedding, log: Interactions) -> float:
    """Return processor seconds of an epoch: what two more of them take."""
    spent = []
    for epochs in (1, 3):
        training = Training(epochs, 2**20, method.training.optimizer, patience=None)
        started = time.process_time()
        tg.bpr_mf(SIZE, training=training).fit(log)
        spent.append(time.process_time() - started)
    return (spent[1] - spent[0]) / 2


def steps(method: Embedding, pairs: EdgePairs) -> dict[str, float]:
    """Return processor seconds of a step, of an epoch's beginning, and of all of it."""
    rng = np.random.default_rng(0)
    task = _Pairs.of(method, pairs, Run(rng), None)
    optimizer = method.training.optimizer.of_weights(task.module.parameters())
    started = time.process_time()
    batches, spent = iter(task.batches(0, rng)), []
    batch = next(batches)
    begun = time.process_time() - started
    for _ in range(STEPS + 1):
        started = time.process_time()
        loss = task.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        batch = next(batches)
        spent.append(time.process_time() - started)
    step = float(np.median(spent[1:]))
    found = {"begin_epoch_seconds": begun, "step_seconds": step}
    if "lightgcn" not in method.name.lower():
        count = -(-len(pairs) // method.training.batch_size)
        found["epoch_seconds"] = begun + step * count
    return found


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    if len(sys.argv) > 1:
        import torch  # noqa: PLC0415

        torch.set_num_threads(1)
        print(json.dumps(measured(Path(sys.argv[1]), sys.argv[2])))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for events in SIZES:
            path = Path(folder) / f"{events}.npz"
            simulate(events, path)
            for name in METHODS:
                done = subprocess.run(
                    [sys.executable, __file__, path, name],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                row = json.loads(done.stdout.splitlines()[-1])
                row = {
                    k: v if isinstance(v, str) else float(f"{v:.4g}")
                    for k, v in row.items()
                }
                print(json.dumps(row), flush=True)
                rows.append(row)
    load = round(os.getloadavg()[0], 1)
    found = {"cores": os.cpu_count(), "load_average": load, "rows": rows}
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name in METHODS:
        check([row for row in rows if row["method"] == name])


def check(rows: list[dict[str, float]]) -> None:
    """Hold time and memory of the largest against those of the smallest."""
    least, most = rows[0], rows[-1]
    growth = most["pairs"] / least["pairs"]
    time_of = "epoch_seconds" if "epoch_seconds" in least else "step_seconds"
    for name in (time_of, "mib_beside_the_log"):
        times = most[name] / least[name]
        print(f"{least['method']}: {growth:.1f} times the pairs, {times:.1f} {name}")
        assert times < FACTOR * growth, (name, times, growth)


if __name__ == "__main__":
    main()
