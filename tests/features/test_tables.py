"""Users and items as rows of tables."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.features.columns import FeatureSet
from tidegraph.features.tables import Side, Tables
from tidegraph.features.values import quantile_codes, quantile_edges
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests


def goods(**columns):
    """Items a to e, of which d and e come after the request; users u and v."""
    items = list("abcde")
    log = interactions(list("uvuvu"), items, np.array([1, 2, 3, 8, 9]))
    features = pl.DataFrame({"item": items, **columns})
    people = pl.DataFrame({"user": ["v", "u"], "age": [30, None]})
    return replace(
        log,
        items=log.items.with_features(features, "item"),
        users=log.users.with_features(people, "user"),
    )


def tables(log, *fields, **options):
    requests = Requests.of_users(
        Snapshot.of(log), np.array([0], np.int32), np.array([5])
    )
    return Tables.of(requests, fields, **options)


ALL_AND_MORE = np.array([0, 1, 2, 3, 4, 5, -1], np.int32)


def test_ids_and_values_that_were_known_have_rows_and_all_else_has_none():
    log = goods(color=["red", None, "blue", "blue", "green"])

    found = tables(log, "item.color", "user.age")

    assert found.item.counts == (3, 2)
    rows = found.item.rows(ALL_AND_MORE)
    assert rows[:, 0].tolist() == [1, 2, 3, 0, 0, 0, 0]
    # An item that came later has the color it would have had; green is new.
    assert rows[:, 1].tolist() == [1, 0, 2, 2, 0, 0, 0]
    assert found.user.counts == (2, 1)
    assert found.user.rows(np.array([0, 1, -1], np.int32)).tolist() == [
        [1, 0],
        [2, 1],
        [0, 0],
    ]


def test_numbers_with_a_fraction_are_cut_into_ranges():
    price = [1.5, float("nan"), 2.5, 100.0, None]

    rows = tables(goods(price=price), "item.price").item.rows(ALL_AND_MORE)[:, 1]

    assert rows[0] < rows[2] == rows[3]
    assert rows[[1, 4, 5, 6]].tolist() == [0] * 4


def test_whole_numbers_with_gaps_that_came_as_floats_are_kinds():
    brand = [7.0, None, 9.0, 7.0, float("nan")]

    found = tables(goods(brand=brand), "item.brand").item

    assert found.counts == (3, 2)
    assert found.rows(ALL_AND_MORE)[:, 1].tolist() == [1, 0, 2, 1, 0, 0, 0]


def test_ranges_have_as_many_rows_each():
    rng = np.random.default_rng(0)
    items = [f"i{n}" for n in range(1600)]
    log = interactions(["u"] * 1600, items, np.arange(1600))
    features = pl.DataFrame({"item": items, "price": rng.normal(size=1600)})
    log = replace(log, items=log.items.with_features(features, "item"))

    side = Side.of(log.items, "item", ("price",), 1600)

    assert side.counts == (1600, 16)
    assert np.bincount(side.code[:, 0])[1:].tolist() == [100] * 16


def test_a_smallest_value_that_many_have_is_a_range_of_its_own():
    worth = [0.0] * 95 + [0.5, 1.5, 1.5, 2.5, 2.5]

    count, code = quantile_codes(pl.Series(worth), 100)

    assert set(code[:95]) == {1}
    assert set(code[95:]) == {2}
    assert count == 2


def test_a_smallest_value_that_many_have_leaves_the_ranges_above_as_they_were():
    rng = np.random.default_rng(0)
    worth = np.concatenate([np.zeros(810), rng.uniform(1, 2, 790)])

    edges = quantile_edges(pl.Series(worth))

    quantiles = np.quantile(worth, np.arange(9, 16) / 16)
    assert 0 < edges[0] < 1e-300
    np.testing.assert_array_equal(edges[1:], quantiles)


def test_where_a_range_holds_but_the_smallest_value_it_ends_as_it_did():
    stars = pl.Series([1.0, 2.0, 3.0, 4.0, 5.0] * 20)

    assert quantile_edges(stars).tolist() == [1, 2, 3, 4, 5]


def test_a_column_of_one_value_is_a_table_of_one_row():
    assert tables(goods(kind=["x"] * 5), "item.kind").item.counts == (3, 1)
    assert tables(goods(price=[2.5] * 5), "item.price").item.counts == (3, 2)
    nothing = pl.Series([None] * 5, dtype=pl.Float64)
    assert tables(goods(price=nothing), "item.price").item.counts == (3, 0)


def test_without_ids_fields_alone_have_rows():
    found = tables(goods(kind=list("xxyyy")), "item.kind", ids=False)

    assert found.item.counts == (0, 2)
    assert found.item.rows(np.array([0, 2], np.int32)).tolist() == [[0, 1], [0, 2]]


def test_items_alone_have_rows_where_users_are_what_they_chose():
    found = tables(goods(kind=list("xxyyy")), "item.kind", ids="item")

    assert found.item.known == 3
    assert found.user.known == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("item.colour", "'colour' is no feature of items.*Did you mean 'color'"),
        ("user.color", "'color' is no feature of users. There are: age"),
        ("item.tags", "'tags' is a column of List.*one value"),
    ],
)
def test_a_field_that_is_not_there_or_has_lists_is_named(name, said):
    log = goods(color=["red"] * 5, tags=[["a"]] * 5)

    with pytest.raises(DataError, match=said):
        tables(log, name)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (("color",), 'no field \'color\'.*"item.color", "user.color", or'),
        (("item.",), "no field 'item.'"),
        (("item.a", "item.a"), "'item.a' is there twice"),
    ],
)
def test_a_field_of_neither_side_or_twice_is_refused(fields, said):
    with pytest.raises(ConfigError, match=said):
        FeatureSet(fields=fields)


def test_what_comes_later_changes_no_row():
    colors = ["red", "blue", "red", "blue", "green"]
    first, other = (
        tables(goods(color=c, price=p), "item.color", "item.price").item
        for c, p in (
            (colors, [1.0, 2.0, 3.0, 4.0, 5.0]),
            ([*colors[:3], "violet", "red"], [1.0, 2.0, 3.0, -9.0, 99.0]),
        )
    )

    assert first.counts == other.counts
    np.testing.assert_array_equal(first.code[:3], other.code[:3])


def test_before_1970_what_comes_later_has_no_row_either():
    log = goods(color=["red", None, "blue", "blue", "green"])
    early = replace(log, time=log.time - 250_000_000)
    requests = Requests.of_users(
        Snapshot.of(early), np.array([0], np.int32), np.array([5 - 250_000_000])
    )

    found = Tables.of(requests, ("item.color",))

    assert found.item.counts == tables(log, "item.color").item.counts == (3, 2)


def test_users_who_are_erased_have_no_fields_and_others_keep_theirs():
    found = tables(goods(color=["red"] * 5), "item.color", "user.age")
    both = replace(found, user=replace(found.user, code=np.array([[3], [1]], np.int32)))

    left = both.without_users(np.array([0, 7], np.int32))

    assert left.state().arrays["user"].tolist() == [[0], [1]]
    assert left.state().arrays["item"].tolist() == found.item.code.tolist()
    assert both.user.code.tolist() == [[3], [1]]
