"""Records are taken apart as Python's csv does; csv itself is the oracle."""

import csv
import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.text.records import GROWTH, Found, Reading, records, rewrite

COMMA = Reading(b",")
TEXT = st.text(alphabet=list('ab",;\n\r é\ufeff#'), max_size=6)


def fields_of(text: str, reading: Reading = COMMA) -> list[list[str]]:
    found = records(text.encode(), reading, 1000, final=True)
    return [record.fields for record in found]


def filled(rows) -> list[list[str]]:
    return [row for row in rows if len(row) > 1 or "".join(row).strip(" ")]


def rewritten(text: str, wanted: list[int], width: int, reading: Reading = COMMA):
    data = text.encode()
    out = np.empty(GROWTH * len(data) + 64, np.uint8)
    columns = np.array(wanted, np.int64)
    part = rewrite(data, reading, columns, width, out, final=True)
    return part, out[: part.written].tobytes().decode()


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('7" mix,b', ['7" mix', "b"]),
        ('"Weird" Jam,b', ["Weird Jam", "b"]),
        ('"a ""b"" c",d', ['a "b" c', "d"]),
        ('"a" "b",c', ['a "b"', "c"]),
        ('"a,b",c', ["a,b", "c"]),
        ('"","",', ["", "", ""]),
        ('""""', ['"']),
        ('"a"""b,c', ['a"b', "c"]),
        (" a , b ", [" a ", " b "]),
        ('a,"b\nc"', ["a", "b\nc"]),
    ],
)
def test_a_field_says_what_csv_says(line, fields):
    assert fields_of(line) == [fields]
    assert list(csv.reader(io.StringIO(line, newline=""))) == [fields]


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=6))
def test_what_csv_writes_is_taken_apart_again(rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)

    assert fields_of(file.getvalue()) == rows


@given(st.text(alphabet=list('ab",\n '), max_size=30))
def test_any_text_is_taken_apart_as_csv_does_or_not_at_all(text):
    expected = filled(csv.reader(io.StringIO(text, newline="")))

    found = filled(fields_of(text))

    # A fault ends the search, and no row before it is another.
    assert found == expected[: len(found)]


@given(st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=1, max_size=6))
def test_the_plain_form_holds_the_wanted_columns_in_their_order(rows):
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)

    part, plain = rewritten(file.getvalue(), [2, 0], 3)
    again = list(csv.reader(io.StringIO(plain, newline="")))

    assert part.found == Found.DONE
    assert part.rows == len(rows)
    assert again == [[row[2], row[0]] for row in rows]


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=6))
def test_polars_reads_the_plain_form_as_csv_does(rows):
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL, delimiter=";").writerows(rows)
    reading = Reading(b";")

    _, plain = rewritten(file.getvalue(), [0, 1], 2, reading)
    frame = pl.read_csv(
        plain.encode(),
        has_header=False,
        separator=";",
        schema={"a": pl.String, "b": pl.String},
    )

    assert [list(row) for row in frame.rows()] == rows


@pytest.mark.parametrize(
    ("text", "found", "rows"),
    [
        ("a,b\nc\n", Found.RAGGED, 1),
        ("a,b\nc,d,e\n", Found.RAGGED, 1),
        ('a,b\nc,"d\n', Found.OPEN, 1),
        ('a,"b\nc" d\n', Found.TORN, 0),
        ("a,b\n\n  \nc,d\n", Found.DONE, 2),
    ],
)
def test_what_is_no_record_is_named_and_what_is_above_it_kept(text, found, rows):
    part, _ = rewritten(text, [0, 1], 2)

    assert (part.found, part.rows) == (found, rows)


def test_lines_are_counted_through_quotes_and_blanks():
    part, _ = rewritten('a,"b\r\nc\rd\ne"\r\n\r\nf,g\r\nh\r\n', [0, 1], 2)

    assert (part.found, part.rows, part.lines) == (Found.RAGGED, 2, 6)


def test_comments_are_left_out_unless_they_look_like_a_row():
    reading = Reading(b",", comment=ord("#"))

    assert rewritten("a,b\n# c\nd,e\n", [0], 2, reading)[0].rows == 2
    assert rewritten("a,b\n#c,d\n", [0], 2, reading)[0].found == Found.COMMENT


def test_a_separator_of_several_characters_is_found_from_the_left():
    assert fields_of("a::b:::c:d\n", Reading(b"::")) == [["a", "b", ":c:d"]]


def test_any_number_of_blanks_separates_where_runs_are_said():
    reading = Reading(b" ", runs=True)

    assert fields_of(" a \t b  c \nd e f", reading) == [list("abc"), list("def")]


def test_a_lone_cr_is_data_where_lines_end_in_lf_and_the_other_way_round():
    assert fields_of("a\rb,c\r\nd,e\n") == [["a\rb", "c"], ["d", "e"]]
    assert fields_of("a\nb,c\rd,e", Reading(b",", ends=13)) == [
        ["a\nb", "c"],
        ["d", "e"],
    ]


@given(st.text(alphabet=list('a",\n\r'), min_size=1, max_size=20))
def test_bytes_that_come_in_parts_give_the_same_rows(text):
    whole, plain = rewritten(text, [0, 1], 2)
    data, out = text.encode(), np.empty(GROWTH * len(text) + 64, np.uint8)
    columns, parts, rest = np.array([0, 1], np.int64), b"", b""
    found = Found.DONE
    for place in range(len(data) + 1):
        final = place == len(data)
        rest += data[place : place + 1]
        if not rest:
            continue
        part = rewrite(rest, COMMA, columns, 2, out, final=final)
        parts += out[: part.written].tobytes()
        rest, found = rest[part.used :], part.found
        if found not in (Found.DONE, Found.MORE):
            break

    assert parts.decode() == plain
    if whole.found != Found.DONE:
        assert found == whole.found
