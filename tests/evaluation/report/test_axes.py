import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.evaluation.report.axes import calendar, linear, logarithmic, number_text

YEAR = 365 * 86_400


def texts(axis) -> list[str]:
    return [text for _, text in axis.ticks]


def test_round_ticks_cover_the_values():
    axis = linear("x", 0.0, 0.93)

    assert texts(axis) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert (axis.low, axis.high) == (0.0, 1.0)


def test_shares_are_written_as_percent():
    assert texts(linear("x", 0.0, 1.0, percent=True)) == [
        *("0 %", "20 %", "40 %", "60 %", "80 %", "100 %")
    ]


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_a_linear_axis_always_covers_its_values_with_a_few_ticks(low, width):
    axis = linear("x", low, low + width)

    slack = 1e-9 * max(abs(low), width, 1)
    assert axis.low <= low + slack
    assert axis.high >= low + width - slack
    assert 2 <= len(axis.ticks) <= 8


def test_places_run_from_zero_to_one():
    axis = linear("x", 0.0, 10.0)

    assert axis.place(np.array([0.0, 5.0, 10.0])).tolist() == [0, 0.5, 1]


def test_equal_factors_are_equal_steps_of_a_logarithmic_axis():
    axis = logarithmic("x", 700.0)

    assert texts(axis) == ["1", "10", "100", "1,000"]
    np.testing.assert_allclose(axis.place(np.array([1.0, 10.0, 1000.0])), [0, 1 / 3, 1])


def test_long_logs_are_marked_at_years_short_ones_at_days():
    new_year = 946_684_800  # 2000-01-01

    assert texts(calendar("", new_year, new_year + 5 * YEAR))[:2] == ["2000", "2001"]
    assert texts(calendar("", new_year, new_year + YEAR))[0] == "2000-01"
    days = calendar("", new_year, new_year + 4 * 86_400)
    assert texts(days)[:2] == ["2000-01-01", "2000-01-02"]
    assert len(calendar("", new_year, new_year + 60 * 86_400).ticks) <= 8


def test_a_single_moment_is_still_an_axis():
    axis = calendar("", 5, 5)

    assert axis.place(np.array([5.0])).tolist() == [0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (1234.0, "1,234"), (25_000.0, "25k"), (3.2e6, "3.2M"), (0.0, "0")],
)
def test_numbers_are_written_as_they_are_read(value, text):
    assert number_text(value) == text
