"""Edges of one direction with new ones, each placed by its time."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.graph.storage.append import New, Slots, append_to_rows
from tidegraph.graph.storage.build import base_of, wide_enough
from tidegraph.graph.storage.tcsr import NO_WEIGHT, TemporalCSR


def with_edges(
    side: TemporalCSR,
    source: Int32[np.ndarray, " new"],
    target: Int32[np.ndarray, " new"],
    time: Int64[np.ndarray, " new"] | None,
    edge: Int64[np.ndarray, " new"],
    num_nodes: int,
    weight: Float32[np.ndarray, " weights"] = NO_WEIGHT,
) -> TemporalCSR:
    """Return edges and new ones, each placed by its time.

    A new edge comes after the old ones of the same tick. In time order this takes
    O(new): rows have room at their end, a row that is full moves to where there is
    more, and only what changed is noted. Values that were there before do not
    change, so a reader may go on with one while others are made.

    Args:
        side: Edges in one direction.
        source: Node of each new edge.
        target: Its other end.
        time: Its tick; none if untimed.
        edge: Its number.
        num_nodes: How many nodes there are now; at least as many as before.
        weight: Strength by number of all edges, old and new; empty if each is 1.
    """
    when = np.zeros(0, np.int64) if time is None else time
    new = New(source, target, when, edge).in_order()
    whole = side if len(side.node) else replace(side, base=base_of(when)[0])
    offset = new.time - whole.base
    slots = Slots(
        side.node, wide_enough(side.time, offset), wide_enough(side.edge, edge)
    )
    same = slots.time is side.time and slots.edge is side.edge
    bounds, slots, arena = append_to_rows(
        side.bounds,
        slots,
        new._replace(time=offset),
        num_nodes,
        side.arena if same else None,
        side.version,
    )
    whole = replace(whole, weight=weight)
    return whole.in_arena(bounds, slots, arena, side.version + 1)
