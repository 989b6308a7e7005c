import datetime as dt
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.id_rule import SPELLINGS, VALUES, rule
from tidegraph.data.ids.absent import mask_absent
from tidegraph.data.ids.identity import canonical, series
from tidegraph.errors import DataError, RequestError

ZEROS = "00000000-0000-0000-0000-00000000000"


@given(st.lists(VALUES))
@example(["7.", "7"])
@example(["9223372036854775808", 2**63])
def test_ids_are_the_same_exactly_if_the_rule_gives_one_text(values):
    expected = [rule(value) for value in values]

    found = canonical(pl.Series(values, dtype=pl.Object))

    assert found.cast(pl.String).to_list() == expected
    small = all(t is None or (rule(t) == t and fits(t)) for t in expected)
    assert found.dtype == (pl.Int64 if small else pl.String)


def fits(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii() and whole(text)


def whole(text: str) -> bool:
    return str(int(text)) == text and -(2**63) <= int(text) < 2**63


@given(st.lists(SPELLINGS))
@example([chr(c) + "7" for c in (*range(33), 0x7F, 0x80, 0x85, 0xA0, 0x200B, 0xFEFF)])
@example(["7.00", "٣", "-0", "-0.0", "9223372036854775808", "-9223372036854775808.0"])
def test_a_column_of_text_is_read_as_its_values_are(values):
    text = pl.Series(values, dtype=pl.String)

    assert canonical(text).cast(pl.String).to_list() == [rule(v) for v in values]
    # Many are read by columns, few one by one.
    many = pl.concat([text] * 301)
    assert canonical(many).equals(pl.concat([canonical(text)] * 301))
    assert canonical(canonical(text)).equals(canonical(text))


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pl.Series([1, 2], dtype=pl.Int8), [1, 2]),
        (pl.Series([1, 2**63], dtype=pl.UInt64), ["1", "9223372036854775808"]),
        (pl.Series([2**80], dtype=pl.Int128), [str(2**80)]),
        (pl.Series([1.0, None, float("nan")]), [1, None, None]),
        (pl.Series([1.5, 2.0]), ["1.5", "2"]),
        (pl.Series([0.1], dtype=pl.Float32), ["0.1"]),
        (pl.Series([Decimal("20001.00")]), [20001]),
        (pl.Series([Decimal("2.50"), Decimal(100)]), ["2.5", "100"]),
        (pl.Series(["b", "7.0"], dtype=pl.Categorical), ["b", "7"]),
        (pl.Series(["7.0"], dtype=pl.Enum(["7.0"])), [7]),
        (pl.Series([dt.date(2024, 5, 1)]), ["2024-05-01"]),
        (pl.Series([b"ab", b"7.0"]), ["ab", "7"]),
        (pl.Series([UUID(int=1).bytes]), [f"{ZEROS}1"]),
        (pl.Series([b"sixteen letters!", b"\xff" * 16]), None),
        (pl.Series([b"sixteen letters!", b"x"]), ["sixteen letters!", "x"]),
        (pl.Series([None, None]), [None, None]),
        (pl.Series(["", " ", None]), [None, None, None]),
    ],
    ids=[str(place) for place in range(17)],
)
def test_a_column_of_any_type_is_its_texts(column, ids):
    expected = ids or [str(UUID(bytes=value)) for value in column]

    assert canonical(column).to_list() == expected


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ([2.0**53], "9007199254740992.0 is a float that lost digits"),
        (pl.Series([2.0**24], dtype=pl.Float32), "a float that lost digits"),
        ([float("inf")], "inf is no number"),
        ([True], "Boolean is no type of an id"),
        ([dt.datetime(2024, 5, 1)], "Datetime.* is no type of an id"),
        ([[1]], "List.* is no type of an id"),
        ([b"\xff"], r"b'\\xff' are bytes that are no UTF-8 text"),
    ],
)
def test_what_can_be_no_id_is_refused_in_a_sentence(column, sentence):
    with pytest.raises(DataError, match=sentence):
        canonical(pl.Series(values=column))


@pytest.mark.parametrize(
    "passed",
    [
        [7, "x"],
        (7.0, "x"),
        ["7", "x"],
        {"7.0": 1, "x": 2},
        (value for value in (7, "x")),
        np.array(["7", "x"]),
        np.array([7, "x"], dtype=object),
        np.array([b"7", b"x"]),
        pd.Series([7, "x"], dtype=object),
        pd.Series(["7", "x"]),
        pd.Series(pd.Categorical(["7", "x"])),
        pd.Categorical(["7", "x"]),
        pd.Index(["7", "x"]),
        pl.Series(["7", "x"]),
        pa.array(["7", "x"]),
        pa.chunked_array([["7"], ["x"]]),
    ],
    ids=[str(place) for place in range(16)],
)
def test_ids_may_come_in_a_list_of_any_kind(passed):
    assert series(passed, "items").to_list() == ["7", "x"]


def test_a_set_of_ids_and_an_array_of_numbers_are_lists_of_ids():
    assert sorted(series({7, 8}, "items")) == [7, 8]
    assert series(np.array([7, 8], np.uint8), "items").to_list() == [7, 8]
    assert series(pd.Series([7, 8], dtype="Int64"), "items").to_list() == [7, 8]
    assert series(range(2), "items").to_list() == [0, 1]
    assert series([], "items").to_list() == []
    assert series([2**70, np.int8(1)], "items").to_list() == [str(2**70), "1"]


@pytest.mark.parametrize(
    ("passed", "sentence"),
    [
        ("12", r"items is '12', and a list .* Write items=\['12'\]"),
        (12, "items is 12, and a list of ids is expected"),
        (UUID(int=1), "a list of ids is expected"),
        (None, "items is None, and a list"),
        (object(), "items is an object, and a list of ids is expected"),
        (pl.DataFrame({"a": [1]}), "items is a DataFrame, and a list"),
        (pd.DataFrame({"a": [1]}), "items is a DataFrame, and a list"),
        ([1, None], "items, place 1: there is no id"),
        ([pd.NA], "items, place 0: there is no id"),
        ([1, " "], "items, place 1: there is no id"),
        ([1, True], "items, place 1: True is a truth and no id"),
        ([dt.datetime(2024, 5, 1)], "place 0: .* is a datetime"),
        ([np.datetime64("2024-05-01T10:00")], "place 0: .* is no id"),
        ([Decimal("inf")], "is no id"),
        ([1j], "is a complex"),
        (["a\ud800"], "surrogates"),
        (np.array([[1]]), r"array of shape \(1, 1\) is no list of ids"),
    ],
    ids=[str(place) for place in range(17)],
)
def test_what_is_no_list_of_ids_is_refused_in_a_sentence(passed, sentence):
    with pytest.raises(RequestError, match=sentence):
        series(passed, "items")


def test_absent_is_null_or_nothing_and_a_marker_unless_it_is_kept():
    text = pl.Series(["a", None, "", "  ", "NULL", " NA ", r"\N", "Nan"])
    nothing = [False, True, True, True]

    assert mask_absent(text, "drop").to_list() == [*nothing, True, True, True, False]
    assert mask_absent(text, "keep").to_list() == [*nothing, False, False, False, False]
    assert mask_absent(pl.Series([1.0, float("nan"), None]), "drop").to_list() == [
        *(False, True, True)
    ]
    assert mask_absent(pl.Series([1, None]), "drop").to_list() == [False, True]
    objects = pl.Series(["NA", 1, None], dtype=pl.Object)
    assert mask_absent(objects, "drop").to_list() == [True, False, True]
