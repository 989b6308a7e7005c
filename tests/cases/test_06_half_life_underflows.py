import polars as pl
import pytest

import tidegraph as tg

START = 1_600_000_000
DAY = 86_400


@pytest.mark.parametrize("days", [1, 100, 200, 400])
def test_a_request_years_later_gets_the_order_of_the_next_day(days):
    # By the sum of 2^(-age): A ten times, C twice, B once and long before once more.
    events = [
        ("B", START - 10),
        *(("A", START + 3600 * hour) for hour in range(10)),
        ("B", START + 5 * 3600),
        ("C", START + 6 * 3600),
        ("C", START + 7 * 3600),
    ]
    table = pl.DataFrame(
        {
            "user": ["a"] * len(events),
            "item": [item for item, _ in events],
            "time": [time for _, time in events],
        }
    )
    log = tg.read(table, user="user", item="item", time="time")
    model = tg.Pipeline(retrieve=(tg.Repeat(half_life_days=1.0),)).fit(log)

    answer = model.recommend("a", k=3, at=START + DAY * days)

    assert answer["item"].to_list() == ["A", "C", "B"]
