"""What else a served graph holds costs: python benchmarks/one_door.py

A log of a million events and as many views: to lay the views beside it, to give the
events back, and the receptive field of a request. The first is beside the time to build
the same views from the same arrays, the second beside a sort of the times, the third
beside a user of the graph with the same history. Processor time of several threads
adds up; pairs are timed in turn, and medians are told.
"""

import json
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.graph.events import events_of
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.graph_beside_log import graph_beside_log
from tidegraph.pipeline.requests import history_request
from tidegraph.stages import Requests

OUT = Path(__file__).parent / "results" / "one_door.json"
USERS, ITEMS, EVENTS = 100_000, 50_000, 1_000_000
END = 1_700_000_000


def median(*timed: Callable[[], object], repeats: int = 9) -> list[float]:
    """Milliseconds of processor time of each, timed in turn."""
    taken: list[list[float]] = [[] for _ in timed]
    for turn in range(repeats + 1):
        for call, found in zip(timed, taken, strict=True):
            start = time.process_time()
            call()
            if turn:
                found.append(1000 * (time.process_time() - start))
    return [float(np.median(found)) for found in taken]


def log_of(rng: np.random.Generator) -> Interactions:
    return tg.interactions(
        rng.integers(0, USERS, EVENTS),
        rng.integers(0, ITEMS, EVENTS),
        np.sort(rng.integers(END - 100_000_000, END, EVENTS)),
    )


def views_of(rng: np.random.Generator) -> tg.Graph:
    graph = tg.Graph().nodes("user", {"user": rng.permutation(USERS)}, key="user")
    graph.nodes("item", {"item": rng.permutation(ITEMS)}, key="item")
    views = {
        "user": rng.integers(0, USERS, EVENTS),
        "item": rng.integers(0, ITEMS, EVENTS),
        "ts": np.sort(rng.integers(END - 100_000_000, END, EVENTS)),
    }
    return graph.edges("view", views, "user -> item", time="ts")


def fields(graph: Snapshot) -> dict[str, float]:
    """Microseconds of the field of one request, of a user and of a history."""
    plan = tg.hop("action").recent(20).hop("~action").recent(20)
    user = np.array([5], np.int32)
    known = Requests.of_users(graph, user, np.array([END + 1]))
    ids = graph.items.decode(known.history.node).to_list()
    history = history_request(ids, graph, END + 1, repeat=True)
    of_user, of_given = median(
        lambda: plan.sample(graph, known.seeds()),
        lambda: plan.sample(graph, history.seeds()),
        repeats=2000,
    )
    return {"user": 1000 * of_user, "history": 1000 * of_given}


def main() -> None:
    rng = np.random.default_rng(0)
    log, views = log_of(rng), views_of(rng).snapshot()
    carried = pl.DataFrame(
        {"price": rng.random(EVENTS), "place": rng.integers(0, 9, EVENTS)}
    )
    with_context = replace(log, context=carried)
    plain, more = Snapshot.of(log), Snapshot.of(with_context)
    joined, built = median(
        lambda: graph_beside_log(log, views), lambda: Snapshot.of(log).edge("action")
    )
    given, given_more, ordered = median(
        lambda: events_of(plain),
        lambda: events_of(more),
        lambda: np.argsort(log.time, kind="stable"),
    )
    of, of_more = median(lambda: Snapshot.of(log), lambda: Snapshot.of(with_context))
    result = {
        "processor": platform.processor() or platform.machine(),
        "events": EVENTS,
        "milliseconds": {
            "views laid beside the log": joined,
            "as many edges built": built,
            "log into a graph": of,
            "log with two columns of context into a graph": of_more,
            "events given back": given,
            "events and context given back": given_more,
            "a stable sort of the times": ordered,
        },
        "microseconds of a field of 20 and 20": fields(plain),
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
