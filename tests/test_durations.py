import pytest

from tidegraph.durations import DAY, whole_seconds


@pytest.mark.parametrize(
    ("days", "seconds"),
    [(1, DAY), (0.7, 60_480), (1.1, 95_040), (2.3, 198_720), (1e-9, 1)],
)
def test_a_span_of_days_loses_no_second(days, seconds):
    assert whole_seconds(days) == seconds
