"""What a command prints and writes."""

import sys
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tidegraph.artifact.writing import check_file, replaced
from tidegraph.errors import RequestError

NARROW = 12
"""Columns as short as this are never broken over lines."""


def say(text: str) -> None:
    """Print plain text on standard output."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def warn(sentence: str) -> None:
    """Print a sentence on standard error that changes nothing of the answer."""
    sys.stderr.write(f"tidegraph: {sentence}\n")


def show(table: pl.DataFrame, *, json: bool) -> None:
    """Print a table for people or, with ``json``, a JSON object per line.

    Nothing is cut: a terminal that is too narrow gets cells of several lines, and what
    is no terminal gets lines as long as they are.
    """
    if json:
        sys.stdout.write(table.write_ndjson())
        return
    console = Console()
    drawn = Table()
    rows = [[_cell(value) for value in row] for row in table.iter_rows()]
    for place, name in enumerate(table.columns):
        widest = max((len(row[place]) for row in rows), default=0)
        drawn.add_column(name, overflow="fold", no_wrap=widest <= NARROW)
    for row in rows:
        # As text, since a title such as "[bold]" is no markup.
        drawn.add_row(*(Text(cell) for cell in row))
    if not console.is_terminal:
        unbound = console.options.update(max_width=10**6)
        console.width = Measurement.get(console, unbound, drawn).maximum
    console.print(drawn)


def check_table(path: Path) -> None:
    """Find out before long work whether ``write_table`` can write there.

    Raises:
        RequestError: The name ends in something else.
        ArtifactError: The place cannot be written.
    """
    if path.suffix not in _WRITERS:
        raise RequestError(
            f"{path} has no known ending. Name it {', '.join(_WRITERS)}."
        )
    check_file(path)


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, CSV or JSON lines, all of it or nothing.

    Raises:
        RequestError: The name ends in something else.
        ArtifactError: The file cannot be written.
    """
    check_table(path)
    with replaced(path) as aside:
        _WRITERS[path.suffix](table, aside)


_WRITERS = {
    ".parquet": pl.DataFrame.write_parquet,
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
}


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
