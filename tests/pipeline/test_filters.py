"""Items to choose from by what is known of them."""

from dataclasses import replace

import polars as pl
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.errors import RequestError
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.popular import Popular

ITEMS = pl.DataFrame(
    {
        "sku": ["a", "b", "c", "d", "e"],
        "price": [1, 5, None, 20, 30],
        "brand": ["x", "y", "x", "x", "y"],
    }
)


@pytest.fixture(scope="module")
def model():
    log = interactions(["u", "u", "v", "v", "w"], ["a", "b", "c", "d", "e"])
    log = replace(log, items=log.items.with_features(ITEMS, "sku"))
    return Pipeline(retrieve=Popular(), repeat=True).fit(log)


def items(lists):
    return set(lists["item"])


def test_items_are_chosen_by_their_features(model):
    assert items(model.recommend("u", k=5, only=pl.col("price") < 10)) == {"a", "b"}
    both = (pl.col("price") > 4) & (pl.col("brand") == "y")
    lists = model.recommend_all(["u", "v"], k=5, only=both)

    assert lists.group_by("user").len()["len"].to_list() == [2, 2]
    assert items(lists) == {"b", "e"}


def test_what_is_unknown_is_neither_chosen_nor_left_out(model):
    assert "c" not in items(model.recommend("u", k=5, only=pl.col("price") > 0))
    assert items(model.recommend("u", k=5, exclude=pl.col("price") > 4)) == {"a", "c"}


def test_a_condition_may_name_items_and_stands_beside_lists(model):
    one = (pl.col("brand") == "x") & ~pl.col("item").is_in(["a"])

    assert items(model.recommend("u", k=5, only=one)) == {"c", "d"}
    assert items(model.recommend("u", k=5, only=one, exclude=["d"])) == {"c"}


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (pl.col("colour") == "red", "only asks for 'colour', which no item has; they"),
        (pl.col("price") + 1, "not a truth for each row"),
        (pl.col("brand") < 3, "does not fit the columns"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(model, condition, says):
    with pytest.raises(RequestError, match=says):
        model.recommend("u", k=5, only=condition)
