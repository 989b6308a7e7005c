"""The commands; each is a few lines over the library."""

from pathlib import Path
from typing import Annotated

import typer

from tidegraph.artifact import check_folder
from tidegraph.cli import graphs
from tidegraph.cli.answers import recommend, similar
from tidegraph.cli.judging import evaluate
from tidegraph.cli.logs import Columns, LogFormat, LogReader
from tidegraph.cli.options import Given, taking
from tidegraph.cli.output import check_table, say, write_table
from tidegraph.cli.training import train
from tidegraph.data.check import check as check_log
from tidegraph.data.synthetic import Marketplace
from tidegraph.demo import Demo
from tidegraph.rng import generator

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Recommendations from a live interaction graph.",
)


@app.command()
@taking("data", Columns, LogFormat, panel="How the log is read")
def check(
    log: Annotated[Path, typer.Argument(help="The log: CSV, Parquet or JSON.")],
    data: Given,
) -> None:
    """Say in plain words how a log is read, what it holds, and what could go wrong."""
    reader = LogReader.of(data, "options")
    # Words such as NULL are kept, so that the report can name them.
    say(check_log(reader.read(log, missing="keep")).text())
    say(f"read as: {reader.dialect(log)}")


app.command()(train)
app.command()(evaluate)
app.command()(recommend)
app.command()(similar)
app.add_typer(graphs.app, name="graph")


@app.command()
def simulate(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The log: .parquet, .csv or .jsonl.")
    ],
    users: Annotated[int, typer.Option(help="How many users.")] = 10_000,
    items: Annotated[int, typer.Option(help="Items on offer on a day.")] = 2_000,
    days: Annotated[int, typer.Option(help="How many days.")] = 60,
    visits: Annotated[int, typer.Option(help="Visits a day.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Write the log of a simulated marketplace, with logged propensities."""
    check_table(output)
    market = Marketplace(users=users, items=items, days=days, visits=visits)
    world = market.simulate(rng=generator(seed))
    write_table(world.log.frame(), output)
    say(f"{output}: {world.log!r}")


@app.command()
def demo(
    data: Annotated[str, typer.Option(help="A public data set.")] = "complete-journey",
    output: Annotated[Path, typer.Option(help="Folder to write.")] = Path(
        "demo-output"
    ),
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Run everything on real data: read, split, train, judge, recommend, report."""
    for name in ("model-repeat", "model-new"):
        check_folder(output / name)
    Demo(data=data, seed=seed).run(output)
