from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from tidegraph.errors import DataError, RequestError
from tidegraph.graph.times import moments

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
