"""Dynamic sequential graphs and recent neighbours on 5 M power-law edges.

Claims: recent-20 before t is several times as fast as a search for composite keys in
numpy, one call for 256 nodes stays far below half a millisecond, and the sub-graph
(20, 20) is sampled at over 35 M edges a second on two cores.
Run: python benchmarks/ego.py
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from tidegraph.ego.dynamic import hop
from tidegraph.graph.recent import Recent

from tidegraph.data.interactions import Interactions
from tidegraph.data.vocabulary import Vocabulary
from tidegraph.graph.neighbors import Neighbors
from tidegraph.graph.snapshot import Snapshot

OUT = Path(__file__).parent / "results" / "ego.json"
EVENTS, USERS, ITEMS, SPAN = 5_000_000, 100_000, 50_000, 10**8
WIDTH = 20
DSG = hop("action").recent(WIDTH).hop("~action").recent(WIDTH)


def draw(rng: np.random.Generator) -> Interactions:
    def ends(number: int, power: float) -> np.ndarray:
        return (number * rng.power(power, EVENTS)).astype(np.int32) % number

    time_ = np.sort(rng.integers(0, SPAN, EVENTS))
    ones = np.ones(EVENTS, np.float32)
    sides = [Vocabulary(pl.arange(0, n, eager=True)) for n in (USERS, ITEMS)]
    label = np.ones(EVENTS, np.int8)
    parts = (ends(USERS, 2.5), ends(ITEMS, 3.0), time_, label, ones)
    return Interactions(*parts, *sides)


def composite(edges: Neighbors) -> Callable[..., tuple[np.ndarray, ...]]:
    """Return recent neighbours by one search in keys of node and time."""
    owner = np.repeat(np.arange(len(edges)), np.diff(edges.ptr))
    key = owner * (SPAN + 1) + edges.time

    def recent(nodes: np.ndarray, clocks: np.ndarray) -> tuple[np.ndarray, ...]:
        stop = np.searchsorted(key, nodes.astype(np.int64) * (SPAN + 1) + clocks)
        start = np.maximum(edges.ptr[nodes], stop - WIDTH)
        at = start[:, None] + np.arange(WIDTH)
        mask = at < stop[:, None]
        at[~mask] = 0
        node = np.where(mask, edges.node[at], -1)
        weight = np.where(mask, edges.weight[at], 0)
        return node, np.where(mask, edges.time[at], 0), weight, mask

    return recent


def seconds(call: Callable[[], object], times: int) -> list[float]:
    call()
    spent: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        spent.append(time.perf_counter() - started)
    return spent


def main() -> None:
    rng = np.random.default_rng(0)
    log = draw(rng)
    build = np.median(seconds(lambda: Snapshot.of(log), 3))
    graph = Snapshot.of(log)
    edges, slow = graph["action"], composite(graph["action"])
    found: dict[str, object] = {"build_edges_per_second": round(2 * EVENTS / build)}
    for size in (1, 256, 1_000, 100_000):
        nodes = log.user[rng.integers(0, EVENTS, size)]
        clocks = rng.integers(0, SPAN, size)
        ours, theirs = sample(edges, nodes, clocks), slow(nodes, clocks)
        assert all(map(np.array_equal, ours, theirs))
        mine = seconds(lambda n=nodes, c=clocks: Recent(WIDTH)(edges, n, c), 201)
        other = seconds(lambda n=nodes, c=clocks: slow(n, c), 11)
        found[f"recent_{size}"] = {
            "microseconds": round(1e6 * float(np.median(mine)), 1),
            "microseconds_p99": round(1e6 * float(np.quantile(mine, 0.99)), 1),
            "times_numpy": round(float(np.median(other) / np.median(mine)), 1),
        }
    for size in (256, 4_096, 20_000):
        nodes = log.user[rng.integers(0, EVENTS, size)]
        clocks = rng.integers(SPAN // 2, SPAN, size)
        levels = DSG.sample(graph, nodes, clocks)
        edges_found = sum(int(level.mask.sum()) for level in levels[1:])
        spent = seconds(lambda n=nodes, c=clocks: DSG.sample(graph, n, c), 7)
        rate = edges_found / float(np.median(spent))
        found[f"dsg_{size}"] = {"million_edges_per_second": round(rate / 1e6, 1)}
    print(json.dumps(found, indent=1))
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
