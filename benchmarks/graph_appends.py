"""What an append costs those who write and those who draw afterwards.

Claims: after an append, weighted draws and negatives by degree of 64 users and 160
walks by weight of 8 users take under 0.6 ms of processor time at 10 M edges, also where
a tenth of all edges are of one item; those of node2vec 0.9, and 1.1 there. The first
append to an opened graph takes under 50 ms; and no more of a million appends take over
20 ms of processor time than of as many turns of a control, without a graph: a shared
machine charges a thread for what it does itself. Beside the draws and the first append:
the index of all edges, made anew; a copy of the edges.
Run: python benchmarks/graph_appends.py [--appends 1000000] [--parts draws hub ...]
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import count as count_from
from pathlib import Path

import numpy as np
import polars as pl
from power_law import SPAN, Log

from tidegraph.ego.hops import hop
from tidegraph.ego.negative_plans import negatives
from tidegraph.ego.walks import walk
from tidegraph.graph.live import Graph
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.storage.edge_store import EdgeStore
from tidegraph.graph.storage.kept_index import Indexes
from tidegraph.kernels.jit import use_threads

OUT = Path(__file__).parent / "results" / "graph_appends.json"
SIZES = (2_000_000, 10_000_000)
WARM = 1_000
STEP = count_from()
_WALK = walk("click", "~click", times=20, length=3).weighted()
WALKS = {
    "walks": _WALK,
    "walks_all_time": _WALK.all_time(),
    "walks_respecting_time": _WALK.respecting_time(),
    "walks_biased": _WALK.biased(0.5, 2.0),
}
PLANS = {
    "weighted": hop("click").sample(20, by="weight"),
    "weighted_all_time": hop("click").all_time().sample(20, by="weight"),
    "negatives_by_degree": negatives("item", 20, by="degree", via="click"),
    "negatives_avoiding": negatives("item", 20, by="degree", avoid="click"),
}


def graph_of(log: Log, rng: np.random.Generator) -> Graph:
    weight = pl.DataFrame({"weight": rng.random(len(log.user), np.float32)})
    rows = (log.user, log.item)
    edges = EdgeStore.build(
        ("user", "item"), rows, log.sizes, log.time, weight="weight", features=weight
    )
    return Graph(log.graph(edges))


def draws(events: int) -> dict[str, float]:
    """Return milliseconds of processor time for draws, and for whole indexes."""
    rng = np.random.default_rng(0)
    log = Log(events, events // 50, events // 100)
    graph, found = graph_of(log, rng), {"events": float(events)}
    found |= after_appends(graph, log, PLANS, 64) | after_appends(graph, log, WALKS, 8)
    side, back = graph["click"], graph["~click"]
    anew = {
        "sums": lambda: Indexes().sums.of(side.slot_rows),
        "active": lambda: Indexes().active.of(back.slot_rows),
        "neighbors": lambda: Indexes().neighbors.of(side.slot_rows),
    }
    for name, make in anew.items():
        found[f"{name}_anew_ms"] = 1e3 * float(
            np.median([spent(make) for _ in range(3)])
        )
    return found


def hub_draws(events: int) -> dict[str, float]:
    """Return the same of walks where a tenth of all edges are of one item."""
    rng = np.random.default_rng(0)
    log = Log(events, events // 50, events // 100)
    log.item[rng.random(events) < 0.1] = 0
    return {"events": events} | after_appends(graph_of(log, rng), log, WALKS, 8)


def after_appends(
    graph: Graph, log: Log, plans: dict[str, object], users: int, turns: int = 200
) -> dict[str, float]:
    """Return milliseconds of processor time for plans, each after an append."""
    rng, found = np.random.default_rng(1), dict[str, float]()

    def drawn(plan: object) -> float:
        ends = [rng.integers(0, size, 1).astype(np.int32) for size in log.sizes]
        when = np.array([SPAN + next(STEP)])
        graph.append_rows("click", *ends, when, {"weight": rng.random(1)})
        nodes = rng.integers(0, log.sizes[0], users).astype(np.int32)
        seeds = Seeds.of(nodes, np.full(users, 2 * SPAN))
        now = graph.snapshot()
        return spent(lambda: plan.sample(now, seeds))

    for name, plan in plans.items():
        graph["click"].indexes.sums.pays(1.0)
        graph["~click"].indexes.sums.pays(1.0)
        after = [drawn(plan) for _ in range(10 + turns)][10:]
        found[f"{name}_ms"] = 1e3 * float(np.median(after))
        found[f"{name}_ms_p99"] = 1e3 * float(np.quantile(after, 0.99))
    return found


def first_append(events: int) -> dict[str, float]:
    """Return milliseconds of the first append to an opened graph, and of a copy."""
    log = Log(events, events // 50, events // 100)
    one = np.array([1], np.int32), np.array([2], np.int32), np.array([SPAN])
    with tempfile.TemporaryDirectory() as folder:
        Graph(log.graph(log.edges())).save(folder + "/g")
        took: list[float] = []
        for _ in range(6):
            graph = Graph.open(folder + "/g", verify=False)
            took.append(spent(lambda graph=graph: graph.append_rows("click", *one)))
        sides = Graph.open(folder + "/g", verify=False)["click"]
        copied = [spent(lambda: sides.compacted(0.5)) for _ in range(3)]
    return {
        "events": events,
        "first_append_ms": 1e3 * float(np.median(took[1:])),
        "copy_of_one_direction_ms": 1e3 * float(np.median(copied)),
    }


def pauses(events: int, appends: int = 1_000_000) -> dict[str, float]:
    """Return milliseconds of processor time for single appends, and for a control."""
    log = Log(events, events // 50, events // 100)
    new = Log(appends, *log.sizes, seed=1)
    graph, turn = Graph(log.graph(log.edges())), control()
    took, beside = np.empty(appends), np.empty(appends)
    for k in range(appends):
        ends, when = (new.user[k : k + 1], new.item[k : k + 1]), np.array([SPAN + k])
        started = time.thread_time()
        graph.append_rows("click", *ends, when)
        took[k] = time.thread_time() - started
        started = time.thread_time()
        turn(k)
        beside[k] = time.thread_time() - started
    found: dict[str, float] = {"events": events, "appends": appends}
    for name, all_of in (("append", took), ("control", beside)):
        warm = 1e3 * all_of[WARM:]
        found[f"{name}_ms"] = float(np.median(warm))
        found[f"{name}_ms_p999"] = float(np.quantile(warm, 0.999))
        found[f"{name}_ms_longest"] = float(warm.max())
        for limit in (5, 20):
            found[f"{name}s_over_{limit}_ms"] = int((warm > limit).sum())
    return found


def control() -> Callable[[int], object]:
    """Return a turn about as long as an append, on memory that is there already.

    It reads far apart, as an append does, and goes through objects of the interpreter,
    but it holds no graph, takes no memory and writes on none that is new.
    """
    wide = np.ones(8_000_000)
    places = np.random.default_rng(1).integers(0, len(wide), (1_000, 1_000))
    held = {str(n): [n] for n in range(100_000)}
    names = list(held)

    def turn(k: int) -> None:
        wide[places[k % 1_000]].sum()
        for j in range(100):
            held[names[(k * 7_919 + j * 613) % 100_000]][0] += 1

    return turn


def spent(call: Callable[[], object]) -> float:
    """Return the seconds of processor time that a call takes, on one thread."""
    with use_threads(1, 2**62):
        started = time.process_time()
        call()
        return time.process_time() - started


def main() -> None:
    sizes = {"draws": SIZES, "hub": SIZES, "pauses": SIZES}
    sizes |= {"first": (*SIZES, 20_000_000)}
    parser = argparse.ArgumentParser()
    parser.add_argument("--appends", type=int, default=1_000_000)
    parser.add_argument("--parts", nargs="+", default=list(sizes), choices=sizes)
    given = parser.parse_args()
    measures = {"draws": draws, "hub": hub_draws, "first": first_append}
    measures |= {"pauses": partial(pauses, appends=given.appends)}
    found: dict[str, object] = json.loads(OUT.read_text()) if OUT.exists() else {}
    found["processor"] = processor()
    for name in given.parts:
        rows = [
            {k: float(f"{v:.4g}") for k, v in measures[name](events).items()}
            for events in sizes[name]
        ]
        print(name, json.dumps(rows, indent=1), flush=True)
        found[name] = rows
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def processor() -> str:
    """Return the name of the processor."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
