"""How long a saved model takes to open and to answer, and what a process adds to it.

    python benchmarks/load.py [--items 1000000] [--folder models/]

A log of Zipf-distributed events becomes two saved classical models. Fresh processes
open each, one after the other: seconds from the start of the interpreter to the first
answer, of which the import, the opening and the answer. While another process holds the
same model open: the private memory (Linux) that opening it and an answer add to a
second one, less what the same pipeline over 1,000 items adds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import tidegraph as tg
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.retrieval.knn.similarity import Cosine

PROBE = """
import json, sys, time
started = time.perf_counter()
import tidegraph as tg
def private():
    rows = (line.split() for line in open("/proc/self/smaps_rollup"))
    kept = {row[0]: int(row[1]) for row in rows if row[0].startswith("Private_")}
    # Clean pages are those of the files, which any process may share.
    return kept["Private_Dirty:"] / 1024
import tidegraph.catalog
imported = time.perf_counter()
before = private() if sys.argv[3] == "memory" else 0.0
model = tg.load(sys.argv[1])
opened = time.perf_counter()
answer = model.recommend(sys.argv[2], k=10)
done = time.perf_counter()
after = private() if sys.argv[3] == "memory" else 0.0
print(json.dumps({
    "import": imported - started, "open": opened - imported,
    "answer": done - opened, "answered": after - before,
}), flush=True)
if sys.argv[3] == "hold":
    sys.stdin.read()
"""


def log_of(items: int, users: int, events: int) -> Interactions:
    """A log whose items are drawn by Zipf's law; every item occurs."""
    rng = np.random.default_rng(0)
    item = np.minimum((items + 1) ** rng.random(events) - 1, items - 1)
    item[:items] = np.arange(items)
    rng.shuffle(item)
    time_of = 1_700_000_000 + np.sort(rng.integers(0, 180 * 86_400, events))
    groups = pl.DataFrame({"category": [f"c{n % 500}" for n in range(items)]})
    return Interactions(
        rng.integers(0, users, events).astype(np.int32),
        item.astype(np.int32),
        time_of,
        np.ones(events, np.int8),
        np.ones(events, np.float32),
        Vocabulary(pl.Series([f"user{n:07d}" for n in range(users)])),
        Vocabulary(pl.Series([f"item{n:07d}" for n in range(items)]), groups),
    )


def start(folder: Path, mode: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROBE, str(folder), "user0000007", mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(process: "subprocess.Popen[str]") -> dict[str, float]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def cold(folder: Path, times: int) -> str:
    """Return the medians of a few fresh processes, part by part."""
    rows = []
    for _ in range(times):
        began = time.perf_counter()
        process = start(folder, "time")
        row = told(process)
        rows.append(row | {"start to answer": time.perf_counter() - began})
        process.communicate()
    parts = ("start to answer", "import", "open", "answer")
    medians = {part: statistics.median(row[part] for row in rows) for part in parts}
    return ", ".join(f"{part} {taken:.2f} s" for part, taken in medians.items())


def added(folder: Path) -> float:
    """Return the MiB that a second process adds, from opening through an answer."""
    both = start(folder, "hold"), start(folder, "memory")
    told(both[0])
    row = told(both[1])
    for process in both:
        process.communicate()
    return row["answered"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        folder = given.folder or Path(aside)
        for name, pipeline in pipelines().items():
            for items in (1_000, given.items):
                place = folder / f"{name}-{items}"
                if not place.exists():
                    log = log_of(items, items // 5, 2 * items)
                    pipeline.fit(log).save(place)
            code = added(folder / f"{name}-1000")
            mine = added(place) - code
            size = sum(file.stat().st_size for file in place.iterdir()) / 2**20
            print(f"{name}, {given.items:,} items, {size:.0f} MiB in files")
            print(f"  medians of {given.times}: {cold(place, given.times)}")
            print(
                f"  a second process adds {mine:.0f} MiB ({mine / size:.0%}), and "
                f"{code:.0f} MiB of code, which a model of 1,000 items adds too"
            )


def pipelines() -> dict[str, tg.Pipeline]:
    channels = (
        tg.ItemKNN(20, Cosine(), shrinkage=0.0),
        tg.Repeat(half_life_days=90.0),
        tg.Popular(half_life_days=28.0),
    )
    alike = tg.MMR(diversity=0.1, by="category")
    return {
        "one channel": tg.Pipeline(tg.ItemKNN(20, Cosine(), shrinkage=0.0)),
        "three channels and MMR": tg.Pipeline(channels, rerank=alike),
    }


if __name__ == "__main__":
    main()
