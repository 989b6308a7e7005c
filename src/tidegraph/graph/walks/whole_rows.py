"""Steps that take any edge of a row, whatever its time: uniformly, or by weight."""

import numpy as np
from jaxtyping import Int32

from tidegraph.graph.sampling.draws import draw_by_weight
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import Keys, after, below, mixed

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
    slot = np.empty((len(here), 1), np.int64)
    draw_by_weight(edges, edges.span(here), state, slot, whole=True)
    follow_edges(edges.node, slot, state, there)


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
def follow_edges(
    node: np.ndarray, slot: np.ndarray, state: np.ndarray, there: np.ndarray
) -> None:
    """Go where the drawn edges lead; each draw took one state."""
    for w in range(there.size):
        prefetch(node, slot[w, 0])
    for w in range(there.size):
        state[w] = after(state[w])
        there[w] = node[slot[w, 0]] if slot[w, 0] >= 0 else -1
