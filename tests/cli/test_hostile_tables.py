"""A hostile table comes whole through the command line and through a recipe."""

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data.hostile import SEPARATORS, Rows, expected, held, others, reads_back, tables
from tidegraph.cli import checking, run
from tidegraph.data.interactions import Interactions
from tidegraph.recipe_file.recipe import read_recipe

thorough = settings(
    max_examples=settings.default.max_examples,
    suppress_health_check=[HealthCheck.too_slow],
)


def as_csv(rows: Rows, separator: str, quoting: int = csv.QUOTE_MINIMAL) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, quoting=quoting).writerows(rows)
    return file.getvalue()


@contextlib.contextmanager
def written(table: Rows, separator: str) -> Iterator[Path]:
    text = as_csv(table, separator)
    assume(reads_back(text, table, separator))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        path.write_bytes(text.encode())
        yield path


def toml(value: object) -> str:
    """Text and lists of it as TOML, which takes every escape that JSON writes here."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@thorough
@given(tables(), st.sampled_from(SEPARATORS), st.booleans())
def test_a_recipe_reads_every_table(table, separator, said):
    with written(table, separator) as path:
        recipe = path.with_name("recipe.toml")
        recipe.write_text(
            "[data]\n"
            f"path = {toml(path.name)}\n"
            'time = "none"\nmissing = "keep"\n'
            f"context = {toml(others(table))}\n"
            + (f"sep = {toml(separator)}\n" if said else "")
            + '[split]\nrandom = 0\n[[retrieve]]\nmodel = "Popular"\n',
            encoding="utf-8",
            newline="",
        )
        log = read_recipe(recipe).read()

    assert held(log, others(table)) == expected(table)


@thorough
@given(tables(), st.sampled_from(SEPARATORS), st.booleans())
def test_the_command_line_reads_every_table(table, separator, said):
    logs: list[Interactions] = []
    report = checking.check_log

    def kept(log: Interactions):
        logs.append(log)
        return report(log)

    words = ["--time", "none"]
    if others(table):
        # A list is a line of CSV, so that a name may hold a comma.
        words += ["--context", as_csv([others(table)], ",", csv.QUOTE_ALL)]
    if said:
        words += ["--sep", separator]
    with written(table, separator) as path, pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "check_log", kept)
        assert run(["check", str(path), *words]) == 0

    assert held(logs[0], others(table)) == expected(table)
