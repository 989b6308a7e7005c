"""Edges as arrays that a file holds, as they lie in memory: opening sorts nothing."""

from dataclasses import asdict
from typing import Any

import numpy as np

from tidegraph.artifact.sealed import State
from tidegraph.errors import ArtifactError
from tidegraph.graph.revisions import Revisions
from tidegraph.graph.storage.append_only import Column, Table
from tidegraph.graph.storage.edge_store import EdgeStore, Origin
from tidegraph.graph.storage.row_bounds import RowBounds
from tidegraph.graph.storage.tcsr import NO_WEIGHT, TemporalCSR
from tidegraph.small_arrays import never_fall


def edges_state(edges: EdgeStore) -> State:
    """Return what a file needs to hold of the edges of one type."""
    whole = edges.compacted()
    arrays = {"strength": whole.out.weight} if len(whole.out.weight) else {}
    for way, side in (("out", whole.out), ("back", whole.back)):
        ptr = np.concatenate([[0], side.stop]).astype(np.int64)
        arrays |= {f"{way}.ptr": ptr, f"{way}.node": side.node}
        arrays |= {f"{way}.time": side.time, f"{way}.edge": side.edge}
    return State(
        kind="EdgeStore",
        settings={
            "source": whole.source,
            "target": whole.target,
            "time": whole.time,
            "weight": whole.weight,
            "latest": whole.latest,
            "origin": asdict(whole.origin),
            "base": [whole.out.base, whole.back.base],
            "timed": [whole.out.is_timed, whole.back.is_timed],
        },
        arrays=arrays,
        tables={"features": whole.features},
    )


def edges_of(state: State, sizes: dict[str, int]) -> EdgeStore:
    """Rebuild edges from what ``edges_state`` returned.

    Args:
        state: The state.
        sizes: How many nodes of each type there are.

    Raises:
        ArtifactError: The arrays do not fit together.
    """
    settings: Any = state.settings
    features = state.tables["features"]
    weight = state.arrays.get("strength", NO_WEIGHT)
    sides = [
        _csr_of_state(state, way, place, weight, sizes[settings[end]])
        for place, (way, end) in enumerate((("out", "source"), ("back", "target")))
    ]
    count = len(sides[0].node)
    tall = features.height if features.width else count
    if len(sides[1].node) != count or tall != count or len(weight) not in (0, count):
        raise ArtifactError("the two directions of an edge differ in length.")
    return EdgeStore(
        settings["source"],
        settings["target"],
        sides[0],
        sides[1],
        settings["time"],
        settings["weight"],
        Table(features),
        Column(weight) if settings["weight"] is not None else None,
        Origin(**settings["origin"]),
        count,
        count,
        int(settings["latest"]),
        Revisions(count),
    )


def _csr_of_state(
    state: State, way: str, place: int, weight: np.ndarray, nodes: int
) -> TemporalCSR:
    ptr, node, time, edge = (
        state.arrays[f"{way}.{part}"] for part in ("ptr", "node", "time", "edge")
    )
    timed, base = bool(state.settings["timed"][place]), state.settings["base"][place]
    whole = (
        len(ptr) in range(1, nodes + 2)
        and ptr[0] == 0
        and ptr[-1] == len(node) == len(edge)
        and len(time) == (len(node) if timed else 0)
        and never_fall(ptr)
        and ptr.dtype == np.int64
        and node.dtype == np.int32
    )
    if not whole:
        raise ArtifactError("the rows of a graph do not fit together. Save it again.")
    bounds = RowBounds.of(ptr[:-1], ptr[1:])
    return TemporalCSR(bounds, node, time, int(base), edge, weight, timed, None, 0)
