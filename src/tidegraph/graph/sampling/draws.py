"""Independent draws from parts of rows: all as likely, or in proportion to weight."""

import numpy as np
from jaxtyping import Int64

from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import Keys, after, below, mixed
from tidegraph.kernels.weighted_draw import draw_by_own_sums, draw_by_sums

Rows = tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " q"]]
_GRAIN = 512


def draw_uniform(rows: Rows, key: Keys, slot: Int64[np.ndarray, "q k"]) -> None:
    """Write slots that are drawn each as likely; -1 where there is none.

    Args:
        rows: Where the part of a row to draw from starts and stops.
        key: Random key of each part; its states from the next on draw.
        slot: Receives the slots.
    """
    over_rows(lambda a, b: _draw_uniform(*rows, key, slot, a, b), len(slot), _GRAIN)


def draw_by_weight(
    edges: TemporalCSR,
    rows: Rows,
    key: Keys,
    slot: Int64[np.ndarray, "q k"],
    *,
    whole: bool,
) -> None:
    """Write slots drawn in proportion to weight; -1 where all weigh 0.

    Few draws from whole rows add up these rows alone, and draw the same.

    Args:
        edges: The edges of every node.
        rows: Where the part of a row to draw from starts and stops.
        key: Random key of each part.
        slot: Receives the slots.
        whole: Is each part its whole row?
    """
    start, stop = rows
    if whole and not edges.indexes.sums.is_made:
        share = float((stop - start).sum()) / max(edges.used, 1)
        if not edges.indexes.sums.pays(share):
            own = (start, stop, key, edges.edge, edges.weight, slot)
            over_rows(lambda a, b: draw_by_own_sums(*own, a, b), len(slot), grain=64)
            return
    sums, at = edges.prefix_sums, (start, stop, key, slot)
    over_rows(lambda a, b: draw_by_sums(sums, *at, a, b), len(slot), _GRAIN)


@compiled
def _draw_uniform(
    start: np.ndarray,
    stop: np.ndarray,
    key: np.ndarray,
    slot: np.ndarray,
    first: int,
    last: int,
) -> None:
    for q in range(first, last):
        size, state = stop[q] - start[q], key[q]
        for j in range(slot.shape[1]):
            state = after(state)
            slot[q, j] = start[q] + below(mixed(state), size) if size > 0 else -1
