"""How long a saved model takes to open and to answer, and what a process adds to it.

    python benchmarks/load.py [--items 1000000] [--folder models/]

A log of Zipf-distributed events becomes two saved models: a classical one (`ItemKNN`,
`Repeat`, `Popular`) and, unless ``--classical``, the whole pipeline with `DIN` and
`MMR`. Each is then opened by fresh processes, one after the other: seconds from the
start of the interpreter to the first answer, of which the import, the opening and the
answer; and, while another process holds the same model open, the private memory that
opening and answering adds, in MiB and as a share of the files.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.data.vocabulary import Vocabulary

PROBE = """
import json, sys, time
started = time.perf_counter()
import tidegraph as tg
def private():
    rows = (line.split() for line in open("/proc/self/smaps_rollup"))
    kept = {row[0]: int(row[1]) for row in rows if row[0].startswith("Private_")}
    return (kept["Private_Clean:"] + kept["Private_Dirty:"]) / 1024
import tidegraph.catalog
imported = time.perf_counter()
before = private() if sys.argv[3] == "memory" else 0.0
model = tg.load(sys.argv[1])
opened = time.perf_counter()
held = private() if sys.argv[3] == "memory" else 0.0
answer = model.recommend(sys.argv[2], k=10)
done = time.perf_counter()
after = private() if sys.argv[3] == "memory" else 0.0
print(json.dumps({
    "import": imported - started, "open": opened - imported,
    "answer": done - opened, "opened": held - before, "answered": after - before,
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


def measured(name: str, folder: Path, times: int) -> None:
    size = sum(f.stat().st_size for f in folder.iterdir()) / 2**20
    rows = []
    for _ in range(times):
        began = time.perf_counter()
        process = start(folder, "time")
        row = told(process)
        process.communicate()
        rows.append(row | {"cold": time.perf_counter() - began})
    said = ", ".join(
        f"{part} {statistics.median(row[part] for row in rows):.2f} s"
        for part in ("cold", "import", "open", "answer")
    )
    first = start(folder, "hold")
    told(first)
    second = start(folder, "memory")
    row = told(second)
    for process in (first, second):
        process.communicate()
    share = row["answered"] / size
    print(f"{name}: {size:.0f} MiB; medians of {times}: {said}")
    print(
        f"  a second process adds {row['opened']:.0f} MiB by opening, "
        f"{row['answered']:.0f} MiB with its first answer ({share:.0%})"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--classical", action="store_true")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        folder = given.folder or Path(aside)
        channels = (
            tg.ItemKNN(neighbors=20),
            tg.Repeat(half_life_days=90.0),
            tg.Popular(half_life_days=28.0),
        )
        models = {"classical": tg.Pipeline(channels)}
        if not given.classical:
            models["whole"] = tg.Pipeline(
                channels,
                rank=tg.DIN(category="category"),
                rerank=tg.MMR(diversity=0.1, by="category"),
                windows=1,
            )
        log = log_of(given.items, given.items // 5, 2 * given.items)
        print(f"{given.items:,} items, {log!r}, on {os.cpu_count()} processors")
        for name, pipeline in models.items():
            if not (folder / name).exists():
                pipeline.fit(log).save(folder / name)
            measured(name, folder / name, given.times)


if __name__ == "__main__":
    main()
