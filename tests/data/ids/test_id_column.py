import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.ids.id_column import IdColumn, coded
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
        column.add(
            pl.Series([v or "x" for v in part], dtype=pl.String), range(len(part))
        )

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
    column.add(pl.Series([1, 2]), range(2))
    column.add(pl.Series(["x"]), range(2, 3))

    found = column.finish().renumbered()

    assert found.ids.to_list() == ["1", "2", "x"]


@pytest.mark.parametrize(
    ("parts", "ids"),
    [
        ([["7.0", "7", " 7 "]], [7]),
        ([["7.0", "x"], ["7"]], ["7", "x"]),
        ([[7, 8], ["7", "x"]], ["7", "8", "x"]),
        ([[7, 8], [7.0]], [7, 8]),
        ([["007", "7"]], ["007", "7"]),
    ],
)
def test_spellings_of_one_id_are_one_id(parts, ids):
    column = IdColumn("id", "the test")
    for part in parts:
        column.add(pl.Series(part), range(len(part)))

    found = column.finish().renumbered()

    assert found.ids.to_list() == ids


def test_a_marker_is_named_by_row_of_any_batch():
    column = IdColumn("id", "the test")
    column.add(pl.Series(["a", "b"]), range(1, 3))
    column.add(pl.Series(["a", " NULL", r"\N"]), range(3, 6))

    with pytest.raises(DataError, match=r"row 4: column 'id' holds 'NULL', .*'drop'"):
        column.finish()


def test_a_marker_that_is_to_be_kept_is_an_id_and_an_empty_text_is_none():
    kept = coded(pl.Series(["NA", "a"]), "id", "the test", missing="keep")

    assert kept.renumbered().ids.to_list() == ["NA", "a"]
    with pytest.raises(DataError, match="row 1: column 'id' has no id"):
        coded(pl.Series(["NA", " "]), "id", "the test", missing="keep")


def test_an_id_that_can_be_none_is_named_by_row():
    with pytest.raises(DataError, match=r"row 1: column 'id' holds .* lost digits"):
        coded(pl.Series([1.0, 2.0**60]), "id", "the test")


@pytest.mark.parametrize("missing", [None, "", float("nan")], ids=repr)
def test_a_missing_id_is_named_by_row(missing):
    ids = pl.Series([missing, missing] if missing is None else [missing])

    with pytest.raises(DataError, match="the test, row 0: column 'id' has no id"):
        coded(ids, "id", "the test")
