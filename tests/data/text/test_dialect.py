"""The dialect of a file is found by its content, printed, and can be said."""

from pathlib import Path

import pytest

from tidegraph.data.sources import read
from tidegraph.data.tables.opening import dialect_of
from tidegraph.data.text.dialect import TextForm
from tidegraph.errors import DataError


@pytest.fixture
def write(tmp_path: Path):
    def write_bytes(content: str | bytes, name: str = "log.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_bytes


ROW = "user,item,time\nu1,i1,1700000000\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (ROW, "comma-separated, header, UTF-8"),
        (ROW.replace(",", "\t"), "tab-separated, header, UTF-8"),
        (ROW.replace(",", ";"), "semicolon-separated, header, UTF-8"),
        (ROW.replace(",", "::"), "separated by '::', header, UTF-8"),
        (ROW.replace(",", " "), "separated by single spaces, header, UTF-8"),
        (ROW.replace(",", "  "), "separated by spaces, header, UTF-8"),
        (ROW.replace("\n", "\r"), "comma-separated, header, UTF-8, lines end in CR"),
        ("sep=|\n" + ROW.replace(",", "|"), "separated by |, header, UTF-8"),
        (
            "# made by us\n" + ROW,
            "comma-separated, header, UTF-8, comments begin with #",
        ),
        (ROW.partition("\n")[2], "comma-separated, no header, UTF-8"),
        (ROW.encode("utf-16"), "comma-separated, header, UTF-16"),
        (ROW.encode("utf-16-be"), "comma-separated, header, UTF-16"),
        (ROW.encode("utf-8-sig"), "comma-separated, header, UTF-8"),
        (
            (ROW + "\xfc,i,1\n").encode("cp1252"),
            "comma-separated, header, Windows-1252",
        ),
        ((ROW + "\x81,i,1\n").encode("latin-1"), "comma-separated, header, Latin-1"),
        ('{"user": 1}', "JSON lines"),
        ('[{"user": 1}]', "a JSON array"),
        ("{'user': 1}", "Python literals, one a line"),
    ],
)
def test_how_a_file_is_written_is_one_line(write, text, line):
    assert str(dialect_of(write(text))) == line


def test_a_frame_has_no_dialect():
    assert dialect_of({"user": [1]}) is None


@pytest.mark.parametrize(
    "text",
    [
        "u1,i1,1700000000\nu2,i2,1700000001\n",
        "u1\ti1\t1700000000\nu2\ti2\t1700000001\n",
        "u1   i1\t 1700000000\n u2 i2 1700000001 \n",
        "u1;i1;1700000000\r\nu2;i2;1700000001",
        "u1,i1,1700000000,a|b|c|d|e\nu2,i2,1700000001,a|b|c|d|e\n",
    ],
)
def test_columns_without_names_are_called_by_their_place(write, text):
    log = read(write(text), user=1, item=2, time=3)

    assert log.users.ids.to_list() == ["u1", "u2"]
    assert log.items.ids.to_list() == ["i1", "i2"]
    assert log.time.tolist() == [1700000000, 1700000001]


@pytest.mark.parametrize(
    "text",
    [
        "user,item,time,2019\nu1,i1,1700000000,5\n",
        "# user,item,time\nu1,i1,1700000000\n",
        'user, item, time\nu1, i1, 1700000000\nu1, "i,2", 1700000000\n',
        ",user,item,time\n0,u1,i1,1700000000\n1,u2,i2,1700000000\n",
        "user;item;time;price\nu1;i1;1700000000;1,5\nu2;i2;1700000000;2,5\n",
        "user,item,time,a,a\nu1,i1,1700000000,1,2\n",
        "user,item,time\n\n  \r\nu1,i1,1700000000\n\n",
    ],
)
def test_a_header_is_seen_in_every_guise(write, text):
    assert read(write(text)).users.ids[0] == "u1"


def test_a_file_without_a_header_may_be_given_names(write):
    log = read(write("u1,i1,1700000000\n"), names=["user", "item", "time"])

    assert log.frame().row(0)[:3] == ("u1", "i1", 1700000000)


def test_the_integer_names_that_pandas_writes_are_a_header(write):
    log = read(write("0,1,2\nu1,i1,1700000000\n"), user=0, item=1, time=2)

    assert log.users.ids.to_list() == ["u1"]


def test_names_take_the_place_of_a_header(write):
    path = write("uid,sku,ts\nu1,i1,1700000000\n")

    assert read(path, names=["user", "item", "time"]).users.ids.to_list() == ["u1"]


