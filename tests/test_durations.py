import pytest

from tidegraph.durations import DAY, seconds_of


@pytest.mark.parametrize(
    ("days", "seconds"),
    [(1, DAY), (0.7, 60_480), (1.1, 95_040), (2.3, 198_720), (1e-9, 1)],
)
def test_a_span_of_days_loses_no_second(days, seconds):
    assert seconds_of(days) == seconds
