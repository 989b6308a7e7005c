"""Draws in proportion to weights, by sums of all rows or of those asked for."""

import numpy as np
from jaxtyping import Int64

from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.jit import over_rows
from tidegraph.kernels.keyed_rng import Keys
from tidegraph.kernels.weighted_draw import draw_by_own_sums, draw_by_sums

Rows = tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " q"]]


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
    share = float((stop - start).sum()) / max(len(edges.edge), 1) if whole else 0.0
    if whole and not edges.indexes.sums.pays(share):
        own = (start, stop, key, edges.edge, edges.weight, slot)
        over_rows(lambda a, b: draw_by_own_sums(*own, a, b), len(slot), grain=64)
        return
    sums, at = edges.prefix_sums, (start, stop, key, slot)
    over_rows(lambda a, b: draw_by_sums(sums, *at, a, b), len(slot), grain=512)
