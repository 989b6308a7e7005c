from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from tidegraph.data.split import second_of
from tidegraph.data.times.ticks import PER_SECOND
from tidegraph.errors import DataError, RequestError
from tidegraph.graph.storage.ingest import time_array
from tidegraph.graph.times import moments, ticks_in, window

MAY = 1_714_521_600  # 2024-05-01


@pytest.mark.parametrize(
    "moment",
    [
        MAY,
        float(MAY) + 0.5,
        np.int64(MAY),
        "2024-05-01",
        date(2024, 5, 1),
        datetime(2024, 5, 1),
        datetime(2024, 5, 1, tzinfo=UTC),
        np.datetime64("2024-05-01"),
        np.array(MAY),
    ],
    ids=repr,
)
def test_a_moment_of_any_spelling_is_that_of_all(moment):
    assert moments(moment, 2).tolist() == [MAY, MAY]


@pytest.mark.parametrize(
    "given",
    [
        [MAY, MAY + 1],
        np.array([MAY, MAY + 1], np.uint32),
        ["2024-05-01T00:00:00", "2024-05-01T00:00:01"],
        np.array(["2024-05-01T00:00:00", "2024-05-01T00:00:01"], "datetime64[ms]"),
        pl.Series([datetime(2024, 5, 1), datetime(2024, 5, 1, 0, 0, 1)]),
    ],
    ids=["numbers", "an array", "texts", "an array of dates", "a column"],
)
def test_each_row_may_have_its_own(given):
    assert moments(given, 2).tolist() == [MAY, MAY + 1]


def test_no_rows_need_no_moments():
    assert moments([], 0).tolist() == []


@pytest.mark.parametrize("moment", [1000 * MAY, 1000.0 * MAY, float("nan"), 2**63 - 1])
def test_what_is_no_second_of_our_time_is_refused(moment):
    with pytest.raises(RequestError, match="no Unix second before the year 5138"):
        moments(moment, 1)


@pytest.mark.parametrize(
    "moment", [None, np.datetime64("NaT"), [5, "2024-05-01"], object(), "soon"]
)
def test_what_is_no_time_is_one_sentence(moment):
    with pytest.raises((RequestError, DataError)) as caught:
        moments(moment, 1)

    assert "\n" not in str(caught.value)


def test_as_many_moments_as_rows_are_wanted():
    with pytest.raises(RequestError, match="2 times for 3 rows"):
        moments([1, 2], 3)


FAR = [
    np.array(["3000-01-01"], "M8[D]"),
    np.array(["3000-01"], "M8[M]"),
    np.array(["3000-01-01T00:00:00"], "M8[s]"),
    np.array(["3000-01-01T00:00:00.000"], "M8[ms]"),
]


@pytest.mark.parametrize("when", FAR, ids=lambda when: str(when.dtype))
def test_a_year_that_nanoseconds_do_not_reach_is_kept(when):
    start = 32_503_680_000

    assert time_array(when, "e", "s").tolist() == [start]
    assert moments(when, 1, "us").tolist() == [start * 10**6]
    assert second_of(when[0]) == start


@pytest.mark.parametrize("unit", ["D", "Y", "s"])
def test_a_datetime_that_no_time_can_be_is_shown_as_it_is(unit):
    when = np.array([10**15], f"M8[{unit}]")

    with pytest.raises(DataError, match=f"edge 0 of 'e' is {when[0]}, beyond the year"):
        time_array(when, "e", "s")
    with pytest.raises(RequestError, match="no Unix second before the year 5138"):
        moments(when, 1)


def test_a_cut_in_a_year_that_wraps_around_is_refused():
    with pytest.raises(DataError, match=r"beyond what a time can be"):
        second_of(np.datetime64(10**12, "Y"))


def test_a_time_between_two_ticks_of_a_far_year_is_shown_in_its_century():
    when = np.array(["3000-01-01T00:00:00.500"], "M8[ms]")

    with pytest.raises(DataError, match=r"is 3000-01-01T00:00:00\.5, and this graph"):
        time_array(when, "e", "s")


@pytest.mark.parametrize("tick", ["ms", "us"])
def test_a_span_has_the_ticks_that_its_number_says(tick):
    for n in range(1, 3000):
        assert ticks_in(n / PER_SECOND[tick], tick) == n
    assert ticks_in(1.0016, "ms") == 1001


def test_a_span_of_days_and_hours_loses_no_second():
    assert window(days=0.7) == 60_480
    assert window(hours=1.13) == 4068
    assert ticks_in(window(hours=1.13), "s") == 4068
