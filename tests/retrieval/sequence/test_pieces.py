"""Every event but a user's first is found once an epoch, by all of its piece before."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.ragged import starts
from tidegraph.retrieval.sequence.pieces import batches_of, latest_first, pieces_of


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.integers(2, 6))
def test_pieces_that_share_an_event_have_every_other_as_a_target_once(sizes, length):
    ptr = starts(np.array(sizes))

    pieces = pieces_of(ptr, length, overlap=1)

    found = sorted(
        place
        for first, stop in zip(pieces.first, pieces.stop, strict=True)
        for place in range(first + 1, stop)
    )
    expected = [p for a, b in itertools.pairwise(ptr) for p in range(a + 1, b)]
    assert found == expected
    assert (pieces.size <= length).all()
    assert (pieces.first >= ptr[pieces.user]).all()
    assert (pieces.stop <= ptr[pieces.user + 1]).all()


def test_pieces_are_cut_from_the_latest_event_back():
    pieces = pieces_of(np.array([0, 7, 7, 8, 10]), 3)

    # Event 0 would be alone; a user of one event has nothing that follows.
    assert pieces.user.tolist() == [0, 0, 0, 3]
    assert pieces.first.tolist() == [4, 1, 0, 8]
    assert pieces.stop.tolist() == [7, 4, 2, 10]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.integers(2, 6))
def test_every_event_of_who_has_several_is_in_a_piece(sizes, length):
    ptr = starts(np.array(sizes))

    pieces = pieces_of(ptr, length)

    found = {
        place
        for first, stop in zip(pieces.first, pieces.stop, strict=True)
        for place in range(first, stop)
    }
    assert found == {
        p for a, b in itertools.pairwise(ptr) if b - a > 1 for p in range(a, b)
    }
    assert ((pieces.size > 1) & (pieces.size <= length)).all()


def test_batches_hold_every_piece_once_alike_in_events_and_in_length():
    rng = np.random.default_rng(0)
    ptr = starts(rng.integers(2, 60, 500))
    pieces = pieces_of(ptr, 100)

    batches = list(batches_of(pieces, 16, np.random.default_rng(1)))

    assert sorted(np.concatenate([b.first for b in batches])) == sorted(pieces.first)
    events = np.array([b.size.sum() for b in batches])
    assert events.max() <= 16 * pieces.size.mean() + 60
    padded = sum(len(b.size) * b.size.max() for b in batches)
    assert padded <= 1.1 * pieces.size.sum()
    again = next(batches_of(pieces, 16, np.random.default_rng(2)))
    assert again.first.tolist() != batches[0].first.tolist()


def test_no_batch_is_empty_where_one_piece_has_more_events_than_a_batch():
    pieces = pieces_of(starts(np.array([2] * 30 + [60])), 61)

    batches = list(batches_of(pieces, 2, np.random.default_rng(0)))

    # Of 120 events in 31 pieces a batch of two has 8, four pieces of two.
    assert sorted(len(b.size) for b in batches) == [1, 2, 4, 4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("width", [0, 1, 4])
def test_the_latest_event_stands_first(width):
    first, stop = np.array([0, 5]), np.array([width, 6])

    rows, there = latest_first(np.arange(10, 20, dtype=np.int32), first, stop)

    assert rows.shape == (2, max(width, 1))
    assert rows[there].tolist() == [*range(9 + width, 9, -1), 15]
    assert not rows[~there].any()
