"""The events that a graph holds, as the log they came from."""

import numpy as np
import polars as pl

from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import Clock
from tidegraph.graph.from_log import ACTION, IMPRESSION, context_columns
from tidegraph.graph.snapshot import Snapshot


def events_of(graph: Snapshot, clock: Clock = "seconds") -> Interactions:
    """Return the log of a graph of users and items: ``Snapshot.of`` the other way.

    Events of one second stand in the order in which the graph took them in, actions
    before impressions.

    Args:
        graph: A graph that ``Snapshot.of`` made, and what it has observed since.
        clock: What its times are.
    """
    graph = graph.counted_in("s")
    names = [name for name in (ACTION, IMPRESSION) if name in graph.edges]
    carries = context_columns(graph.edges).columns
    columns: list[tuple[np.ndarray, ...]] = []
    contexts: list[pl.DataFrame] = []
    for name in names:
        edges = graph.edges[name].compacted()
        user, item, time = edges.columns()
        label = np.full(len(edges), name == ACTION, np.int8)
        weight = edges.out.strength_of(np.arange(len(edges))).astype(np.float32)
        columns.append((user, item, time, label, weight))
        if carries:
            contexts.append(edges.features.select(carries))
    whole = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    order = np.argsort(whole[2], kind="stable")
    user, item, time, label, weight = (column[order] for column in whole)
    return Interactions(
        user.astype(np.int32),
        item.astype(np.int32),
        time.astype(np.int64),
        label,
        weight,
        graph.users,
        graph.items,
        pl.concat(contexts, how="vertical_relaxed")[order]
        if carries
        else pl.DataFrame(),
        clock=clock,
    )
