"""Files with a line for each user, which are no tables, and how they become one."""

import pathlib
import re

import polars as pl
import pytest

from tidegraph.cli import run
from tidegraph.data.sources import read
from tidegraph.data.text.lines import are_user_lines
from tidegraph.errors import DataError

LINES = "1 16 123 124\n2 7 16 123 9\n3 5\n4 9 7 5 16 123 124 8\n"
PAIRS = [
    *((1, item) for item in (16, 123, 124)),
    *((2, item) for item in (7, 16, 123, 9)),
    (3, 5),
    *((4, item) for item in (9, 7, 5, 16, 123, 124, 8)),
]
SETTINGS = [
    {},
    {"sep": "space"},
    {"sep": "space", "user": 1, "item": 2, "time": None},
    {"header": False},
    {"names": ["user", "items"]},
]


def unrolled(message):
    """The frame that the lines of Python in a message make."""
    code = re.search(r"pair: (.*)\. Read the frame", message)[1]
    names = {"pl": pl, "pathlib": pathlib}
    exec(code, names)
    return names["frame"]


TEXTS = {
    "blanks": LINES,
    "blanks at the end": LINES.replace("\n", " \n"),
    "two blanks": LINES.replace(" ", "  "),
    "tabs": LINES.replace(" ", "\t"),
    "commas": LINES.replace(" ", ","),
    "two users": "".join(LINES.splitlines(keepends=True)[:2]),
}
CASES = [
    *(("blanks", said) for said in SETTINGS),
    *(("blanks at the end", said) for said in SETTINGS),
    *((text, SETTINGS[0]) for text in list(TEXTS)[2:]),
]


@pytest.mark.parametrize(("text", "said"), CASES, ids=str)
def test_a_line_for_each_user_is_named_with_what_unrolls_it(
    text, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.txt").write_text(TEXTS[text])

    with pytest.raises(
        DataError,
        match=r"log\.txt, row 2: there are 5 numbers, and the first row has 4\. If ",
    ) as told:
        read("log.txt", **said)

    log = read(unrolled(str(told.value)), time=None, time_unit="order")
    assert log.frame().select("user", "item").rows() == PAIRS[: len(log)]
    assert len(log) == (7 if text == "two users" else len(PAIRS))


def test_the_command_line_says_it_too(tmp_path, capsys):
    path = tmp_path / "log.txt"
    path.write_text(LINES)

    options = ["--sep", "space", "--user", "1", "--item", "2", "--time", "none"]
    assert run(["check", str(path), *options]) == 2

    assert "log.txt, row 2: there are 5 numbers" in capsys.readouterr().err


def test_a_bad_row_among_good_ones_is_no_line_of_a_user(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("1,2,3\n" * 9 + "1,2\n")

    with pytest.raises(DataError, match="row 10: there are 2 fields, and the first"):
        read(path, user=1, item=2, time=3)


@pytest.mark.parametrize(
    ("records", "lines"),
    [
        ([["1", "2"], ["1", "2", "3"]], True),
        ([["1", "2"], ["1", "2"]], False),
        ([["1", "b"], ["1", "2", "3"]], False),
        ([], False),
    ],
)
def test_lines_are_whole_numbers_of_unequal_count(records, lines):
    assert are_user_lines(records) is lines
