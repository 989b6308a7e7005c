"""A filter with a plateau, as a Chebyshev polynomial of the graph's Laplacian."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Float64
from numpy.polynomial import chebyshev

from tidegraph.arguments import settings
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.intrinsics import SUMMED, sum_rows
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.filters.degrees import node_gains

_LANES = SUMMED  # Requests that are filtered side by side.


@settings
class Chebyshev:
    """Passes low frequencies, most of the middle ones, and stops high ones.

    The answer to a history x is x D^-p (sum_k c_k T_k(I - 2 G)) D^p with
    G = d^-1/2 R' n^-1 R d^-1/2, R the pairs of users and items and n, d their degrees,
    whose eigenvalues are from 0 to 1. The polynomial costs ``order`` times two passes
    over the interactions for up to 32 requests at once, and nothing in ``fit``; each
    thread holds 512 bytes an item and 128 a user.

    Attributes:
        order: Degree of the polynomial.
        flatness: How flat the plateau is; at 1 the filter falls in a line.
        power: p, how far popular items are held back in the history and brought
            forward in the answer.

    Source:
        Kim et al., "Graph Spectral Filtering with Chebyshev Interpolation for
        Recommendation", SIGIR 2025, equations 8 to 14.

    Departs: As in the authors' code the plateau is read at the extrema of T_order and
        interpolated at the roots of T_(order+1), where the paper has one set of nodes.
    """

    order: int = 8
    flatness: float = 1.5
    power: float = 0.5

    def __post_init__(self) -> None:
        at_least("Chebyshev", 1, order=self.order)
        above("Chebyshev", 0, flatness=self.flatness)
        at_least("Chebyshev", 0, power=self.power)

    @property
    def coefficients(self) -> Float64[np.ndarray, " order1"]:
        """What each polynomial T_0 .. T_order counts."""
        place = np.cos(np.pi * (1 - np.arange(self.order + 1) / self.order))
        plateau = 0.5 - 0.5 * np.sign(place) * np.abs(place) ** self.flatness
        nodes = chebyshev.chebpts1(self.order + 1)
        terms = chebyshev.chebvander(nodes, self.order)
        found = plateau @ terms * (2 / (self.order + 1))
        found[0] /= 2
        return found

    def precomputed(self, graph: StaticGraph) -> Mapping[str, np.ndarray]:
        """Return the coefficients."""
        return {"coefficients": self.coefficients}

    def scores(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
    ) -> Float32[np.ndarray, "b items"]:
        """Return the polynomial of each history."""
        items = graph.size(ITEM)
        half, before, after = (
            node_gains(graph, ITEM, power) for power in (-0.5, -self.power, self.power)
        )
        of_users = node_gains(graph, USER, -1.0)
        out = np.empty((len(history), items), np.float32)
        count = solved["coefficients"].astype(np.float32)
        rows = (history.ptr, history.column, history.weight)
        sizes = [count * _LANES for count in (items, items, items, len(graph))]
        over_rows_in(
            lambda: tuple(np.zeros(size, np.float32) for size in sizes),
            lambda room, a, b: _filter_blocks(
                room,
                rows,
                (graph.ptr, graph.node),
                (half, of_users, before, after),
                count,
                out,
                a,
                b,
            ),
            -(-len(history) // _LANES),
            grain=1,
        )
        return out


@compiled
def _filter_blocks(
    room: tuple[np.ndarray, ...],
    history: tuple[np.ndarray, np.ndarray, np.ndarray],
    graph: tuple[np.ndarray, np.ndarray],
    gains: tuple[np.ndarray, ...],
    coefficients: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Filter blocks of ``_LANES`` requests; number j of a block is lane j."""
    total, old, new, handed = room
    start, item, weight = history
    half, of_users, before, after = gains
    rows, items = out.shape
    for block in range(first, last):
        old[: items * _LANES] = 0
        lanes = min(_LANES, rows - block * _LANES)
        for lane in range(lanes):
            row = block * _LANES + lane
            for h in range(start[row], start[row + 1]):
                i = item[h]
                old[i * _LANES + lane] = weight[h] * before[i]
        for j in range(items * _LANES):
            new[j] = old[j]
            total[j] = coefficients[0] * old[j]
        _subtract_product(graph, half, of_users, handed, old, new, 2.0)
        for j in range(items * _LANES):
            total[j] += coefficients[1] * new[j]
        for k in range(2, coefficients.size):
            # T_(k+1) = 2 (I - 2 G) T_k - T_(k-1), into the place of T_(k-1).
            for j in range(items * _LANES):
                old[j] = 2 * new[j] - old[j]
            _subtract_product(graph, half, of_users, handed, new, old, 4.0)
            old, new = new, old
            for j in range(items * _LANES):
                total[j] += coefficients[k] * new[j]
        for lane in range(lanes):
            for i in range(items):
                out[block * _LANES + lane, i] = total[i * _LANES + lane] * after[i]


@compiled
def _subtract_product(
    graph: tuple[np.ndarray, np.ndarray],
    half: np.ndarray,
    of_users: np.ndarray,
    handed: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    times: float,
) -> None:
    """Take ``times`` G ``source`` from ``target``, in every lane."""
    ptr, node = graph
    items = half.size
    factor = np.float32(times)
    for i in range(items):
        for lane in range(_LANES):
            handed[i * _LANES + lane] = half[i] * source[i * _LANES + lane]
    for u in range(items, ptr.size - 1):
        at = u * _LANES
        sum_rows(handed, node, ptr[u], ptr[u + 1], handed, at)
        for j in range(at, at + _LANES):
            handed[j] *= of_users[u - items]
    for i in range(items):
        at = i * _LANES
        sum_rows(handed, node, ptr[i], ptr[i + 1], handed, at)
        part = factor * half[i]
        for j in range(at, at + _LANES):
            target[j] -= part * handed[j]
