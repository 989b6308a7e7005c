"""How the graph grows: 1, 10 and 100 M edges, in memory and mapped from disk.

Claims: time to build and bytes grow with the edges alone; 100 M edges are built within
24 GiB and opened in under 100 ms.
Run: python benchmarks/graph_growth.py
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import count as count_from
from pathlib import Path

import numpy as np
from power_law import SPAN, Log, each

from tidegraph.ego.hops import hop
from tidegraph.graph.live import Graph
from tidegraph.graph.walks.random_walks import Habit, walks
from tidegraph.kernels.keyed_rng import root_keys

OUT = Path(__file__).parent / "results" / "graph_growth.json"
SIZES = (1_000_000, 10_000_000, 100_000_000)
DSG = hop("click").recent(20).hop("~click").recent(20)


def measured(events: int, folder: Path) -> dict[str, float]:
    log = Log(events, events // 50, events // 100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    Log(1_000, 100, 100).edges()
    started = time.perf_counter()
    edges = log.edges()
    first_built = time.perf_counter() - started
    del edges
    started = time.perf_counter()
    edges = log.edges()
    built = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sides = (edges.out, edges.back)
    held = sum(a.nbytes for s in sides for a in (s.node, s.time, s.edge, s.start))
    started = time.perf_counter()
    Graph(log.graph(edges)).save(folder / "g")
    saved = time.perf_counter() - started
    opened = each([lambda: Graph.open(folder / "g", verify=False)] * 5)
    graph = Graph.open(folder / "g", verify=False)
    rng = np.random.default_rng(1)
    found: dict[str, float] = {
        "events": events,
        # The first time, the machine has to find the memory too.
        "build_first_seconds": first_built,
        "build_seconds": built,
        "million_edges_per_second": events / built / 1e6,
        "bytes_per_edge_and_direction": held / events / 2,
        "peak_gib_with_the_log": peak,
        "gib_of_the_log": before,
        "save_seconds": saved,
        "open_milliseconds": 1e3 * float(np.median(opened)),
    }
    for name, where in (("memory", log.graph(edges)), ("mapped", graph)):
        spent, count = [], 0
        for _ in range(12):
            at = rng.integers(events // 2, events, 4_096)
            started = time.perf_counter()
            field = DSG.sample(where, log.user[at], log.time[at])
            spent.append(time.perf_counter() - started)
            count = sum(int(mask.sum()) for mask in field.mask[1:])
        rate = count / float(np.median(spent[2:])) / 1e6
        found[f"dsg_{name}_million_edges_per_second"] = rate
    snapshot = graph.snapshot()
    starts = rng.integers(0, events // 100, 100_000).astype(np.int32)
    path = (snapshot["~click"], snapshot["click"])
    spent = each(
        [
            lambda k=k: walks(path, starts, root_keys(k, 0, 100_000), 20, Habit())
            for k in range(4)
        ]
    )
    found["walks_mapped_million_steps_per_second"] = 2 / float(np.median(spent))
    found |= appending(graph, rng, events)
    return found


def appending(graph: Graph, rng: np.random.Generator, events: int) -> dict[str, float]:
    step = count_from()

    def by_rows(count: int) -> None:
        ends = [rng.integers(0, events // d, count).astype(np.int32) for d in (50, 100)]
        graph.append_rows("click", *ends, np.full(count, SPAN + next(step)))

    def by_ids() -> None:
        user, item = (rng.integers(0, events // d, 1) for d in (50, 100))
        new = {"user": user, "item": item, "time": [SPAN + next(step)]}
        graph.append("click", new)

    started = time.perf_counter()
    by_rows(1)
    first = time.perf_counter() - started
    single = each([lambda: by_rows(1)] * 2_000)
    many = each([lambda: by_rows(10_000)] * 20)
    # The index of the ids is made on the way.
    named = each([by_ids] * 200)
    return {
        "append_first_seconds": first,
        "append_one_microseconds": 1e6 * float(np.median(single)),
        "append_one_microseconds_p99": 1e6 * float(np.quantile(single, 0.99)),
        "append_one_by_id_microseconds": 1e6 * float(np.median(named)),
        "append_thousand_events_per_second": 10 / float(np.median(many)),
    }


def main() -> None:
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(int(sys.argv[1]), Path(folder))))
        return
    found = []
    for events in SIZES:
        # A process of its own for each size, so that peaks are theirs.
        done = subprocess.run(
            [sys.executable, __file__, str(events)],
            capture_output=True,
            text=True,
            check=True,
        )
        row = {k: float(f"{v:.4g}") for k, v in json.loads(done.stdout).items()}
        print(json.dumps(row))
        found.append(row)
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
