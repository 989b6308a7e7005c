"""Edges of a graph may be older than Unix time: citations, patents, loans, births."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.errors import DataError

SECOND = -157_766_400  # 1965-01-01


def citing(times, tick="s", **settings) -> tg.Graph:
    graph = tg.Graph(tick=tick).nodes("paper", {"id": ["a", "b", "c"]}, key="id")
    rows = {"src": ["b", "c"], "dst": ["a", "a"], "on": times}
    return graph.edges("cites", rows, "src: paper -> dst: paper", time="on", **settings)


@pytest.mark.parametrize(
    "times",
    [
        ["1965-01-01", "1972-05-01"],
        [date(1965, 1, 1), date(1972, 5, 1)],
        [datetime(1965, 1, 1), datetime(1972, 5, 1)],
        pl.Series([date(1965, 1, 1), date(1972, 5, 1)]),
        [SECOND, 73_526_400],
        np.array([SECOND - 0.5 + 0.5, 73_526_400.0]),
    ],
    ids=["text", "dates", "datetimes", "column", "seconds", "floats"],
)
def test_edges_before_1970_are_found_by_clocks_before_and_after_them(times):
    graph = citing(times)

    def cited(node: str, clock: object) -> list[str]:
        return graph.V("paper", [node]).before(clock).out("cites").ids().to_list()

    assert cited("b", "1965-01-01") == []
    assert cited("b", "1965-01-02") == ["a"]
    assert cited("b", SECOND + 1) == ["a"]
    assert cited("c", "1970-01-01") == []
    assert cited("c", date(2000, 1, 1)) == ["a"]
    found = graph.V("paper", ["b"]).before(0).out("cites").frame("on")
    assert found["on"].to_list() == [SECOND]


def test_a_fraction_of_a_second_before_1970_is_kept_by_a_graph_that_counts_so():
    half = datetime(1969, 12, 31, 23, 59, 58, 500_000)
    graph = citing([half, datetime(1970, 1, 1)], tick="ms")

    for clock, found in ((-1, [-1.5]), (-1.499, [-1.5]), (-1.5, []), (half, [])):
        on = graph.V("paper", ["b"]).before(clock).out("cites").frame("on")["on"]
        assert on.to_list() == found
    with pytest.raises(DataError, match=r"counts whole seconds.*tick='ms'"):
        citing([half, datetime(1970, 1, 1)])


def test_a_unit_of_numbers_before_1970_can_be_named():
    graph = citing([SECOND * 1000 + 999, 0], tick="ms", time_unit="ms")

    found = graph.V("paper", ["b"]).before(SECOND + 1).out("cites").frame("on")
    assert found["on"].to_list() == [SECOND + 0.999]


def test_a_plan_sees_what_is_strictly_before_a_clock_before_1970():
    graph = citing(["1965-01-01", "1965-01-03"])
    back = tg.hop("~cites").recent(5)

    field = graph.V("paper", ["a"]).before("1965-01-03").with_(p=back).p

    assert field.mask[1].sum() == 1
    assert field.dt[1][field.mask[1]].tolist() == [2 * 86_400]


def test_older_edges_are_appended_saved_and_opened(tmp_path):
    graph = citing(["1965-01-01", "1972-05-01"])
    late = tg.Graph(graph.snapshot(), late_seconds=None)
    late.append("cites", {"src": ["c"], "dst": ["b"], "on": ["1492-10-12"]})
    late.save(tmp_path / "g")

    again = tg.Graph.open(tmp_path / "g")

    found = again.V("paper", ["c"]).before("1500-01-01").out("cites").ids()
    assert found.to_list() == ["b"]


def test_numbers_before_1970_of_two_units_are_refused():
    with pytest.raises(DataError, match="mixes units"):
        citing([SECOND, SECOND * 1000])
