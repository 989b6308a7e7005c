import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.intrinsics import (
    LANES,
    choose,
    copy_lanes,
    fill_lanes,
    halve_lanes,
    prefetch,
    subtract_lanes,
)
from tidegraph.kernels.jit import compiled


@compiled
def copied(source, start, target, to, found, more, fill):
    copy_lanes(source, start, target, to, found, more, fill)


@compiled
def subtracted(source, start, target, to, found, whole, fill):
    subtract_lanes(source, start, target, to, found, whole, fill)


@compiled
def filled(target, to, found):
    fill_lanes(target, to, found)


@compiled
def chosen(condition, yes, no):
    return choose(condition, yes, no)


@compiled
def asked_for(array, index):
    prefetch(array, index)
    return array[0]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [(np.int32, np.int32), (np.int32, np.int64), (np.int64, np.int64)],
)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(-2, LANES + 2))
def test_lanes_are_those_of_the_source_until_found_then_the_fill(
    narrow, wide, start, to, found
):
    source = np.arange(20, dtype=narrow) * 3 - 7
    target = np.full((2, 10), 99, wide)
    sums, rests = target.copy(), target.copy()
    for j in range(LANES):
        sums.flat[to + j] = source[start + j] + 5 if j < found else -1
        rests.flat[to + j] = 5 - source[start + j] if j < found else -1

    copied(source, start, target, to, found, 5, -1)
    assert np.array_equal(target, sums)
    subtracted(source, start, target, to, found, 5, -1)
    assert np.array_equal(target, rests)


@pytest.mark.parametrize("kind", [np.bool_, np.float32])
@given(st.integers(0, 12), st.integers(-2, LANES + 2))
def test_lanes_are_filled_with_ones_until_found_then_zeros(kind, to, found):
    target = (
        np.full((2, 10), 7, np.float32) if kind is np.float32 else np.ones(20, kind)
    )
    expected = target.copy()
    for j in range(LANES):
        expected.flat[to + j] = j < found

    filled(target, to, found)

    assert np.array_equal(target, expected)


def test_the_largest_numbers_are_copied_whole():
    source = np.full(LANES, 2**31 - 1, np.int32)
    target = np.zeros(LANES, np.int64)

    copied(source, 0, target, 0, LANES, 2**40, 0)

    assert target.tolist() == [2**31 - 1 + 2**40] * LANES


@given(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9))
def test_one_of_two_is_chosen(condition, yes, no):
    assert chosen(condition, yes, no) == (yes if condition else no)


@pytest.mark.parametrize("index", [0, 5, -(10**9), 10**12])
def test_asking_for_a_place_outside_an_array_does_no_harm(index):
    assert asked_for(np.array([3.5]), index) == 3.5


@compiled
def halved(time, base, clock, at, left, size, lane):
    halve_lanes(time, base, clock, at, left, size, lane)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@given(
    st.lists(st.integers(-5, 30), min_size=1, max_size=40).map(sorted),
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(95, 135)),
        min_size=LANES,
        max_size=LANES,
    ),
)
def test_searches_by_halves_find_what_numpy_finds(kind, times, searches):
    time = np.array(times, kind)
    ends = [(min(a, b, len(times)), min(max(a, b), len(times))) for a, b, _ in searches]
    left = np.array([0] * 3 + [low for low, _ in ends])
    size = np.array([0] * 3 + [high - low for low, high in ends])
    clock = np.array([0] * 2 + [clock for _, _, clock in searches])
    for _ in range(6):
        halved(time, 100, clock, 2, left, size, 3)

    expected = [
        low + int(np.searchsorted(time[low:high] + 100, until))
        for (low, high), (_, _, until) in zip(ends, searches, strict=True)
    ]
    assert left[3:].tolist() == expected
    assert not size.any()
