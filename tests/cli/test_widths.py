"""No text is cut, and no word is broken, however narrow the terminal is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tidegraph
from cli.shops import opened
from tidegraph.cli import run
from tiers import chosen

ANSI = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(r"[┏━┳┓┃┡╇┩│├┼┤└─┴┘]")
COMMANDS = {
    "check": "check {shop}/events.csv --user uid --item sku --time ts",
    "train": "train {shop}/recipe.toml -o {shop}/other",
    "rolling": "train {shop}/recipe.toml -o {shop}/other "
    "--split-rolling-window-days 2 --split-rolling-folds 2",
    "evaluate": "evaluate {model} {shop}/events.csv --against popular "
    "--against personalizedpagerank",
    "alone": "evaluate {model} {shop}/events.csv --part valid -k 5",
    "explain": "recommend {model} --user u3 -k 4 --explain",
    "unknown": "recommend {model} --user nobody -k 4",
    "similar": "similar {model} --item s1 -k 4",
}


@pytest.fixture
def printed(shop, model, capsys, monkeypatch):
    """What a command prints on a terminal of so many columns, or into a file."""

    def of(command: str, columns: int | None = None) -> str:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", str(columns or 40))
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: columns is not None)
        capsys.readouterr()
        status = run(command.format(shop=shop, model=model).split())
        written = capsys.readouterr()
        assert status == 0, written.err
        return ANSI.sub("", written.out)

    return of


def words(text: str) -> list[str]:
    """The words in any order, without what differs from run to run."""
    text = re.sub(r"[0-9.]+\s+s\b", "", FRAME.sub(" ", text))
    return sorted(text.split())


@pytest.mark.parametrize(
    "command", chosen(COMMANDS, "check", "alone", "explain", "unknown", "similar")
)
def test_a_terminal_of_80_and_100_columns_gets_the_words_that_a_file_gets(
    printed, command
):
    whole = printed(command)

    assert "…" not in whole
    for columns in (80, 100):
        text = printed(command, columns)
        assert max(map(len, text.splitlines())) <= columns
        assert words(text) == words(whole)


def test_a_terminal_without_room_for_a_table_gets_a_line_for_each_cell(printed):
    text = printed(COMMANDS["explain"], 40)

    assert len(re.findall(r"^why +\S", text, re.MULTILINE)) == 4
    assert set(words(text)) == set(words(printed(COMMANDS["explain"])))


def test_an_error_breaks_between_words(printed, capsys):
    printed(COMMANDS["check"], 60)
    run(["recommend", "/no/such/model", "--user", "u1", "--no-such-option"])
    lines = capsys.readouterr().err.splitlines()

    assert len(lines) > 1
    assert max(map(len, lines)) <= 60
    assert " ".join(map(str.strip, lines)).startswith("tidegraph: 'tidegraph")


def test_weights_of_walks_are_told_apart(shop, capsys):
    recipe = (shop / "recipe.toml").read_text()
    head = recipe.partition("[[retrieve]]")[0]
    (shop / "walks.toml").write_text(f'{head}[[retrieve]]\nmodel = "RP3beta"\n')
    assert run(["train", f"{shop}/walks.toml", "-o", f"{shop}/walks", "--quiet"]) == 0
    capsys.readouterr()

    run(["similar", f"{shop}/walks", "--item", "s1", "-k", "5"])
    shown = [
        float(x) for x in re.findall(r"\d\.\d+(?:e-\d+)?", capsys.readouterr().out)
    ]
    run(["similar", f"{shop}/walks", "--item", "s1", "-k", "5", "--json"])
    scores = [json.loads(row)["score"] for row in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(shown, scores, rtol=0.01)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """The model of a shop whose items have names in letters that ASCII lacks."""
    shop = opened(tmp_path_factory.mktemp("foreign"))
    names = pl.read_csv(shop / "items.csv").with_columns(title=pl.lit("日本 🙂 Zoë"))
    names.write_csv(shop / "items.csv")
    run(["train", str(shop / "recipe.toml"), "-o", str(shop / "model"), "--quiet"])
    return shop / "model"


ENCODINGS = ("ascii", "cp1252", "utf-8")
ALL = f"""
import sys
from tidegraph.cli import main
asked = sys.argv
for encoding in {ENCODINGS}:
    for stream in sys.stdout, sys.stderr:
        stream.reconfigure(encoding=encoding, errors="strict")
    for words in [*asked, "--json"], asked:
        sys.argv = [*words]
        try:
            main()
        except SystemExit as ended:
            assert ended.code == 0
    sys.stdout.write(chr(0))
"""


def test_a_letter_that_an_encoding_lacks_is_spelt_by_its_number(foreign, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", ENCODINGS[0])
    monkeypatch.setenv("PYTHONPATH", str(Path(tidegraph.__file__).parents[1]))
    words = ["recommend", str(foreign), "--user", "ü", "-k", "2"]

    started = [sys.executable, "-c", ALL, *words]
    done = subprocess.run(started, capture_output=True, check=True)
    answers = done.stdout.split(b"\0")[:-1]

    for encoding, said in zip(ENCODINGS, answers, strict=True):
        *lines, table = said.decode(encoding).split("\n", 2)
        assert [json.loads(row)["name"] for row in lines] == ["日本 🙂 Zoë"] * 2
        spelt = "日本 🙂" if encoding == "utf-8" else r"\u65e5\u672c \ud83d\ude42"
        assert spelt in table
    assert done.stderr.count(b"is not in the model") == 2 * len(ENCODINGS)
