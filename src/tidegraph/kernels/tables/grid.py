"""Pairs in a grid of cells that share no row, so that threads need no locks.

Nodes fall into parts at random. A cell holds the pairs whose source is of one part and
whose target is of another. In round r the cells (i, r - i) are gone through, each by
one thread: no two of them share a source or a target, and who comes first changes no
bit. The parts are drawn anew for every batch, so that no two nodes are kept together.

Source:
    Gemulla et al., "Large-scale matrix factorization with distributed stochastic
    gradient descent", KDD 2011, for the grid; Lerer et al., "PyTorch-BigGraph", MLSys
    2019, for negatives from the part of the target.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import GAMMA, after, below, mixed
from tidegraph.kernels.tables.noise import Noise

Rows = Int32[np.ndarray, " _"]
MOST_PARTS = 16
_NEGATIVES = 64
"""Negatives a part has at the least on average, so that there is a choice of them."""


class Grid(NamedTuple):
    """Pairs by cell, and negatives by part.

    Attributes:
        parts: How many parts there are, a power of 2.
        ptr: Where the pairs of each cell start, cell i * parts + j for parts i and j.
        source: Rows of the table of sources.
        target: Rows of the table of targets.
        pool_ptr: Where the negatives of each part start.
        pool: Rows of the table of targets.
    """

    parts: int
    ptr: Int64[np.ndarray, " cells"]
    source: Int32[np.ndarray, " pairs"]
    target: Int32[np.ndarray, " pairs"]
    pool_ptr: Int64[np.ndarray, " starts"]
    pool: Int32[np.ndarray, " drawn"]

    @classmethod
    def of(
        cls,
        source: Int32[np.ndarray, " pairs"],
        target: Int32[np.ndarray, " pairs"],
        pool: Int32[np.ndarray, " drawn"],
        negatives: int,
        key: int,
    ) -> "Grid":
        """Sort pairs into cells and negatives into parts, each in the order given.

        Args:
            source: Rows of the sources.
            target: Rows of the targets.
            pool: Rows of negatives.
            negatives: How many different ones there may be.
            key: Decides the parts.
        """
        parts = parts_for(negatives)
        ptr, pool_ptr = np.zeros(parts * parts + 1, np.int64), np.zeros(parts + 1, int)
        sources, targets = np.empty_like(source), np.empty_like(target)
        pools = np.empty_like(pool)
        salt = np.uint64(key)
        _sort_pairs_by_cell(source, target, salt, parts, ptr, sources, targets)
        _sort_pool_by_part(pool, salt, parts, pool_ptr, pools)
        return cls(parts, ptr, sources, targets, pool_ptr, pools)

    @classmethod
    def drawn(
        cls,
        source: Int32[np.ndarray, " pairs"],
        target: Int32[np.ndarray, " pairs"],
        noise: Noise,
        negatives: int,
        key: int,
    ) -> "Grid":
        """Return pairs with so many negatives from noise, in a drawn order.

        Args:
            source: Rows of the sources.
            target: Rows of the targets.
            noise: What negatives are drawn from, over all targets.
            negatives: How many there are for all pairs together.
            key: Decides everything random.
        """
        pool = noise.draw(negatives, key)
        several = min(noise.count, negatives)
        grid = cls.of(source, target, pool, several, key)
        grid.shuffle(key)
        return grid

    def shuffle(self, key: int) -> None:
        """Bring the pairs of each cell into a random order, in place.

        Pairs that came one after the other, as those of a walk, would pull one vector
        many times before it has moved.
        """
        over_rows(
            lambda a, b: _shuffle_cells(
                self.ptr, self.source, self.target, np.uint64(key), a, b
            ),
            len(self.ptr) - 1,
            grain=8,
        )

    def cell(self, i: int, j: int) -> tuple[tuple[Rows, Rows], Rows]:
        """Return the sources and targets of a cell, and the negatives of its part."""
        at = i * self.parts + j
        pairs = slice(int(self.ptr[at]), int(self.ptr[at + 1]))
        pool = slice(int(self.pool_ptr[j]), int(self.pool_ptr[j + 1]))
        return (self.source[pairs], self.target[pairs]), self.pool[pool]

    def go_through(
        self, cell: Callable[[int, int], None], *, one_table: bool = False
    ) -> None:
        """Call ``cell(i, j)`` for each cell, on all processors.

        Args:
            cell: Works on the rows of part i of the sources and part j of the targets.
            one_table: Sources and targets are rows of one table, so that cells (i, j)
                and (j, i) are one thread's.
        """
        for turn in range(self.parts):

            def block(first: int, last: int, turn: int = turn) -> None:
                for i in range(first, last):
                    j = (turn - i) % self.parts
                    if not one_table or i <= j:
                        cell(i, j)
                    if one_table and i < j:
                        cell(j, i)

            over_rows(block, self.parts, grain=1)


def parts_for(negatives: int) -> int:
    """Return how many parts there are for so many negatives."""
    parts = 1
    while parts < MOST_PARTS and 2 * parts * _NEGATIVES <= negatives:
        parts *= 2
    return parts


@compiled
def part_of(node: int, salt: np.uint64, parts: int) -> int:
    """Return the part of a node, from 0."""
    drawn = mixed(salt ^ (np.uint64(node) * GAMMA))
    return int((drawn >> np.uint64(40)) & np.uint64(parts - 1))


@compiled
def _sort_pairs_by_cell(
    source: np.ndarray,
    target: np.ndarray,
    salt: np.uint64,
    parts: int,
    ptr: np.ndarray,
    sources: np.ndarray,
    targets: np.ndarray,
) -> None:
    cell = np.empty(source.size, np.int16)
    for n in range(source.size):
        i, j = part_of(source[n], salt, parts), part_of(target[n], salt, parts)
        cell[n] = i * parts + j
        ptr[cell[n] + 1] += 1
    for c in range(ptr.size - 1):
        ptr[c + 1] += ptr[c]
    at = ptr[:-1].copy()
    for n in range(source.size):
        place = at[cell[n]]
        sources[place], targets[place] = source[n], target[n]
        at[cell[n]] += 1


@compiled
def _shuffle_cells(
    ptr: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    salt: np.uint64,
    first: int,
    last: int,
) -> None:
    for cell in range(first, last):
        state = mixed(salt ^ mixed(after(np.uint64(cell))))
        for n in range(ptr[cell + 1] - 1, ptr[cell], -1):
            state = after(state)
            m = ptr[cell] + below(mixed(state), n + 1 - ptr[cell])
            source[n], source[m] = source[m], source[n]
            target[n], target[m] = target[m], target[n]


@compiled
def _sort_pool_by_part(
    pool: np.ndarray, salt: np.uint64, parts: int, ptr: np.ndarray, pools: np.ndarray
) -> None:
    for n in range(pool.size):
        ptr[part_of(pool[n], salt, parts) + 1] += 1
    for p in range(parts):
        ptr[p + 1] += ptr[p]
    at = ptr[:-1].copy()
    for n in range(pool.size):
        p = part_of(pool[n], salt, parts)
        pools[at[p]] = pool[n]
        at[p] += 1
