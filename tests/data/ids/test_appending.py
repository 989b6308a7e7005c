"""Columns that grow keep their values, in few parts; different values are numbered."""

import itertools

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.ids.appending import appended, numbered
from tidegraph.data.ids.identity import FEW

values = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=9)


@given(st.lists(values, max_size=9))
def test_a_column_that_grows_is_its_parts_laid_end_to_end(parts):
    column = pl.Series("id", [], dtype=pl.String)
    for part in parts:
        column = appended(column, pl.Series("more", part, dtype=pl.String))

    assert column.to_list() == [value for part in parts for value in part]
    assert column.name == "id"


def test_a_column_that_grows_by_one_lies_in_few_parts():
    column = pl.Series(range(1000))
    for value in range(1000, 3000):
        column = appended(column, pl.Series([value]))

        lengths = [len(part) for part in column.get_chunks()]
        assert all(a >= 2 * b for a, b in itertools.pairwise(lengths))
    assert column.to_list() == list(range(3000))


@given(values, st.booleans())
def test_different_values_are_numbered_by_first_appearance(given_, many):
    column = pl.Series(given_ * (FEW if many else 1), dtype=pl.String).drop_nulls()
    different, place = numbered(column)

    assert different.to_list() == list(dict.fromkeys(column.to_list()))
    assert different.gather(pl.Series(place)).to_list() == column.to_list()
