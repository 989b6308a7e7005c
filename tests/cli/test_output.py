import os
import re
import subprocess
import sys

import polars as pl
import pytest

import tidegraph as tg
from tidegraph.cli import run
from tidegraph.cli.output import check_table, show
from tidegraph.errors import ArtifactError, RequestError

WHY = "often chosen together with " + "a very long title, " * 12
TABLE = pl.DataFrame({"user": ["[bold]u1[/]"], "rank": [1], "why": [WHY]})


def test_what_is_no_terminal_gets_each_row_on_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    show(TABLE, json=False)

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if WHY.strip() in line and "[bold]u1[/]" in line]


def test_a_narrow_terminal_gets_every_word_on_several_lines(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    show(TABLE, json=False)

    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, out.splitlines())) <= 60
    assert out.count("title,") == 12
    assert "…" not in out


def test_columns_stand_in_line_where_letters_are_spelt_out():
    shown = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import polars as pl\n"
            "from tidegraph.cli.output import show\n"
            "from tidegraph.cli.terminal import say, spell_out_what_has_no_letter\n"
            "spell_out_what_has_no_letter()\n"
            "table = {'title': ['Amélie', 'Das Boot'], 'größe': [1, 2]}\n"
            "show(pl.DataFrame(table), json=False)\n"
            "say('0.1 ±0.02')",
        ],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )

    *table, interval = shown.stdout.decode("ascii").splitlines()
    assert r"Am\u00e9lie" in shown.stdout.decode("ascii")
    assert len({len(line) for line in table}) == 1
    assert interval == "0.1 ~0.02"


def test_a_table_that_cannot_be_written_is_said_beforehand(tmp_path):
    with pytest.raises(RequestError, match=r"Name it \.parquet, \.csv, \.jsonl"):
        check_table(tmp_path / "lists.xlsx")
    (tmp_path / "lists.csv").mkdir()
    with pytest.raises(ArtifactError, match="it is a folder"):
        check_table(tmp_path / "lists.csv")


def test_the_package_runs_as_the_command_does():
    done = subprocess.run(
        [sys.executable, "-m", "tidegraph", "check", "nowhere.csv"],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tidegraph: there is no file nowhere.csv. Check the path.\n"


def test_the_version_is_said(capsys):
    assert run(["--version"]) == 0

    assert capsys.readouterr().out == f"tidegraph {tg.__version__}\n"
