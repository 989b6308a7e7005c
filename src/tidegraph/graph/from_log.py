"""The edges of a log of users and items: what they are called, built and grown."""

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from tidegraph.data.interactions import Interactions
from tidegraph.graph.storage.append_only import Column, Table
from tidegraph.graph.storage.edge_store import EdgeStore, Step, numbers

ACTION = "action"
IMPRESSION = "impression"
USER, ITEM = "user", "item"


def edges_of_log(log: Interactions) -> dict[str, EdgeStore]:
    """Return the edges of a log by type; see ``Snapshot.of``."""
    edges = {ACTION: _edges(log.actions())}
    if not bool(log.label.all()):
        edges[IMPRESSION] = _edges(log.take(log.label == 0))
    return edges


def grown_by(events: Interactions) -> dict[str, Step]:
    """Return what adds the events of a log to the edges of each type.

    Args:
        events: New events, whose vocabularies start with the graph's own rows.
    """
    shown = events.take(events.label == 0)
    logs = {ACTION: events.actions(), IMPRESSION: shown}
    return {name: partial(_grown, log=log) for name, log in logs.items() if len(log)}


def _grown(held: EdgeStore | None, log: Interactions) -> EdgeStore:
    if held is None:
        return _edges(log)
    if held.weight is None and bool((log.weight != 1).any()):
        held = _with_weight(held)
    return held.appended(
        (log.user, log.item),
        (len(log.users), len(log.items)),
        log.time,
        _features(log, held.weight),
    )


def _edges(log: Interactions) -> EdgeStore:
    weight = "weight" if bool((log.weight != 1).any()) else None
    return EdgeStore.build(
        (USER, ITEM),
        (log.user, log.item),
        (len(log.users), len(log.items)),
        log.time,
        weight=weight,
        features=_features(log, weight),
    )


def _features(log: Interactions, weight: str | None) -> pl.DataFrame:
    return pl.DataFrame({weight: log.weight}) if weight is not None else pl.DataFrame()


def _with_weight(edges: EdgeStore) -> EdgeStore:
    """Return the same edges with a weight of 1 each, which others may differ from."""
    ones = pl.DataFrame({"weight": np.ones(len(edges), np.float32)})
    return replace(
        edges,
        weight="weight",
        table=Table(ones),
        strength=Column(numbers(ones, "weight")),
    )
