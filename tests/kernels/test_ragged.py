"""Rows laid end to end, against lists of lists."""

from itertools import chain, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.ragged import (
    consecutive,
    end_to_end,
    in_batches,
    latest_places,
    owners,
    starts,
    starts_where,
    values_at,
)

ROWS = st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6)


def laid_out(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    flat = np.array([value for row in rows for value in row], np.int64)
    return starts(np.array([len(row) for row in rows], np.int64)), flat


def cut(ptr: np.ndarray, flat: np.ndarray) -> list[list[int]]:
    return [flat[a:b].tolist() for a, b in pairwise(ptr)]


@given(ROWS)
def test_rows_are_where_they_start_and_entries_know_their_row(rows):
    ptr, flat = laid_out(rows)

    assert ptr.dtype == np.int64
    assert cut(ptr, flat) == rows
    assert owners(ptr).tolist() == [r for r, row in enumerate(rows) for _ in row]


@given(ROWS, st.integers(0, 6), st.integers(0, 6))
def test_consecutive_rows_are_cut_out_without_copying(rows, start, stop):
    ptr, flat = laid_out(rows)
    start = min(start, len(rows))
    part, entries = consecutive(ptr, start, max(start, stop))

    assert cut(part, flat[entries]) == rows[start : max(start, stop)]
    assert np.shares_memory(flat, flat[entries]) or not len(flat[entries])


@given(ROWS, st.data())
def test_kept_entries_stay_in_their_rows(rows, data):
    ptr, flat = laid_out(rows)
    keep = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(flat), max_size=len(flat))),
        np.bool_,
    )
    left = iter(keep.tolist())

    assert cut(starts_where(ptr, keep), flat[keep]) == [
        [value for value in row if next(left)] for row in rows
    ]


@given(st.lists(ROWS, min_size=1, max_size=3))
def test_ragged_arrays_follow_one_another(parts):
    laid = [laid_out(rows) for rows in parts]
    ptr = end_to_end([ptr for ptr, _ in laid])

    assert cut(ptr, np.concatenate([flat for _, flat in laid])) == [*chain(*parts)]


@given(ROWS, st.integers(1, 7))
def test_batches_go_on_where_an_array_ends(rows, size):
    parts = (np.array(row, np.int64) for row in rows)
    batches = [batch.tolist() for batch in in_batches(parts, size)]

    whole = [*chain(*rows)]
    assert [*chain(*batches)] == whole
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert len(batches) == -(-len(whole) // size)


@given(ROWS, st.integers(0, 6))
def test_the_last_entries_of_each_row_stand_with_the_very_last_first(rows, count):
    ptr, flat = laid_out(rows)

    found = values_at(flat, latest_places(ptr[:-1], ptr[1:], count), -7)

    want = [(row[::-1] + [-7] * count)[:count] for row in rows]
    assert found.shape == (len(rows), count)
    assert found.tolist() == want
