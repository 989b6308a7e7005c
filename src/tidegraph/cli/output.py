"""What a command prints and writes."""

import sys
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from tidegraph.artifact import replaced
from tidegraph.errors import RequestError


def say(text: str) -> None:
    """Print plain text on standard output."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def show(table: pl.DataFrame, *, json: bool) -> None:
    """Print a table for people or, with ``json``, a JSON object per line."""
    if json:
        sys.stdout.write(table.write_ndjson())
        return
    drawn = Table(*table.columns)
    for row in table.iter_rows():
        drawn.add_row(*(_cell(value) for value in row))
    Console().print(drawn)


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, CSV or JSON lines, all of it or nothing.

    Raises:
        RequestError: The name ends in something else.
        ArtifactError: The file cannot be written.
    """
    writers = {
        ".parquet": table.write_parquet,
        ".csv": table.write_csv,
        ".jsonl": table.write_ndjson,
    }
    if path.suffix not in writers:
        raise RequestError(
            f"{path} has no known ending. Name it .parquet, .csv or .jsonl."
        )
    with replaced(path) as aside:
        writers[path.suffix](aside)


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
