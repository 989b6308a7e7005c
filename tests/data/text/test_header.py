"""Files without a header: no row of theirs is ever taken for one in silence."""

import csv

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegraph.data.sources import read
from tidegraph.data.text.header import is_value
from tidegraph.errors import DataError

NAMES = ["user", "item", "rating", "time"]
NUMBERS = [
    ["196", "242", "3", "881250949"],
    ["186", "302", "3", "891717742"],
    ["22", "377", "1", "893887116"],
]
TEXTS = [["u196", "a b", "3", "881250949"], ["u186", "c", "3.5", "891717742"]]
FOUND = [",", ";", "\t", "|", "::", "||"]
NAMED = [*FOUND, "^", "~", "\x01", "\x1f"]


def joined(separator, rows):
    return "".join(separator.join(row) + "\n" for row in rows)


def events(log):
    frame = log.frame().select(pl.col("user", "item").cast(pl.String), "time")
    return [(user, item, str(time)) for user, item, time in frame.rows()]


def expected(rows):
    return [(row[0], row[1], row[3]) for row in rows]


@pytest.mark.parametrize("rows", [NUMBERS, TEXTS], ids=["numbers", "text"])
@pytest.mark.parametrize("separator", NAMED, ids=repr)
def test_names_make_a_log_of_a_file_without_header(separator, rows, tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(joined(separator, rows))

    for said in ({}, {"sep": separator}):
        assert events(read(path, names=NAMES, **said)) == expected(rows)


@pytest.mark.parametrize("separator", [" ", "   ", ":", "/", "\t\t"], ids=repr)
def test_a_separator_can_be_said(separator, tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(joined(separator, NUMBERS))
    sep = r"\s+" if separator == "   " else separator

    assert events(read(path, names=NAMES, sep=sep)) == expected(NUMBERS)


@pytest.mark.parametrize("separator", FOUND, ids=repr)
def test_places_do_as_well_as_names(separator, tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(joined(separator, NUMBERS))

    assert events(read(path, user=1, item=2, time=4)) == expected(NUMBERS)


@pytest.mark.parametrize("separator", FOUND, ids=repr)
def test_without_names_a_sentence_says_what_to_write(separator, tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(joined(separator, NUMBERS))

    with pytest.raises(DataError) as refused:
        read(path)

    said = str(refused.value)
    assert "log.txt has no column 'user'. It has: 1, 2, 3, 4 (" in said
    assert f"no header, UTF-8; name its columns, such as names={NAMES}, or give" in said
    assert events(read(path, names=NAMES)) == expected(NUMBERS)


def test_a_column_of_another_name_is_asked_for_before_the_separator_is(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("uid,sku,ts\na,x,1584000300\n")

    for setting in ("user", "item", "time"):
        named = {"user": "uid", "item": "sku", "time": "ts"}
        with pytest.raises(DataError) as refused:
            read(path, **{key: named[key] for key in named if key != setting})
        said = str(refused.value)
        assert f"log.csv has no column {setting!r}." in said
        assert "It has: uid, sku, ts (comma-separated, header, UTF-8; " in said
        assert f"; name it with {setting}=, or say sep=, header=" in said


def test_a_column_of_a_frame_is_named_with_its_setting():
    held = {"uid": ["a"], "item": ["x"], "time": [1584000300]}

    with pytest.raises(
        DataError, match=r"It has: uid, item, time; name it with user=\.$"
    ):
        read(held)


@pytest.mark.parametrize("separator", ["^", ":", "/"])
def test_a_separator_that_is_not_found_is_asked_for(separator, tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(joined(separator, NUMBERS))

    with pytest.raises(DataError, match="no separator was found in it; say sep="):
        read(path)
    with pytest.raises(DataError, match=r"has 1 field\. Say with sep="):
        read(path, names=["a", "b", "c", "d", "e"], user="a", item="b", time="c")


TIMES = [
    "2020-03-12",
    "12 Mar 2020",
    "Mar 12, 2020",
    "20200312T080500",
    "2020-W11-4",
    "12.03.2020 8:05",
    "10/Oct/2000:13:55:36 -0700",
    "Thu, 12 Mar 2020 08:05:00 +0000",
    "Thu Mar 12 08:05:00 +0000 2020",
    "1584000300",
    "1584000300.25",
]


@pytest.mark.parametrize("time", TIMES)
def test_a_first_row_with_a_time_is_an_event(time, tmp_path):
    path = tmp_path / "log.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["alice", "pen", time], ["bob", "ink", time]])

    for said in (
        {"names": ["user", "item", "time"]},
        dict(zip(NAMES, "12", strict=False)),
    ):
        said = said if "names" in said else {**said, "time": 3}
        log = read(path, **said)
        assert log.users.ids.to_list() == ["alice", "bob"]


def test_a_first_row_with_a_uuid_is_an_event(tmp_path):
    path = tmp_path / "log.csv"
    someone = "8a7f4c80-0f0a-4c3e-9d0b-0123456789ab"
    path.write_text(f"{someone},pen\n{someone.upper()},ink\n")

    log = read(path, names=["user", "item"], time=None)

    assert len(log) == 2


words = st.text("abcdefgh", min_size=1, max_size=5).filter(lambda t: not is_value(t))
pairs = st.lists(st.tuples(words, words), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=pairs, separator=st.sampled_from(FOUND))
def test_words_alone_may_be_names_or_events_and_the_caller_says(
    rows, separator, tmp_path
):
    path = tmp_path / "log.csv"
    path.write_text(joined(separator, rows))
    settings = {"names": ["user", "item"], "time": None, "missing": "keep"}

    if rows[0] != ("user", "item"):
        with pytest.raises(DataError, match="Say header=True or header=False"):
            read(path, **settings)
    log = read(path, header=False, **settings)
    assert log.frame().select("user", "item").rows() == rows
    if len(rows) > 1:
        below = read(path, header=True, **settings)
        assert below.frame().select("user", "item").rows() == rows[1:]


def test_names_take_the_place_of_a_header_above_numbers(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("u,i,when\nalice,pen,5\nbob,ink,6\n")

    log = read(path, names=["user", "item", "time"])

    assert log.users.ids.to_list() == ["alice", "bob"]


def test_a_feature_table_without_header_is_refused_by_its_first_id(tmp_path):
    table = {"user": ["alice", "bob"], "item": ["pen", "ink"], "time": [1, 2]}
    path = tmp_path / "items.csv"
    path.write_text("pen,blue\nink,red\n")

    with pytest.raises(DataError, match=r"items.csv begins with 'pen', an id of the"):
        read(table, items=path)

    path.write_text("item,colour\npen,blue\nink,red\n")
    assert read(table, items=path).items.features["colour"].to_list() == ["blue", "red"]
    # A number in the first row says that there is no header.
    path.write_text("pen,1\nink,2\n")
    assert read(table, items=path).items.features["2"].to_list() == [1, 2]


def test_an_empty_second_field_is_not_half_a_separator(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user||item||time\na||x||5\nb||y||6\n")

    assert events(read(path)) == [("a", "x", "5"), ("b", "y", "6")]

    path.write_text("user|note|item|time\na||x|5\nb|n|y|6\n")
    assert events(read(path)) == [("a", "x", "5"), ("b", "y", "6")]


@pytest.mark.parametrize("header", [True, False])
def test_blanks_before_quotes_are_no_part_of_a_field(header, tmp_path):
    path = tmp_path / "log.csv"
    rows = '"a", "x, y", "5"\n"b", "z", "6"\n'
    path.write_text('"user", "item", "time"\n' + rows if header else rows)

    log = read(path) if header else read(path, names=["user", "item", "time"])
    assert events(log) == [("a", "x, y", "5"), ("b", "z", "6")]

    path.write_text(path.read_text().replace("x, y", "x"))
    log = read(path) if header else read(path, user=1, item=2, time=3)
    assert events(log) == [("a", "x", "5"), ("b", "z", "6")]
