"""Skip-gram with negative sampling on two tables, by plain gradient steps.

For a pair of a source s and a target t, with K negatives n,

    loss = -log sigma(x_s . y_t) - sum_n log sigma(-x_s . y_n)

Pairs are taken a few at a time: they share their negatives, so that a product of two
small matrices replaces most reads of long tables, and their gradients are of the
vectors as they were before. A negative that is the target counts nothing.

Source:
    Mikolov et al., "Distributed representations of words and phrases and their
    compositionality", NIPS 2013, equation 4; Ji et al., "Parallelizing Word2Vec in
    shared and distributed memory" (2016), for shared negatives.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled, inlined
from tidegraph.kernels.tables.grid import Grid
from tidegraph.kernels.tables.vectors import (
    add_multiples,
    add_row,
    copy_row,
    dots,
    padded,
)

SHARING = 16
"""Pairs that share their negatives."""

_LINE = 16  # Numbers in a line of the cache.
_LEAST = 1e-150


def skip_gram(
    sources: Float32[np.ndarray, "nodes d"],
    targets: Float32[np.ndarray, "others d"],
    grid: Grid,
    rate: float,
    negatives: int,
    *,
    one_table: bool = False,
) -> float:
    """Take a step down the gradient for every pair of a grid; return the mean loss.

    The bits are the same on any number of threads. In the loss, which is for people to
    look at, no probability is below 1e-7; in the steps they are as they are.

    Args:
        sources: Vectors of sources, changed in place.
        targets: Vectors of targets, changed in place.
        grid: Pairs by cell, and negatives by part.
        rate: Length of a step.
        negatives: How many negatives each pair is told from.
        one_table: The two tables are one.
    """
    loss = np.zeros(grid.parts**2)
    tables = sources.reshape(-1), targets.reshape(-1)
    width = sources.shape[1]

    def cell(i: int, j: int) -> None:
        pairs, pool = grid.cell(i, j)
        # Cells of one part of targets begin at other negatives of its pool.
        drawn = i * len(pool) // grid.parts
        loss[i * grid.parts + j] = _step_pairs_of_cell(
            tables, width, pairs, pool, drawn, np.float32(rate), negatives
        )

    grid.go_through(cell, one_table=one_table)
    return float(loss.sum()) / max(len(grid.source), 1)


def negatives_of(pairs: int, each: int) -> int:
    """Return how many negatives pairs need of which a few share ``each``."""
    return -(-pairs // SHARING) * each


class _Room(NamedTuple):
    """What a block of pairs works in; rows are ``padded``.

    Attributes:
        source: Vectors of the sources.
        target: Vectors of the targets.
        other: Vectors of the negatives.
        pull: What the sources are moved by.
        push: What the negatives are moved by.
        score: For each pair its product, then that with each negative; later the steps.
        power: For ``_sigmoids``.
        node: The negatives.
    """

    source: np.ndarray
    target: np.ndarray
    other: np.ndarray
    pull: np.ndarray
    push: np.ndarray
    score: np.ndarray
    power: np.ndarray
    node: Int64[np.ndarray, " negatives"]


@compiled
def _step_pairs_of_cell(
    tables: tuple[np.ndarray, np.ndarray],
    size: int,
    pairs: tuple[np.ndarray, np.ndarray],
    pool: np.ndarray,
    drawn: int,
    rate: np.float32,
    negatives: int,
) -> float:
    """Take the steps of the pairs of a cell, and return the sum of their losses.

    ``drawn`` is the place in the pool of the first negative.
    """
    source, target = pairs
    count, width = (negatives if pool.size else 0), padded(size)
    room = _empty_room(count, width)
    total, product = 0.0, 1.0
    for first in range(0, source.size, SHARING):
        block = min(SHARING, source.size - first)
        for k in range(count):
            room.node[k] = pool[drawn % pool.size]
            drawn += 1
        _prefetch_block(tables, size, source, target, first + SHARING)
        _gather_vectors(tables, size, width, source, target, first, block, room)
        _score_block(width, block, room)
        _sigmoids(room.score, room.power, block * (count + 1))
        loss, product = _steps_from_scores(target, first, block, rate, room, product)
        total += loss
        _step_vectors(tables, size, width, source, target, first, block, room)
    return total - np.log(product)


@inlined
def _empty_room(count: int, width: int) -> _Room:
    long = SHARING * width
    return _Room(
        np.zeros(long, np.float32),
        np.zeros(long, np.float32),
        np.zeros(count * width, np.float32),
        np.zeros(long, np.float32),
        np.zeros(count * width, np.float32),
        np.zeros(SHARING * (count + 1), np.float32),
        np.zeros(SHARING * (count + 1), np.int32),
        np.zeros(count, np.int64),
    )


@inlined
def _prefetch_block(
    tables: tuple[np.ndarray, np.ndarray],
    size: int,
    source: np.ndarray,
    target: np.ndarray,
    first: int,
) -> None:
    """Begin to fetch the rows of a block, all of which must be there."""
    if first + SHARING <= source.size:
        for n in range(first, first + SHARING):
            for j in range(0, size, _LINE):
                prefetch(tables[0], source[n] * size + j)
                prefetch(tables[1], target[n] * size + j)


@inlined
def _gather_vectors(
    tables: tuple[np.ndarray, np.ndarray],
    size: int,
    width: int,
    source: np.ndarray,
    target: np.ndarray,
    first: int,
    block: int,
    room: _Room,
) -> None:
    for k in range(room.node.size):
        copy_row(tables[1], room.node[k] * size, room.other, k * width, size)
    for b in range(block):
        copy_row(tables[0], source[first + b] * size, room.source, b * width, size)
        copy_row(tables[1], target[first + b] * size, room.target, b * width, size)
    room.pull[:] = 0
    room.push[:] = 0


@inlined
def _score_block(width: int, block: int, room: _Room) -> None:
    count = room.node.size
    for b in range(block):
        row, to = b * width, b * (count + 1)
        dots(room.source, row, room.target, row, 1, width, room.score, to)
        dots(room.source, row, room.other, 0, count, width, room.score, to + 1)


@inlined
def _steps_from_scores(
    target: np.ndarray,
    first: int,
    block: int,
    rate: np.float32,
    room: _Room,
    product: float,
) -> tuple[float, float]:
    """Turn probabilities into steps, and multiply ``product`` by those of the truth.

    A logarithm costs more than a pair, so there is one where the product gets small.

    Returns:
        The loss of the products that were, and the product that is.
    """
    at, loss = 0, 0.0
    for b in range(block):
        likely = room.score[at]
        product *= _clipped_probability(likely)
        room.score[at] = rate * (np.float32(1) - likely)
        at += 1
        for k in range(room.node.size):
            likely = room.score[at]
            if room.node[k] == target[first + b]:
                room.score[at] = 0
            else:
                product *= _clipped_probability(np.float32(1) - likely)
                room.score[at] = -rate * likely
            at += 1
            if product < _LEAST:
                loss -= np.log(product)
                product = 1.0
    return loss, product


@inlined
def _clipped_probability(probability: np.float32) -> float:
    """Return a probability of at least 1e-7; what is no number stays none."""
    return 1e-7 if probability < 1e-7 else float(probability)


@inlined
def _step_vectors(
    tables: tuple[np.ndarray, np.ndarray],
    size: int,
    width: int,
    source: np.ndarray,
    target: np.ndarray,
    first: int,
    block: int,
    room: _Room,
) -> None:
    count = room.node.size
    for b in range(block):
        row, at = b * width, b * (count + 1)
        add_multiples(room.score, at, 1, room.target, row, 1, width, room.pull, row)
        add_multiples(
            room.score, at + 1, 1, room.other, 0, count, width, room.pull, row
        )
    for k in range(count):
        add_multiples(
            *(room.score, k + 1, count + 1, room.source, 0, block, width),
            *(room.push, k * width),
        )
    one = np.float32(1)
    for b in range(block):
        t, step = target[first + b] * size, room.score[b * (count + 1)]
        add_row(step, room.source, b * width, tables[1], t, size)
        add_row(one, room.pull, b * width, tables[0], source[first + b] * size, size)
    for k in range(count):
        add_row(one, room.push, k * width, tables[1], room.node[k] * size, size)


@inlined
def _sigmoids(score: np.ndarray, power: np.ndarray, count: int) -> None:
    """Replace numbers x by 1 / (1 + e^-x), to 1e-6; beyond 30 they are as at 30.

    e^-x is 2^whole * e^rest with a rest of at most log(2) / 2, by its Taylor series.
    """
    halves = power.view(np.float32)
    for n in range(count):
        x = score[n]
        x = np.float32(30) if x > 30 else x
        x = np.float32(-30) if x < -30 else x
        whole = np.floor(x * np.float32(-1.4426950408889634) + np.float32(0.5))
        rest = -x - whole * np.float32(0.6931471805599453)
        power[n] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        series = rest * np.float32(1 / 720) + np.float32(1 / 120)
        series = series * rest + np.float32(1 / 24)
        series = series * rest + np.float32(1 / 6)
        series = series * rest + np.float32(1 / 2)
        series = series * rest + np.float32(1)
        score[n] = series * rest + np.float32(1)
    for n in range(count):
        score[n] = np.float32(1) / (np.float32(1) + score[n] * halves[n])
