from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.vocabulary import UNKNOWN, Vocabulary
from tidegraph.errors import DataError, RequestError


def vocabulary(*ids) -> Vocabulary:
    return Vocabulary(pl.Series(ids))


def test_ids_become_rows_and_rows_become_ids():
    letters = vocabulary("c", "a", "b")

    rows = letters.encode(pl.Series(["b", "c", "x", "b"]))

    assert rows.tolist() == [2, 0, UNKNOWN, 2]
    assert letters.decode(rows).to_list() == ["b", "c", None, "b"]


@given(
    st.lists(st.integers(-5, 5), unique=True, min_size=1), st.lists(st.integers(-9, 9))
)
def test_encoding_is_looking_up_in_a_dictionary(ids, asked):
    known = {value: row for row, value in enumerate(ids)}

    rows = vocabulary(*ids).encode(pl.Series(asked, dtype=pl.Int64))

    assert rows.tolist() == [known.get(value, UNKNOWN) for value in asked]


def test_one_id_is_looked_up_alone():
    letters = vocabulary("c", "a")

    assert (letters.row("a"), letters.row("x")) == (1, UNKNOWN)


def test_an_id_of_another_type_is_read_as_ours_where_that_can_be():
    assert vocabulary("7", "8").row(8) == 1
    assert vocabulary(7, 8).row("8") == 1


@pytest.mark.parametrize("written", ["x", "007", "+7", "7.0", 7.5, date(2024, 5, 1)])
def test_an_id_that_is_not_written_as_ours_is_unknown(written):
    numbers = vocabulary(7, 8)

    assert numbers.row(written) == UNKNOWN
    assert numbers.encode(pl.Series([written])).tolist() == [UNKNOWN]


def test_new_ids_that_cannot_be_ours_are_refused_with_an_example():
    with pytest.raises(
        RequestError, match=r"'x' is not an id here: ids are Int64, .* 7"
    ):
        vocabulary(7, 8).extended(pl.Series(["7", "x"]))


def test_new_ids_come_last_and_old_rows_stay():
    longer = vocabulary("b", "a").extended(pl.Series(["z", "a", "y", "z"]))

    assert longer.ids.to_list() == ["b", "a", "z", "y"]


def test_nothing_new_gives_the_same_vocabulary():
    letters = vocabulary("b", "a")

    assert letters.extended(pl.Series(["a"])) is letters


def test_features_follow_their_ids_and_stay_empty_where_unknown():
    table = pl.DataFrame({"id": ["c", "a"], "price": [3.0, 1.0]})

    letters = vocabulary("a", "b").with_features(table, "id")

    assert letters.ids.to_list() == ["a", "b", "c"]
    assert letters.features["price"].to_list() == [1.0, None, 3.0]


def test_an_extension_keeps_features_in_line_with_ids():
    table = pl.DataFrame({"id": ["a"], "price": [1.0]})

    longer = vocabulary("a").with_features(table, "id").extended(pl.Series(["b"]))

    assert longer.features["price"].to_list() == [1.0, None]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"name": ["a"]}, "has no column 'id'. It has: name"),
        ({"id": ["a", None]}, "has no 'id' in row 1"),
        ({"id": ["a", "a"]}, "several rows for id 'a'"),
    ],
    ids=["missing column", "missing id", "id twice"],
)
def test_a_feature_table_without_one_row_per_id_is_refused(table, sentence):
    with pytest.raises(DataError, match=sentence):
        vocabulary("a").with_features(pl.DataFrame(table), "id")


def test_a_vocabulary_has_each_id_once_and_none_missing():
    with pytest.raises(DataError, match="'a' stands twice"):
        vocabulary("a", "b", "a")
    with pytest.raises(DataError, match="id 1 is missing"):
        vocabulary("a", None)


def test_features_must_have_a_row_per_id():
    with pytest.raises(DataError, match="2 rows for 1 ids"):
        Vocabulary(pl.Series(["a"]), pl.DataFrame({"price": [1, 2]}))


def test_a_vocabulary_survives_being_stored():
    table = pl.DataFrame({"id": ["a", "b"], "price": [1.0, None]})
    before = vocabulary("b", "a").with_features(table, "id")

    after = Vocabulary.from_state(before.state())

    assert after.ids.to_list() == ["b", "a"]
    assert after.features.equals(before.features)