def test_row_names_of_r_are_refused_until_all_columns_are_named(write):
    path = write("user,item,time\n1,u1,i1,1700000000\n2,u2,i2,1700000000\n")

    with pytest.raises(DataError, match=r"R writes row names or .*\. Say names="):
        read(path)
    assert len(read(path, names=["row", "user", "item", "time"])) == 2


def test_the_last_column_of_a_header_may_begin_a_list(write):
    path = write("user,item,time,f\n0,0,0.0,0.1,0.2,0.3\n0,1,36.0,0.4,0.5,0.6\n")

    log = read(path, context=["f"])

    assert log.context["f"].to_list() == [0.1, 0.4]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_quotes_that_do_not_pair_are_text_if_all_rows_are_regular_so(write, count):
    rows = [f'u{n},i{n},170000000{n},"mix' for n in range(count)]
    path = write("\n".join(["user,item,time,title", *rows, "v,j,1700000009,Tea"]))

    log = read(path, context=["title"])

    assert log.context["title"].to_list() == ['"mix'] * count + ["Tea"]
    assert "quotes are text" in str(dialect_of(path))


def test_quotes_that_do_not_pair_late_in_a_file_begin_the_reading_again(write):
    rows = "".join(f"u{n},i,1700000000,x\n" for n in range(40_000))
    path = write("user,item,time,title\n" + rows + 'v,i,1700000001,"mix\n')

    log = read(path, context=["title"])

    assert len(log) == 40_001
    assert log.context["title"][-1] == '"mix'


def test_quotes_are_no_text_where_a_wanted_field_is_in_quotes(write):
    path = write('user,item,time,t\n"u1",i1,1700000000,"mix\n"u2",i2,1700000001,b\n')

    with pytest.raises(DataError, match=r"row 1 .* quote is never closed"):
        read(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ROW + "u2,i2\n", "row 2: there are 2 fields, and the header has 3"),
        (ROW + "\nu2,i2,3,4\n", r"row 2 \(line 4\): there are 4 fields"),
        ("# a\n" + ROW + "#u3,i3,1\n", "begins with # like the comments above"),
        (ROW.partition("\n")[2], r"It has: 1, 2, 3 \(comma-separated, no header"),
        ("alice,tea\nbob,jam\n", r"It has: alice, tea \(comma-separated, header"),
    ],
)
def test_a_row_that_is_not_like_the_others_is_named(write, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read(write(text))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"sep": ""}, "sep is ''"),
        ({"sep": '"'}, "neither quotes nor line ends"),
        ({"names": "user"}, "a list"),
        ({"names": ["a", "b"]}, "2 names, and a row of .* has 3 fields"),
        ({"encoding": "utf99"}, "no encoding 'utf99'"),
        ({"encoding": "base64"}, "no encoding 'base64'"),
    ],
)
def test_what_is_said_wrong_is_named(write, said, sentence):
    with pytest.raises(DataError, match=sentence):
        read(write(ROW), **said)


def test_a_separator_may_be_said_by_name():
    assert TextForm(sep="tab").sep == "\t"
    assert TextForm(sep="spaces").sep == r"\s+"


def test_an_encoding_that_shows_late_begins_the_reading_again(write):
    rows = ROW + "u1,i1,1700000000\n" * 40_000
    path = write(rows.encode() + b"M\xfcller,i1,1700000001\n")

    log = read(path)

    assert log.users.ids.to_list() == ["u1", "Müller"]
    assert str(dialect_of(path)).endswith("Windows-1252")


def test_lines_of_two_encodings_are_refused_because_one_name_would_be_two(write):
    path = write((ROW + "Zo\xeb,i1,1\n").encode("latin-1") + "Zoë,i1,2\n".encode())

    with pytest.raises(
        DataError, match=r"line 3: byte 0xeb is not UTF-8, and line 4 is\. Mend"
    ):
        read(path)
    assert "ZoÃ«" in read(path, encoding="latin-1").users.ids


def test_text_that_is_utf8_for_a_while_is_refused_with_the_line(write):
    rows = ROW + "é,i1,1700000000\n" * 40_000
    path = write(rows.encode() + b"M\xfcller,i1,1700000001\n")

    with pytest.raises(DataError, match="line 40003: byte 0xfc is not utf-8"):
        read(path)
    assert read(path, encoding="latin-1").users.ids[1] == "Ã©"
