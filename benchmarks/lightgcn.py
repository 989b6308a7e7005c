"""A training step of LightGCN, side by side with RecBole's and with torch's products.

Claims: on the pairs of Gowalla, three layers, 64 numbers and batches of 2,048 pairs, an
epoch takes a fifth of RecBole's processor time or less. A block of steps of each runs
after the other on the same processors; medians of steps are kept, and an epoch is as
many of them as there are batches: it is not run to its end. RecBole runs in an
environment of its own (see peers/recbole_lightgcn.py), and only if its Python is named.
Run: python benchmarks/lightgcn.py interactions.parquet user item [PYTHON_OF_RECBOLE]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from tidegraph.data.interactions import interactions
from tidegraph.nn.conv.light import LightGCNConv
from tidegraph.nn.links import Links
from tidegraph.retrieval.embedding import _Pairs
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.run import Run
from tidegraph.stages import Fold
from tidegraph.training.settings import Training

BATCH, STEPS, BLOCKS = 2048, 6, 1
OUT = Path(__file__).parent / "results" / "lightgcn.json"


def timed(work: Any, times: int) -> list[tuple[float, float]]:
    """Return wall and processor seconds of each call."""
    spent = []
    for _ in range(times):
        started, begun = time.perf_counter(), time.process_time()
        work()
        spent.append((time.perf_counter() - started, time.process_time() - begun))
    return spent


def median(spent: list[tuple[float, float]]) -> dict[str, float]:
    wall, processor = np.median(np.array(spent), axis=0)
    return {"wall": round(float(wall), 4), "processor": round(float(processor), 4)}


def ours(frame: pl.DataFrame, user: str, item: str) -> tuple[Any, int]:
    """Return what takes one step of training, and how many an epoch has."""
    log = interactions(frame[user].to_numpy(), frame[item].to_numpy())
    fold, rng = Fold.of(log, "LightGCN"), np.random.default_rng(0)
    method = lightgcn(3, 64, training=Training(1, BATCH, patience=None))
    pairs = method.objective.pairs.of(fold, "LightGCN")
    task = _Pairs.of(method, pairs, Run(rng), None)
    optimizer = method.training.optimizer.of_weights(task.module.parameters())
    batches = iter(task.batches(0, rng))

    def step() -> None:
        loss = task.loss(next(batches))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step, -(-len(pairs.user) // BATCH)


def products(frame: pl.DataFrame, user: str, item: str) -> dict[str, dict[str, float]]:
    """Time one product with the matrix of the graph, forward alone."""
    u, i = frame[user].to_numpy(), frame[item].to_numpy()
    users = int(u.max()) + 1
    nodes = users + int(i.max()) + 1
    ends = torch.from_numpy(np.stack([np.r_[u, i + users], np.r_[i + users, u]]))
    ends = ends.long()[:, ends[0].argsort(stable=True)]
    links = Links.square(nodes, *ends, torch.ones(ends.shape[1]))
    vectors, conv = torch.randn(nodes, 64), LightGCNConv()
    weight = links.symmetric.weight
    by_place = torch.sparse_coo_tensor(ends, weight, (nodes, nodes)).coalesce()
    csr = torch.sparse_csr_tensor(
        links.ptr, links.column.long(), weight, by_place.shape
    )
    ways = {
        "ours": lambda: conv(vectors, vectors, links),
        "torch_csr": lambda: csr @ vectors,
        "torch_coo": lambda: by_place @ vectors,
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(7):
        for name, way in ways.items():
            spent[name] += timed(way, 1)
    return {name: median(each[1:]) for name, each in spent.items()}


def recbole(python: str, frame: pl.DataFrame, user: str, item: str) -> Any:
    """Return the seconds of a block of RecBole's steps."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.npy"
        np.save(path, frame.select(user, item).to_numpy())
        peer = Path(__file__).parent / "peers" / "recbole_lightgcn.py"
        done = subprocess.run(
            [python, peer, path, str(BATCH), str(STEPS)],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env={**os.environ, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"},
        )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    path, user, item, *python = sys.argv[1:]
    frame = pl.read_parquet(path).filter(pl.col("split") == "train")
    torch.set_num_threads(1)
    step, batches = ours(frame, user, item)
    timed(step, 2)
    mine: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for _ in range(BLOCKS):
        mine += timed(step, STEPS)
        if python:
            found = recbole(python[0], frame, user, item)
            theirs += list(zip(found["wall"], found["processor"], strict=True))[1:]
    result: dict[str, Any] = {
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "pairs": len(frame),
        "batches": batches,
        "product": products(frame, user, item),
        "step": median(mine),
    }
    if theirs:
        result["recbole_step"] = median(theirs)
        result["times_faster"] = {
            clock: round(result["recbole_step"][clock] / result["step"][clock], 1)
            for clock in ("wall", "processor")
        }
        for name in ("step", "recbole_step"):
            epoch = {k: round(v * batches, 1) for k, v in result[name].items()}
            result[name.replace("step", "epoch")] = epoch
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
