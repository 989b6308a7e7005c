"""Pairwise ranking (BPR) on two tables, by one plain gradient step per pair.

For a user u, an item i of theirs and another item j,

    loss = -log sigma(x_u . (y_i - y_j)) + l2 / 2 (|x_u|^2 + |y_i|^2 + |y_j|^2)

Source:
    Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI
    2009, figure 4. Departs: every pair comes once an epoch, rather than by chance.
"""

import numpy as np
from jaxtyping import Float32

from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled, inlined
from tidegraph.kernels.keyed_rng import after, below, mixed
from tidegraph.kernels.sparse_rows import SparseRows, find_entry
from tidegraph.kernels.tables.grid import Grid
from tidegraph.kernels.tables.vectors import add_row, copy_row, dots, padded

_ATTEMPTS = 20
_AHEAD = 4
_LINE = 16  # Numbers in a line of the cache.


def pairwise(
    users: Float32[np.ndarray, "users d"],
    items: Float32[np.ndarray, "items d"],
    grid: Grid,
    known: SparseRows,
    rate: float,
    l2: float,
    key: int,
) -> float:
    """Take a step down the gradient for every pair of a grid; return the mean loss.

    The other item is drawn from the pool of the item's part, each entry as likely,
    until it is none of the user's; a pair for which that fails is left out. The penalty
    is in the steps, not in the loss that is returned. The bits are the same on any
    number of threads.

    Args:
        users: Vectors of users, changed in place.
        items: Vectors of items, changed in place.
        grid: Pairs of users and items by cell, and items to draw from by part.
        known: The items of each user, increasing.
        rate: Length of a step.
        l2: Penalty on the squared length of the three vectors.
        key: Draws the other items.
    """
    loss, count = np.zeros(grid.parts**2), np.zeros(grid.parts**2, np.int64)
    tables = users.reshape(-1), items.reshape(-1)
    width, owned = users.shape[1], (known.ptr, known.column)
    step, shrink = np.float32(rate), np.float32(-rate * l2)

    def cell(i: int, j: int) -> None:
        at = i * grid.parts + j
        pairs, pool = grid.cell(i, j)
        state = mixed(np.uint64(key) ^ mixed(after(np.uint64(at))))
        loss[at], count[at] = _step_pairs_of_cell(
            tables, width, pairs, pool, owned, (step, shrink), np.uint64(state)
        )

    grid.go_through(cell)
    return float(loss.sum()) / max(int(count.sum()), 1)


@compiled
def _step_pairs_of_cell(
    tables: tuple[np.ndarray, np.ndarray],
    size: int,
    pairs: tuple[np.ndarray, np.ndarray],
    pool: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    steps: tuple[np.float32, np.float32],
    state: np.uint64,
) -> tuple[float, int]:
    """Take the steps of the pairs of a cell; return their losses' sum and number."""
    user, item = pairs
    other = _draw_negatives(user, pool, known, state)
    width = padded(size)
    room, score = np.zeros(3 * width, np.float32), np.zeros(2, np.float32)
    total, count = 0.0, 0
    for n in range(user.size):
        if n + _AHEAD < user.size:
            _prefetch_rows(
                tables, size, user[n + _AHEAD], item[n + _AHEAD], other[n + _AHEAD]
            )
        if other[n] < 0:
            continue
        u, i, j = user[n] * size, item[n] * size, other[n] * size
        copy_row(tables[0], u, room, 0, size)
        copy_row(tables[1], i, room, width, size)
        copy_row(tables[1], j, room, 2 * width, size)
        dots(room, 0, room, width, 2, width, score, 0)
        apart = score[0] - score[1]
        # Of the two forms, the one that cannot overflow.
        small = np.exp(-abs(apart))
        total += np.log1p(small) + max(-apart, np.float32(0))
        count += 1
        wrong = small / (1 + small) if apart > 0 else 1 / (1 + small)
        _step_rows(tables, size, width, (u, i, j), steps, np.float32(wrong), room)
    return total, count


@inlined
def _prefetch_rows(
    tables: tuple[np.ndarray, np.ndarray], size: int, u: int, i: int, j: int
) -> None:
    for part in range(0, size, _LINE):
        prefetch(tables[0], u * size + part)
        prefetch(tables[1], i * size + part)
        prefetch(tables[1], j * size + part)


@inlined
def _step_rows(
    tables: tuple[np.ndarray, np.ndarray],
    size: int,
    width: int,
    rows: tuple[int, int, int],
    steps: tuple[np.float32, np.float32],
    wrong: np.float32,
    room: np.ndarray,
) -> None:
    u, i, j = rows
    step, shrink = steps[0] * wrong, steps[1]
    add_row(shrink, room, 0, tables[0], u, size)
    add_row(step, room, width, tables[0], u, size)
    add_row(-step, room, 2 * width, tables[0], u, size)
    add_row(shrink, room, width, tables[1], i, size)
    add_row(step, room, 0, tables[1], i, size)
    add_row(shrink, room, 2 * width, tables[1], j, size)
    add_row(-step, room, 0, tables[1], j, size)


@compiled
def _draw_negatives(
    user: np.ndarray,
    pool: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    state: np.uint64,
) -> np.ndarray:
    """Return another item for each pair, -1 for none."""
    other = np.full(user.size, -1, np.int32)
    for n in range(user.size):
        for _ in range(_ATTEMPTS if pool.size else 0):
            state = after(state)
            j = pool[below(mixed(state), pool.size)]
            if find_entry(known[0], known[1], user[n], j) < 0:
                other[n] = j
                break
    return other
