from datetime import date

import polars as pl
import pytest

import tidegraph as tg
from tidegraph.data.sources import read
from tidegraph.errors import DataError


@pytest.mark.parametrize("day", ["1965-01-01", date(1965, 1, 1)], ids=repr)
def test_a_date_before_1970_is_a_time_of_a_log(day):
    log = read({"user": ["b"], "item": ["a"], "time": [day]})

    assert log.time.tolist() == [-157_766_400]
    assert "1965-01-01T00:00:00" in repr(log)


@pytest.mark.parametrize(
    ("unit", "times"), [("s", [-5, -3.5, "-4"]), ("ms", [-5_000, -3_500])]
)
def test_numbers_before_1970_are_times_where_their_unit_is_named(unit, times):
    for time in times:
        log = read({"user": ["b"], "item": ["a"], "time": [time]}, time_unit=unit)

        assert log.time.tolist() == [-4 if time in (-3.5, -3_500, "-4") else -5]
    with pytest.raises(DataError, match="Say time_unit=, or write times before 1970"):
        read({"user": ["b"], "item": ["a"], "time": [-5]})


@pytest.mark.parametrize("kind", [list, pl.DataFrame, dict, "late"], ids=str)
def test_what_a_model_of_such_times_hands_out_is_observed_again(kind):
    days = [date(1940, 1, 1), date(1940, 1, 2), date(1941, 1, 1)]
    log = {"user": ["a", "b", "a"], "item": ["x", "x", "y"], "time": days}
    model = tg.Pipeline(tg.ItemKNN()).fit(read(log))
    latest = model.graph.latest
    event = {"user": ["b"], "item": ["y"], "time": [latest + 5]}

    if kind == "late":
        model.observe([("b", "y", float(latest - 86_400))])
    elif kind is list:
        model.observe([("b", "y", latest + 5)])
    else:
        model.observe(kind(event))

    seen = model.graph.V("user", ["b"]).before(latest + 6).out("action")
    assert seen.ids().to_list() == ["x", "y"]
    model.observe([("b", "y", 1_700_000_000)])
    assert model.graph.latest == 1_700_000_000


def test_a_number_below_0_is_no_time_of_a_model_of_later_times():
    log = {"user": ["a", "b"], "item": ["x", "x"], "time": [1_700_000_000] * 2}
    model = tg.Pipeline(tg.Popular()).fit(read(log))

    with pytest.raises(DataError, match="event 0 has the time -5, not Unix seconds"):
        model.observe([("a", "x", -5)])
    with pytest.raises(DataError, match="before 1970"):
        model.observe(pl.DataFrame({"user": ["a"], "item": ["x"], "time": [-5]}))
