"""The commands that compare models on a log: ``tidegraph bench ctr``."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegraph import bench
from tidegraph.artifact.writing import check_writable
from tidegraph.cli.logs import Columns, LogFormat, LogReader
from tidegraph.cli.options import Given, listed, taking
from tidegraph.cli.output import show
from tidegraph.cli.terminal import say
from tidegraph.errors import RequestError
from tidegraph.features.columns import category_codes
from tidegraph.progress import working
from tidegraph.ranges import at_least

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Compare models.")

Items = Annotated[Path | None, typer.Option(help="Table of item features, if any.")]
Category = Annotated[
    str | None, typer.Option(help="Item feature column that groups items.")
]
Models = Annotated[
    str | None, typer.Option(help="Rankers, such as DIN,DSGL; every one if left out.")
]
Protocol = Annotated[
    Literal["time", "literature"],
    typer.Option(
        help="What positives are told from where the log has no label: items alive at "
        "the time (time), or those in proportion to their popularity, after 85 % of "
        "the log (literature)."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        help="Folder of the report; a comparison that was stopped there goes on.",
    ),
]


@app.callback()
def _group() -> None:
    """Compare models."""


@app.command()
@taking("columns", Columns, LogFormat, panel="How the log is read")
def ctr(
    data: Annotated[Path, typer.Option(help="The log.")],
    columns: Given,
    items: Items = None,
    category: Category = None,
    models: Models = None,
    protocol: Protocol = "time",
    seeds: Annotated[
        int, typer.Option(help="How many times each model is trained.")
    ] = 3,
    output: Output = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Compare rankers on a log: which one is worth having here."""
    at_least("bench ctr", 1, seeds=seeds)
    if category is not None and items is None:
        raise RequestError(
            f"--category is {category!r}, and no table of item features is given. "
            "Name it with --items."
        )
    compared = bench.contenders(None if models is None else listed(models), category)
    if output is not None:
        check_writable(output / bench.PAGE)
    with working("reading the log"):
        log = LogReader.of(columns, "options").read(data, items=items)
    category_codes(log.items, category)
    with _folder(output) as folder:
        chosen = bench.PROTOCOLS[protocol]
        found = bench.compare(log, compared, chosen, seeds=seeds, folder=folder)
        with working("judging"):
            scores = bench.Scores.of(found)
    if output is not None:
        bench.write_comparison(scores, output, f"Click models on {data.name}")
    if json:
        show(scores.table(), json=True)
        return
    say(str(found.parts))
    show(scores.readable(), json=False)
    say(scores.verdict())
    if output is not None:
        say(f"{output / bench.PAGE}: the table and pictures")


@contextmanager
def _folder(output: Path | None) -> Generator[Path, None, None]:
    """Give the folder of trainings; one that is gone afterwards if none is wanted."""
    if output is not None:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="tidegraph-bench-") as folder:
        yield Path(folder)
