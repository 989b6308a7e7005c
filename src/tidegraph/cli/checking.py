"""The command ``tidegraph check``: what a log holds, and how it is read."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from tidegraph.cli.options import Given, taking
from tidegraph.cli.terminal import say
from tidegraph.data.check import check as check_log
from tidegraph.data.reading import Columns, FeatureColumns, LogFormat, Reading
from tidegraph.data.tables.table import shown
from tidegraph.errors import RoundedIdWarning


@taking("data", Columns, LogFormat, FeatureColumns, panel="How the log is read")
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
    reader = Reading.of(data, "options")
    # Words such as NULL are kept, so that the report can name them.
    with warnings.catch_warnings():
        # The report says it.
        warnings.simplefilter("ignore", RoundedIdWarning)
        found = reader.read(log, users=users, items=items, missing="keep")
    say(check_log(found).text())
    left = reader.unread(log)
    if left.label:
        say(left.text())
    if left.columns:
        say(f"columns that are not read: {shown(left.columns)}")
    say(f"read as: {reader.dialect(log)}")
