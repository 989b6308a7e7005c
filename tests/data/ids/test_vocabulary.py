from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.ids.vocabulary import UNKNOWN, Vocabulary
from tidegraph.errors import DataError


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


@pytest.mark.parametrize("written", ["x", "007", "+7", 7.5, date(2024, 5, 1)])
def test_an_id_that_is_not_written_as_ours_is_unknown(written):
    numbers = vocabulary(7, 8)

    assert numbers.row(written) == UNKNOWN
    assert numbers.encode(pl.Series([written])).tolist() == [UNKNOWN]


@pytest.mark.parametrize(
    "written", [7, "7", "7.0", 7.0, Decimal("7.00"), " 7"], ids=repr
)
def test_an_id_is_found_however_it_is_written(written):
    assert vocabulary(8, 7).row(written) == 1
    assert vocabulary("x", "7").row(written) == 1
    assert vocabulary("x", "7").encode(pl.Series([written])).tolist() == [1]


def test_a_text_among_numbers_makes_text_of_all_and_keeps_the_rows():
    table = pl.DataFrame({"id": [7], "price": [1.0]})
    longer = vocabulary(7, 8).with_features(table, "id").extended(pl.Series(["7", "x"]))

    assert longer.ids.to_list() == ["7", "8", "x"]
    assert longer.encode(pl.Series([8, 7])).tolist() == [1, 0]
    assert longer.row("x") == 2
    assert longer.features["price"].to_list() == [1.0, None, None]
    assert longer.extended(pl.Series([9])).ids.to_list() == ["7", "8", "x", "9"]


@pytest.mark.parametrize("narrow", [pl.Int8, pl.UInt8, pl.Int16, pl.Int32, pl.UInt64])
def test_the_width_of_the_first_ids_does_not_limit_later_ones(narrow):
    short = Vocabulary(pl.Series([1, 2], dtype=narrow))

    longer = short.extended(pl.Series([3 * 10**9])).extended(pl.Series([2**63]))

    assert short.ids.dtype == pl.Int64
    assert longer.ids.to_list() == ["1", "2", "3000000000", "9223372036854775808"]


def test_two_vocabularies_number_alike_as_far_as_both_go():
    numbers = vocabulary(7, 8)

    assert numbers.numbers_as(numbers.extended(pl.Series(["x"])))
    assert numbers.numbers_as(vocabulary(7))
    assert not numbers.numbers_as(vocabulary("8", "7"))


def test_an_erased_row_numbers_as_any_until_its_id_has_another_row():
    whole = vocabulary("a", "b", "c")
    erased = whole.without(np.array([1], np.int32))
    again = erased.extended(pl.Series(["b"]))

    assert erased.numbers_as(whole)
    assert whole.numbers_as(erased)
    assert again.numbers_as(erased)
    assert not again.numbers_as(whole)
    assert not whole.numbers_as(again)
    assert not erased.numbers_as(vocabulary("a", "b", "d"))


@pytest.mark.parametrize(
    "kind",
    [
        pl.Datetime("ns"),
        pl.Datetime("ns", "Europe/Berlin"),
        pl.Duration("ns"),
        pl.Time(),
        pl.List(pl.Datetime("ns")),
        pl.Struct({"at": pl.Datetime("ns"), "of": pl.String()}),
    ],
    ids=str,
)
def test_who_stays_keeps_the_nanoseconds_of_features(kind):
    first, second = 1_700_000_000_123_456_789 % (86_400 * 10**9), 987_654_321
    held = {
        pl.List: [[first], [second, None]],
        pl.Struct: [{"at": first, "of": "x"}, {"at": second, "of": None}],
    }.get(type(kind), [first, second])
    physical = pl.Series("seen", held)
    features = physical.cast(kind).to_frame()
    users = Vocabulary(pl.Series(["a", "b"]), features)

    left = users.without(np.array([0], np.int32)).features["seen"]

    assert left.dtype == kind
    assert left[:1].is_null().all()
    assert left[1:].equals(features["seen"][1:])


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
        ({"id": ["a", None]}, "row 1 of the feature table has no id"),
        ({"id": ["a", "a"]}, "rows 0 and 1 of the feature table are one id"),
    ],
    ids=["missing column", "missing id", "id twice"],
)
def test_a_feature_table_without_one_row_per_id_is_refused(table, sentence):
    with pytest.raises(DataError, match=sentence):
        vocabulary("a").with_features(pl.DataFrame(table), "id")


def test_a_vocabulary_has_each_id_once_and_none_missing():
    with pytest.raises(DataError, match=r"rows 0 and 2 .* one id, 'a' and ' a'"):
        vocabulary("a", "b", " a")
    with pytest.raises(DataError, match="row 1 of a vocabulary has no id"):
        vocabulary("a", None)
    with pytest.raises(DataError, match="an id is missing"):
        vocabulary("a").extended(pl.Series(["b", None]))


def test_features_must_have_a_row_per_id():
    with pytest.raises(DataError, match="2 rows for 1 ids"):
        Vocabulary(pl.Series(["a"]), pl.DataFrame({"price": [1, 2]}))


def test_a_vocabulary_survives_being_stored():
    table = pl.DataFrame({"id": ["a", "b"], "price": [1.0, None]})
    before = vocabulary("b", "a").with_features(table, "id")

    after = Vocabulary.from_state(before.state())

    assert after.ids.to_list() == ["b", "a"]
    assert after.features.equals(before.features)


def test_texts_that_are_held_only_after_they_are_made_canonical_are_found():
    held = Vocabulary(pl.Series([f"u{n}" for n in range(900)] + ["7"]))
    asked = pl.Series([" u3 ", "u3", "7.0", "7", None, "", "u900", *["u5"] * 400])

    expected = [3, 3, 900, 900, -1, -1, -1, *[5] * 400]
    assert held.encode(asked).tolist() == expected
    assert held.encode(asked[:7]).tolist() == expected[:7]
