"""The calls of graphs, queries and plans, with good arguments for each."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import tidegraph as tg
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot

LATE = 1_900_000_000
CLICKS = pl.DataFrame(
    {
        "user": [f"u{k % 8}" for k in range(60)],
        "item": [f"i{k * 7 % 10}" for k in range(60)],
        "time": [1_700_000_000 + 40_000 * k for k in range(60)],
        "w": [1.5] * 60,
    }
)
FRIENDS = pl.DataFrame({"a": ["u1", "u2"], "b": ["u2", "u3"]})
Question = tuple[str, Callable[..., Any], Mapping[str, Any]]


def built() -> tg.Graph:
    """Return a small graph of users, items, clicks and friends."""
    items = pl.DataFrame({"item": [f"i{k}" for k in range(10)], "price": range(10)})
    graph = tg.Graph().nodes("item", items, "item")
    graph.nodes("user", CLICKS.select("user").unique(maintain_order=True), "user")
    graph.edges("click", CLICKS, "user -> item", time="time", weight="w")
    return graph.edges("friend", FRIENDS, "a: user -> b: user")


def questions(folder: Path) -> Iterator[Question]:
    """Yield a name, something to call, and good arguments for it."""
    snapshot = built().snapshot()
    yield from _changes(folder)
    yield from _steps(snapshot)
    yield from _edges(snapshot)
    yield from _plans(snapshot)


def _changes(folder: Path) -> Iterator[Question]:
    yield "Graph", tg.Graph, {"late_seconds": 0}
    log = tg.interactions(["u1", "u2"], ["i1", "i2"], [LATE, LATE])
    yield "Graph.of", tg.Graph.of, {"log": log}
    yield "Graph.observe", lambda **to: tg.Graph.of(log).observe(**to), {"log": log}
    row = {"name": "click", "source": [0], "target": [1], "time": [LATE]}
    row["features"] = None
    yield "append_rows", lambda **to: built().append_rows(**to), row
    yield "Graph.save", built().save, {"folder": folder / "graph"}
    built().save(folder / "graph")
    opened = {"folder": folder / "graph", "verify": None, "late_seconds": 0}
    yield "Graph.open", tg.Graph.open, opened
    node = {"name": "shop", "table": {"shop": ["s"]}, "key": "shop"}
    yield "nodes", lambda **to: built().nodes(**to), node
    seen = {"name": "view", "table": CLICKS, "ends": "user -> item"}
    seen |= {"time": "time", "weight": "w", "time_unit": "s"}
    yield "edges", lambda **to: built().edges(**to), seen
    more = {"name": "click", "table": CLICKS}
    yield "append", lambda **to: built().append(**to), more
    gone = {"name": "user", "ids": ["u1"]}
    yield "Graph.erase", lambda **to: built().erase(**to), gone


def _steps(snapshot: Snapshot) -> Iterator[Question]:
    yield "V", snapshot.V, {"name": "user", "ids": ["u1"]}
    start = snapshot.V("user", ["u1"])
    query = start.before(LATE)
    there = query.out("click")
    yield "Query.before", start.before, {"times": LATE}
    yield "Query.within", query.within, {"days": 1, "hours": 0, "seconds": 0}
    yield "out", query.out, {"edge": "click"}
    yield "in_", there.in_, {"edge": "click"}
    yield "both", query.both, {"edge": "friend"}
    yield "not_yet", there.not_yet, {"edge": "click"}
    yield "where", lambda on: there.where(on), {"on": pl.col("price") > 1}
    yield "top", there.top, {"count": 2, "by": "price", "smallest": False}
    yield "Query.sample", there.sample, {"count": 2, "seed": 0}
    yield "limit", there.limit, {"count": 2}
    yield "as_", lambda label: there.as_(label).frame(), {"label": "x"}
    yield "frame", lambda name: there.frame(name), {"name": "price"}
    recent = tg.hop("click").recent(2)
    yield "Query.with_", query.with_, {"seed": 0, "a": recent}


def _edges(snapshot: Snapshot) -> Iterator[Question]:
    between = {"name": "click", "between": (0, LATE)}
    yield "E", lambda **to: list(snapshot.E(**to).batch(9)), between
    edges = snapshot.E("click")
    batches = edges.batch(9)
    heavy = {"on": pl.col("w") > 1}
    yield "E.where", lambda on: list(edges.where(on).batch(9)), heavy
    yield "E.batch", lambda size: list(edges.batch(size)), {"size": 9}
    mixed = {"seed": 0, "together": "user"}
    yield "E.shuffle", lambda **to: list(edges.shuffle(**to).batch(9)), mixed
    recent = {"src": tg.hop("click").recent(2)}
    yield "E.with_", lambda **to: list(batches.with_(**to)), recent


def _plans(snapshot: Snapshot) -> Iterator[Question]:
    nodes, clocks = np.array([0], np.int32), np.array([LATE])

    def draw(plan: Any) -> object:
        return plan.sample(snapshot, Seeds.of(nodes, clocks, seed=0))

    hop = tg.hop("click")
    here = {"seeds": [0], "clocks": LATE, "seed": 0}
    plan = hop.recent(2)
    yield "plan.sample", lambda **to: plan.sample(snapshot, **to), here
    yield "hop", lambda edge: draw(tg.hop(edge).recent(2)), {"edge": "click"}
    back = {"days": 1, "hours": 0, "seconds": 0}
    yield "hop.within", lambda **to: draw(hop.within(**to).recent(2)), back
    yield "hop.recent", lambda count: draw(hop.recent(count)), {"count": 2}
    yield "hop.all", lambda limit: draw(hop.all(limit)), {"limit": 99}
    drawn = {"count": 2, "by": "w", "replace": True}
    yield "hop.sample", lambda **to: draw(hop.sample(**to)), drawn
    yield "hop.top", lambda **to: draw(hop.top(**to)), {"count": 2, "by": "w"}
    best = {"count": 2, "by": "w"}
    yield "hop.importance", lambda **to: draw(hop.importance(**to)), best
    far = {"edges": "click", "limit": 99, "all_time": False}
    yield "khop", lambda edges, **to: draw(tg.khop(edges, **to)), far
    fan = {"edges": "click", "counts": (2,), "by": "w", "all_time": False}
    yield "fan_out", lambda edges, **to: draw(tg.fan_out(edges, **to)), fan
    way = {"path": "click", "times": 2, "length": 2}
    yield "walk", lambda path, **to: draw(tg.walk(path, "~click", **to)), way
    walk = tg.walk("friend", times=2, length=2)
    again = {"probability": 0.5}
    yield "walk.restart", lambda **to: draw(walk.restart(**to)), again
    yield "walk.biased", lambda **to: draw(walk.biased(**to)), {"p": 1.0, "q": 1.0}
    yield "walk.top", lambda count: draw(walk.top(count)), {"count": 2}
    other = {"type": "item", "count": 3, "by": "degree", "power": 0.75}
    other |= {"avoid": "click", "via": "click", "all_time": False}
    yield "negatives", lambda **to: draw(tg.negatives(**to)), other
    yield "in_batch", tg.in_batch, {"count": 3, "via": "click"}
    close = {"edges": "click", "type": "user", "count": 2, "all_time": False}
    yield "near", lambda edges, **to: draw(tg.near(edges, **to)), close
    group = {"edges": "click", "type": "user", "size": 3, "restart": 0.15}
    group |= {"epsilon": 1e-6, "all_time": False}
    yield (
        "local_cluster",
        lambda edges, **to: draw(tg.local_cluster(edges, **to)),
        group,
    )
    yield "parse", tg.parse, {"text": "hop('click').recent(2)"}
