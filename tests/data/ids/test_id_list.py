import warnings

import polars as pl
import pytest

from tidegraph.data.ids.id_list import read_ids
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import DataError, UnknownIdWarning

NUMBERS = Vocabulary(pl.Series([1, 2, 3]))
NAMES = Vocabulary(pl.Series(["ann", "bob", "007"]))


def listed(path, known=NUMBERS):
    return read_ids(path, ("uid", "user"), known).to_list()


@pytest.mark.parametrize(
    ("text", "known", "ids"),
    [
        ("1\n2\n3\n", NUMBERS, [1, 2, 3]),
        ("1.0\n2.0\n\n3.0\n", NUMBERS, [1, 2, 3]),
        ("uid\n1\n2\n", NUMBERS, [1, 2]),
        ("user\n1\n9\n", NUMBERS, [1, 9]),
        ("name,uid\nx,3\ny,1\n", NUMBERS, [3, 1]),
        ("customer\n1\n2\n", NUMBERS, [1, 2]),
        ("ann\n007\n7\n", NAMES, ["ann", "007", "7"]),
        ("2,first\n3,second\n", NUMBERS, [2, 3]),
        ("uid\n 1 \n", NUMBERS, [1]),
    ],
)
def test_a_file_of_ids_is_read_with_a_name_on_top_or_without(
    tmp_path, text, known, ids
):
    path = tmp_path / "users.csv"
    path.write_text(text)

    assert listed(path, known) == ids


def test_the_first_line_may_be_a_name_that_could_be_an_id_and_this_is_said(tmp_path):
    path = tmp_path / "users.txt"
    path.write_text("zoe\nbob\n")

    with pytest.warns(
        UnknownIdWarning, match="first line of users.txt, 'zoe', .*'uid'"
    ):
        assert listed(path, NAMES) == ["bob"]


def test_tables_with_types_of_their_own_are_read_too(tmp_path):
    frame = pl.DataFrame({"x": ["a", "b"], "uid": [3.0, 2.0]})
    frame.write_parquet(tmp_path / "users.parquet")
    frame.write_ndjson(tmp_path / "users.jsonl")

    assert listed(tmp_path / "users.parquet") == [3, 2]
    assert listed(tmp_path / "users.jsonl") == [3, 2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\nx,1\n", "has no column 'uid', as the log has. It has: a, b"),
        ("uid\n", "users.csv lists no id"),
        ("", "is empty"),
    ],
)
def test_a_file_without_a_list_of_ids_is_refused(tmp_path, text, sentence):
    path = tmp_path / "users.csv"
    path.write_text(text)

    with warnings.catch_warnings(), pytest.raises(DataError, match=sentence):
        listed(path)
