"""Edges of one direction with new ones, each placed by its time."""

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.graph.storage.append import New, Slots, append_to_rows
from tidegraph.graph.storage.build import base_of, fits
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
    base = side.base if len(side.node) else base_of(when)[0]
    offset = new.time - base
    same = fits(side.time, offset) and fits(side.edge, edge)
    # Wider numbers are written elsewhere, without the room that there is.
    held = side if same else side.compacted()
    slots = Slots(held.node, held.time, held.edge)
    bounds, slots, arena = append_to_rows(
        held.bounds,
        slots if same else _widened(slots, offset, edge),
        new._replace(time=offset),
        num_nodes,
        side.arena if same else None,
        side.version,
    )
    return side.in_arena(bounds, slots, base, weight, arena, side.version + 1)


def _widened(
    slots: Slots, time: Int64[np.ndarray, " new"], edge: Int64[np.ndarray, " new"]
) -> Slots:
    """Return slots whose times and numbers are as wide as new ones need."""
    return Slots(
        slots.node,
        slots.time if fits(slots.time, time) else slots.time.astype(np.int64),
        slots.edge if fits(slots.edge, edge) else slots.edge.astype(np.int64),
    )
