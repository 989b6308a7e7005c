import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.id_column import IdColumn, coded
from tidegraph.errors import DataError

batches = st.lists(
    st.lists(st.sampled_from(["a", "b", "", "ü", "long id of many letters"])),
    min_size=1,
)


@given(batches)
def test_batches_of_text_decode_to_what_came_in(parts):
    column = IdColumn("id", "the test")
    everything = [value or "x" for part in parts for value in part]
    for part in parts:
        column.add(pl.Series([v or "x" for v in part], dtype=pl.String), 0)

    found = column.finish().renumbered()

    assert found.ids.gather(pl.Series(found.code)).to_list() == everything
    assert found.ids.to_list() == list(dict.fromkeys(everything))


@given(st.lists(st.integers(-3, 3), min_size=1))
def test_numbers_are_listed_by_first_appearance(values):
    found = coded(pl.Series(values), "id", "the test").renumbered()

    assert found.ids.to_list() == list(dict.fromkeys(values))
    assert found.ids.gather(pl.Series(found.code)).to_list() == values


def test_batches_of_different_types_become_text():
    column = IdColumn("id", "the test")
    column.add(pl.Series([1, 2]), 0)
    column.add(pl.Series(["x"]), 2)

    found = column.finish().renumbered()

    assert found.ids.to_list() == ["1", "2", "x"]


def test_whole_floats_are_the_numbers_they_once_were():
    assert coded(pl.Series([2.0, 1.0]), "id", "the test").ids.to_list() == [1, 2]
    assert coded(pl.Series([2.5, 1.0]), "id", "the test").ids.to_list() == [1.0, 2.5]


@pytest.mark.parametrize("value", ["007", "+7", "7.0", "7 ", "x"])
def test_text_that_a_number_would_change_stays_text(value):
    found = coded(pl.Series(["1", value]), "id", "the test")

    assert found.with_integer_ids().ids.dtype == pl.String


def test_text_that_is_all_whole_numbers_becomes_numbers():
    found = coded(pl.Series(["-1", "12"]), "id", "the test").with_integer_ids()

    assert found.ids.gather(pl.Series(found.code)).to_list() == [-1, 12]


@pytest.mark.parametrize("missing", [None, "", float("nan")], ids=repr)
def test_a_missing_id_is_named_by_row(missing):
    ids = pl.Series([missing, missing] if missing is None else [missing])

    with pytest.raises(DataError, match="the test, row 0: column 'id' has no id"):
        coded(ids, "id", "the test")
