"""Nodes that come later, and features that are given anew."""

from datetime import date

import polars as pl
import pytest

from tidegraph.errors import DataError
from tidegraph.graph.live import Graph

KINDS = {
    "list": pl.Series("f", [["p"], ["q"], ["r"]]),
    "array": pl.Series("f", [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pl.Array(float, 2)),
    "struct": pl.Series("f", [{"a": 1}, {"a": 2}, {"a": 3}]),
    "text": pl.Series("f", ["p", "q", "r"]),
    "category": pl.Series("f", ["p", "q", "r"], pl.Categorical),
    "date": pl.Series("f", [date(2000, 1, 1), date(2001, 1, 1), date(2002, 1, 1)]),
    "truth": pl.Series("f", [True, False, True]),
}


def items(**columns) -> Graph:
    table = pl.DataFrame({"i": ["x", "y"], **columns})
    return Graph().nodes("item", table, key="i")


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
def test_features_of_any_type_stay_and_are_given_anew(values):
    a, b, c = values.to_list()
    graph = items(f=values.head(2))
    graph.nodes("item", {"i": ["z"], "h": [7]}, key="i")
    kept = graph.snapshot().items.features

    assert kept.to_dict(as_series=False) == {"f": [a, b, None], "h": [None, None, 7]}
    new = pl.DataFrame(
        {"i": ["y", "w"], "f": [c, a]}, schema_overrides={"f": kept["f"].dtype}
    )
    found = graph.nodes("item", new, key="i").snapshot().items.features

    assert found["f"].to_list() == [a, c, None, a]
    assert found["f"].dtype == values.dtype
    assert found["h"].to_list() == [None, None, 7, None]


def test_a_feature_that_was_unknown_for_all_takes_the_type_of_the_first_value():
    graph = items(f=[None, None]).nodes("item", {"i": ["y"], "f": ["p"]}, key="i")

    assert graph.snapshot().items.features["f"].to_list() == [None, "p"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("cheap", "'price' of the new nodes holds String, and so far Int64"),
        (2.5, "row 0 is 2.5, which would become 2"),
    ],
)
def test_a_feature_that_does_not_fit_its_type_is_one_sentence(value, said):
    graph = items(price=[1, 2])
    before = graph.snapshot()

    with pytest.raises(DataError, match=said):
        graph.nodes("item", {"i": ["z"], "price": [value]}, key="i")

    assert graph.snapshot() is before
