"""An answer about few items costs what they are, and is the same."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.distinct_numbers import are_few
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.retrieval.scoring.fusion import fuse, reciprocal_ranks
from tidegraph.retrieval.scoring.weighted_history import (
    WeightedHistory,
    summed,
    top_k_of_sums,
)
from tidegraph.stages import ItemSets
from tidegraph.stages.evidence import evident_history, positive_history

ITEMS, MANY = 12, 100_000
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def histories(rng: np.random.Generator) -> Histories:
    """Three histories with unknown items, repeats and weights of any sign."""
    ptr = np.concatenate([[0], np.cumsum(rng.integers(0, 6, 3))]).astype(np.int64)
    events = int(ptr[-1])
    weight = rng.choice(np.array([-1, 0, 1, 2], np.float32), events)
    return Histories(
        ptr,
        rng.integers(-1, ITEMS + 2, events).astype(np.int32),
        np.sort(rng.integers(0, 90 * 86_400, events)),
        weight,
    )


def matrix(rng: np.random.Generator) -> SparseRows:
    counts = rng.integers(0, 5, ITEMS)
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    drawn = [np.sort(rng.choice(ITEMS, n, replace=False)) for n in counts]
    column = np.concatenate([*drawn, []]).astype(np.int32)
    weight = rng.choice(np.array([-0.5, 0, 0.25, 1], np.float32), len(column))
    return SparseRows(ptr, column, weight, ITEMS)


@pytest.mark.parametrize("half_life_days", [None, 7.0])
@given(rng=seeds)
def test_the_answer_among_few_items_is_that_among_many(half_life_days, rng):
    votes, history = matrix(rng), evident_history(histories(rng))
    voters = WeightedHistory.of_history(history, ITEMS, half_life_days)
    hidden = ItemSets(
        np.array([0, 2, 2, 5], np.int64), rng.integers(-1, ITEMS, 5).astype(np.int32)
    )
    small = top_k_of_sums(voters, votes, hidden, ITEMS, "a")
    large = top_k_of_sums(voters, replace(votes, width=MANY), hidden, MANY, "a")

    assert are_few(len(votes.column), MANY)
    assert not are_few(1, ITEMS)
    assert (large.item[:, :ITEMS] == small.item).all()
    assert (large.score[:, :ITEMS] == small.score).all()
    assert (large.item[:, ITEMS:] == -1).all()


@pytest.mark.parametrize("half_life_days", [None, 7.0])
@given(rng=seeds)
def test_histories_are_summed_alike_among_few_and_many(half_life_days, rng):
    history = histories(rng)
    few = summed(history, MANY, half_life_days)
    known = ITEMS + 2
    all_ = summed(history, known, half_life_days)

    assert not are_few(1, known)
    for one, other in zip(few.arrays, all_.arrays, strict=True):
        assert (one == other).all()


@given(rng=seeds)
def test_weights_of_items_with_large_numbers_are_no_evidence_alike(rng):
    history = histories(rng)
    far = np.where(history.node < 0, -1, history.node.astype(np.int64) * 10_000)
    small, large = (
        evident_history(history),
        evident_history(replace(history, node=far.astype(np.int32))),
    )

    assert (large.ptr == small.ptr).all()
    assert (large.time == small.time).all()
    # Where all weights count nothing is left out, the unknown items neither.
    expected = np.where(small.node < 0, -1, small.node * 10_000)
    assert (large.node == expected).all()


@given(rng=seeds)
def test_lists_fuse_alike_among_few_and_many(rng):
    lists = np.stack(
        [[rng.permutation(ITEMS)[:5] for _ in range(3)] for _ in range(2)]
    ).astype(np.int32)
    lists[rng.random(lists.shape) < 0.2] = -1
    gain, places = rng.random(lists.shape), np.array([1, 2])
    small = fuse(lists, gain, places, 6, ITEMS)
    large = fuse(lists, gain, places, 6, MANY)

    assert (small[0] == large[0]).all()
    assert (small[1] == large[1]).all()
    votes = reciprocal_ranks(small[0], lists, ITEMS)
    assert (votes == reciprocal_ranks(small[0], lists, MANY)).all()
    assert votes.any()


def test_a_return_makes_no_item_new():
    # Item 3 is taken twice ten days ago and one is sent back today; item 5 is of today.
    day = 86_400
    history = Histories(
        np.array([0, 4], np.int64),
        np.array([3, 3, 5, 3], np.int32),
        np.array([0, 0, 10 * day, 10 * day]),
        np.array([1, 1, 1, -1], np.float32),
    )

    voters = WeightedHistory.of_history(positive_history(history), ITEMS, 10.0)

    assert voters.row.tolist() == [3, 3, 5]
    assert voters.halvings is not None
    assert (voters.gain * 0.5**voters.halvings).tolist() == [0.5, 0.5, 1.0]
