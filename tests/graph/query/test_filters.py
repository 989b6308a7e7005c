"""Conditions on what a query has reached."""

from datetime import datetime

import polars as pl
import pytest

from graph.brute import graph_of
from tidegraph.errors import RequestError
from tidegraph.graph.query.filters import check

LOG = [(0, 0, 10, 1.0), (0, 1, 20, 2.0), (1, 1, 20, 1.0), (0, 2, 30, 1.0)]


def test_a_time_is_not_compared_with_a_date():
    reached = graph_of(LOG).V("user", [0]).before(99).out("click")
    with pytest.raises(RequestError, match="'ts' holds Unix seconds"):
        reached.where(pl.col("ts") < datetime(2024, 5, 3))
    with pytest.raises(RequestError, match="'ts' holds Unix seconds"):
        graph_of(LOG).E("click").where(pl.col("ts") < datetime(2024, 5, 3))

    assert len(reached.where(pl.col("ts") < 25)) == 2


def test_a_condition_that_does_not_fit_is_one_sentence():
    reached = graph_of(LOG).V("user", [0]).before(99).out("click")
    with pytest.raises(RequestError, match="'price > 3' is no condition"):
        check("price > 3")
    for wrong in (
        pl.col("price") > "x",
        pl.col("price"),
        pl.lit(3),
        pl.col("cost") > 1,
    ):
        with pytest.raises(RequestError) as caught:
            reached.where(wrong)
        assert "\n" not in str(caught.value)


def test_a_condition_at_the_start_narrows_the_start():
    items = graph_of(LOG).V("item").where(pl.col("price") > 5)

    assert items.count()["start"].to_list() == [3, 4]
    assert len(items.before([1, 2]).out("~click").count()) == 2
