"""Walks beside the rate of independent reads, and beside those of peers.

Claims: walks of length 20 run at half the rate of independent reads of the arrays that
they read, or more, and at five times the rate of the fastest peer, or more; PinSage's
top 50 of 600 visits is found for 40,000 nodes a second.
Run: python benchmarks/graph_walks.py [NAME=PYTHON_OF_ITS_ENVIRONMENT ...]
where NAME is that of a script in benchmarks/peers, such as grape or pecanpy.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count as count_from
from pathlib import Path

import numpy as np
from power_law import SPAN, Log, seconds

from tidegraph.graph.storage.edge_store import EdgeStore
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.node2vec import Bias
from tidegraph.graph.walks.random_walks import Habit, walks
from tidegraph.graph.walks.visit_counts import visits
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import after, below, mixed, root_keys

OUT = Path(__file__).parent / "results" / "graph_walks.json"
EVENTS, USERS, ITEMS, LENGTH = 5_000_000, 100_000, 50_000, 20
SMALL = (200_000, 4_000, 2_000)
HABITS = {"first_order": Habit(), "node2vec": Habit(bias=Bias(0.5, 2.0))}


@compiled
def gather(array: np.ndarray, seed: int, count: int) -> int:
    state, total = mixed(after(np.uint64(seed))), 0
    for _ in range(count):
        state = after(state)
        total += array[below(mixed(state), array.size)]
    return total


@compiled
def gather_both(one: np.ndarray, other: np.ndarray, seed: int, count: int) -> int:
    """Read from either array in turn, as a walk there and back does."""
    state, total = mixed(after(np.uint64(seed))), 0
    for _ in range(0, count, 2):
        state = after(state)
        total += one[below(mixed(state), one.size)]
        state = after(state)
        total += other[below(mixed(state), other.size)]
    return total


def walking(edges: EdgeStore, rng: np.random.Generator) -> dict[str, float]:
    number = 200_000
    starts = rng.integers(0, ITEMS, number).astype(np.int32)
    keys, path = root_keys(1, 0, number), (edges.back, edges.out)
    clocks = rng.integers(SPAN // 2, SPAN, number)

    def steps(habit: Habit, clocks: np.ndarray | None = None) -> Callable[[], float]:
        def call() -> np.ndarray:
            return walks(path, starts, keys, LENGTH, habit, clocks)

        count = int((call()[:, 1:] >= 0).sum())
        return lambda: count / once(call)

    def reads(kernel: Callable[..., int], *arrays: np.ndarray) -> Callable[[], float]:
        part, seed = 1_000_000, count_from(1)

        def block(first: int, last: int) -> None:
            kernel(*arrays, next(seed), part * (last - first))

        return lambda: 8 * part / once(lambda: over_rows(block, 8, 1))

    nodes = (edges.out.node, edges.back.node)
    # Side by side and in turn: what else the machine does changes by the second.
    rates = in_turn(
        {
            "steps": steps(Habit()),
            "reads_of_the_same_arrays": reads(gather_both, *nodes),
            "reads_of_one_array": reads(gather, nodes[0]),
            "restart_steps": steps(Habit(restart=0.15)),
            "as_of_a_clock_steps": steps(Habit(), clocks),
        }
    )
    q = 10_000
    spent = seconds(
        lambda: visits(
            path, starts[:q], keys[:q], times=200, rounds=3, top=50, habit=Habit()
        )
    )
    limit, one = rates["reads_of_the_same_arrays"], rates["reads_of_one_array"]
    return {
        **{f"million_{name}_per_second": rate / 1e6 for name, rate in rates.items()},
        "share_of_reads_of_the_same_arrays": rates["steps"] / limit,
        "share_of_reads_of_one_array": rates["steps"] / one,
        "pinsage_top_50_of_600_nodes_per_second": q / spent,
    }


def in_turn(rates: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Return the median of each rate over rounds in which all are measured."""
    rounds = [{name: rate() for name, rate in rates.items()} for _ in range(12)][1:]
    return {name: float(np.median([r[name] for r in rounds])) for name in rates}


def once(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def undirected(events: int, users: int, items: int) -> TemporalCSR:
    """Return users and items as one kind of node, each edge once and both ways."""
    log, nodes = Log(events, users, items), users + items
    here = np.concatenate([log.user, log.item + users]).astype(np.int64)
    there = np.concatenate([log.item + users, log.user]).astype(np.int64)
    pairs = np.unique(here * nodes + there)
    ends = (end.astype(np.int32) for end in np.divmod(pairs, nodes))
    return TemporalCSR.build(*ends, None, nodes)


def ours(side: TemporalCSR, times: int) -> dict[str, float]:
    starts = np.tile(np.arange(len(side), dtype=np.int32), times)
    keys, found = root_keys(1, 0, len(starts)), {}
    for name, habit in HABITS.items():

        def call(habit: Habit = habit) -> np.ndarray:
            return walks((side,), starts, keys, LENGTH, habit)

        found[name] = int((call()[:, 1:] >= 0).sum()) / seconds(call, 5)
    return found


def against(
    name: str, python: str, side: TemporalCSR, times: int
) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.npz"
        np.savez(
            path,
            IDs=np.arange(len(side)).astype(str),
            data=np.ones(len(side.node), np.float32),
            indptr=np.concatenate([[0], side.stop]).astype(np.uint32),
            indices=side.node.astype(np.uint32),
        )
        script = Path(__file__).parent / "peers" / f"{name}_walks.py"
        done = subprocess.run(
            [python, script, path, str(times)],
            capture_output=True,
            text=True,
            check=True,
        )
    theirs = json.loads(done.stdout.splitlines()[-1])
    return {
        habit: {
            "million_steps_per_second": rate / 1e6,
            f"{name}_million_steps_per_second": theirs[habit] / 1e6,
            f"times_{name}": rate / theirs[habit],
        }
        for habit, rate in ours(side, times).items()
    }


def main() -> None:
    edges = Log(EVENTS, USERS, ITEMS).edges()
    found: dict[str, object] = {"walks": walking(edges, np.random.default_rng(0))}
    for wanted in sys.argv[1:]:
        name, python = wanted.split("=", 1)
        found[f"{name}_200_k_edges"] = against(name, python, undirected(*SMALL), 10)
        # PecanPy takes minutes for 5 M.
        if name != "pecanpy":
            side = undirected(EVENTS, USERS, ITEMS)
            found[f"{name}_5_M_edges"] = against(name, python, side, 1)
    shown = json.loads(
        json.dumps(found), parse_float=lambda x: float(f"{float(x):.4g}")
    )
    print(json.dumps(shown, indent=1))
    OUT.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
