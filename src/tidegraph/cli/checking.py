"""The command ``tidegraph check``: what a log holds, and how it is read."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from tidegraph.cli.options import Given, options_of
from tidegraph.cli.spelling import as_options
from tidegraph.cli.terminal import complain, say
from tidegraph.data.check import check as check_log
from tidegraph.data.ids.id_column import MissingIdError
from tidegraph.data.log import Interactions
from tidegraph.data.oddities import outliers_in_time
from tidegraph.data.reading import Columns, FeatureColumns, LogFormat, Reading
from tidegraph.data.sources import read_as
from tidegraph.data.tables.opening import dialect_of
from tidegraph.data.tables.table import shown
from tidegraph.data.tables.unread import unread_columns
from tidegraph.errors import RoundedIdWarning


@options_of("data", Columns, LogFormat, FeatureColumns, panel="How the log is read")
def check(
    log: Annotated[Path, typer.Argument(help="The log: CSV, Parquet or JSON.")],
    data: Given,
    items: Annotated[
        Path | None, typer.Option(help="Table of item features, if any.")
    ] = None,
    users: Annotated[
        Path | None, typer.Option(help="Table of user features, if any.")
    ] = None,
) -> None:
    """Say in plain words how a log is read, what it holds, and what could go wrong."""
    # Words such as NULL are kept, so that the report can name them.
    reading = Reading.of({"missing": "keep"} | data, "options")
    with warnings.catch_warnings():
        # The report says it.
        warnings.simplefilter("ignore", RoundedIdWarning)
        found = _read(log, reading, users, items, words="missing" not in data)
    say(as_options(check_log(found).text()))
    left = unread_columns(log, reading)
    if left.label:
        say(as_options(left.text()))
    if left.columns:
        say(f"columns that are not read: {shown(left.columns)}")
    # A header shows, among others, by the columns that are asked for.
    dialect = dialect_of(log, reading.format.text(), reading.needed)
    say(f"read as: {dialect}")


def _read(
    log: Path, reading: Reading, users: Path | None, items: Path | None, *, words: bool
) -> Interactions:
    """Read a log; rows without ids are counted with ``words`` that stand for none."""
    try:
        return read_as(log, reading, users=users, items=items)
    except MissingIdError:
        if words:
            read_as(log, reading.given({"missing": "refuse"}, "options"))
        raise


def complain_of_clocks(log: Interactions) -> None:
    """Say which events are far from the rest: the last is when answers begin."""
    stray = outliers_in_time(log)
    if stray is not None:
        complain(f"{stray.text()}.")
