"""Steps that take any edge of a row, whatever its time: uniformly, or by weight.

Many steps read tables of all rows. Few, such as those after each new edge of a live
graph, read the rows they stand in and draw the same.
"""

import numpy as np
from jaxtyping import Int32

from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import Keys, after, below, mixed
from tidegraph.kernels.weighted_draw import AliasTable, kept_or_other, own_alias

_LANES = 256


def uniform_step(
    edges: TemporalCSR,
    here: Int32[np.ndarray, " w"],
    state: Keys,
    there: Int32[np.ndarray, " w"],
) -> None:
    """Move walkers along an edge of their whole row each, all as likely."""
    _step_uniformly(*edges.span(here), edges.node, state, there)


def weighted_step(
    edges: TemporalCSR,
    here: Int32[np.ndarray, " w"],
    state: Keys,
    there: Int32[np.ndarray, " w"],
) -> None:
    """Move walkers along an edge of their whole row each, in proportion to weight."""
    if not edges.pays("alias", 0.0):
        low, stop = edges.span(here)
        share = float((stop - low).sum()) / max(len(edges.edge), 1)
        if not edges.pays("alias", share):
            slots = (edges.node, edges.edge, edges.weight)
            _step_by_own_rows(low, stop, *slots, state, there)
            return
    rows = (edges.start, edges.stop, edges.node)
    _step_by_alias(*rows, edges.alias, here, state, there)


@compiled
def _step_uniformly(
    low: np.ndarray,
    stop: np.ndarray,
    node: np.ndarray,
    state: np.ndarray,
    there: np.ndarray,
) -> None:
    slot = np.empty(_LANES, np.int64)
    for block in range(0, low.size, _LANES):
        end = min(block + _LANES, low.size)
        for w in range(block, end):
            state[w] = after(state[w])
            slot[w - block] = -1
            if stop[w] > low[w]:
                at = int(low[w]) + below(mixed(state[w]), int(stop[w] - low[w]))
                slot[w - block] = at
                prefetch(node, at)
        for w in range(block, end):
            at = slot[w - block]
            there[w] = node[at] if at >= 0 else -1


@compiled
def _step_by_alias(
    start: np.ndarray,
    stop: np.ndarray,
    node: np.ndarray,
    table: AliasTable,
    here: np.ndarray,
    state: np.ndarray,
    there: np.ndarray,
) -> None:
    slot = np.empty(_LANES, np.int64)
    for block in range(0, here.size, _LANES):
        end = min(block + _LANES, here.size)
        for w in range(block, end):
            prefetch(start, here[w])
        for w in range(block, end):
            v = here[w]
            state[w] = after(state[w])
            slot[w - block] = -1
            if 0 <= v < start.size and stop[v] > start[v]:
                at = int(start[v]) + below(mixed(state[w]), int(stop[v] - start[v]))
                slot[w - block] = at
                prefetch(table[0], at)
                prefetch(table[1], at)
        for w in range(block, end):
            at = int(slot[w - block])
            if at >= 0:
                at = kept_or_other(table, int(start[here[w]]), at, mixed(state[w]))
                slot[w - block] = at
                prefetch(node, at)
        for w in range(block, end):
            at = slot[w - block]
            there[w] = node[at] if at >= 0 else -1


@compiled
def _step_by_own_rows(
    low: np.ndarray,
    stop: np.ndarray,
    node: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    state: np.ndarray,
    there: np.ndarray,
) -> None:
    """Take the step of ``_step_by_alias`` by tables of the walkers' own rows."""
    slot = np.empty((low.size, 1), np.int64)
    own_alias(low, stop, state, edge, weight, slot, 0, low.size)
    for w in range(low.size):
        state[w] = after(state[w])
        there[w] = node[slot[w, 0]] if slot[w, 0] >= 0 else -1
