"""DeepWalk beside gensim, and an epoch of BPR beside implicit, on Gowalla.

Claims: DeepWalk, walks and training, takes a third of gensim's time or less, for the
same walks, window, negatives, numbers and threads; an epoch of BPR takes no longer than
implicit's. Runs alternate and medians are told, with processor time beside the wall's:
on a machine with other work the wall says little. Of gensim neither the turning of
walks into text nor the walking is counted; of ours everything is.
Run: TIDEGRAPH_DATA=folder python benchmarks/walk_embeddings.py
     PYTHON_OF_GENSIM PYTHON_OF_IMPLICIT [USERS]
where the walks are from the first USERS users and their items; all if left out.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.kernels.jit import cpu_count
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective.pairs import WalkWindows
from tidegraph.retrieval.objective.pairs.walks import WalkPairs
from tidegraph.retrieval.recipes.walk import deepwalk
from tidegraph.stages import Fold
from tidegraph.training.optimizers import PairSGD
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "walk_embeddings.json"
PEERS = Path(__file__).parent / "peers"
SIZE, WINDOW, LENGTH, EPOCHS, RUNS = 64, 5, 40, 5, 3
Spent = dict[str, float]


def main() -> None:
    gensim, implicit = sys.argv[1:3]
    users = int(sys.argv[3]) if len(sys.argv) > 3 else None
    path = Path(os.environ["TIDEGRAPH_DATA"]) / "lightgcn_gowalla/interactions.parquet"
    table = pl.read_parquet(path).filter(pl.col("split") == "train")
    some = table if users is None else table.filter(pl.col("user") < users)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "threads": cpu_count(),
            "load": os.getloadavg()[0],
            "deepwalk": walking(read(some), gensim, Path(folder)),
            "bpr": ranking(read(table), implicit, Path(folder)),
        }
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def read(table: pl.DataFrame) -> Interactions:
    return tg.read(table.select("user", "item"), user="user", item="item", time=None)


def walking(log: Interactions, gensim: str, folder: Path) -> dict[str, object]:
    method = deepwalk(walks=1, length=LENGTH, window=WINDOW, embedding_size=SIZE)
    windows = method.objective.pairs
    assert isinstance(windows, WalkWindows)
    pairs = windows.of(Fold.of(log, "DeepWalk"), "DeepWalk")
    np.save(folder / "walks.npy", walks_of(pairs))
    call = [gensim, str(PEERS / "gensim_skip_gram.py"), str(folder / "walks.npy")]
    settings = [str(n) for n in (SIZE, WINDOW, cpu_count())]
    deepwalk(1, 4, 2, SIZE).fit(log)  # Kernels are compiled once.
    return compared(
        lambda: timed(lambda: method.fit(log)),
        lambda: told([*call, *settings]),
        {"nodes": pairs.graph.nodes, "pairs": len(pairs), "size": SIZE},
    )


def walks_of(pairs: WalkPairs) -> np.ndarray:
    """Return one walk from every node, as the recipe draws them, in a random order."""
    rng = np.random.default_rng(0)
    walks = [pairs.nodes_of(walk, pairs.starts(walk), rng) for walk in pairs.walks]
    return rng.permutation(np.concatenate(walks))


def ranking(log: Interactions, implicit: str, folder: Path) -> dict[str, object]:
    np.savez(folder / "pairs.npz", user=log.user, item=log.item)
    call = [implicit, str(PEERS / "implicit_bpr.py"), str(folder / "pairs.npz")]
    settings = [str(n) for n in (SIZE, EPOCHS, cpu_count())]

    def epochs(count: int) -> Spent:
        training = Training(count, 2**20, PairSGD(0.05), patience=None)
        return timed(
            lambda: Embedding("BPR", embedding_size=SIZE, training=training).fit(log)
        )

    def ours() -> Spent:
        few, many = epochs(1), epochs(1 + EPOCHS)
        return {name: (many[name] - few[name]) / EPOCHS for name in few}

    epochs(1)
    about = {"pairs": len(log), "size": SIZE}
    return compared(ours, lambda: told([*call, *settings]), about)


def compared(
    ours: Callable[[], Spent], theirs: Callable[[], Spent], about: dict[str, int]
) -> dict[str, object]:
    runs = [(ours(), theirs()) for _ in range(RUNS)]
    found: dict[str, object] = dict(about)
    for name in ("seconds", "processor_seconds"):
        mine, other = (
            float(np.median([run[side][name] for run in runs])) for side in (0, 1)
        )
        found[name] = {"ours": mine, "theirs": other, "times_faster": other / mine}
    return found


def timed(work: Callable[[], object]) -> Spent:
    started, used = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - used,
    }


def told(call: list[str]) -> Spent:
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
