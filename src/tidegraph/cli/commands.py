"""The commands; each is a few lines over the library."""

import csv
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from tidegraph.artifact import check_writable
from tidegraph.catalog import load
from tidegraph.cli import graphs
from tidegraph.cli.output import say, show, write_table
from tidegraph.cli.recipe import Columns, read_recipe
from tidegraph.data.check import check as check_log
from tidegraph.data.interactions import Interactions
from tidegraph.data.synthetic import Marketplace
from tidegraph.demo import Demo, sections
from tidegraph.errors import DataError, RequestError
from tidegraph.evaluation.evaluate import evaluate as judge
from tidegraph.evaluation.report import write_report
from tidegraph.pipeline import FittedPipeline
from tidegraph.rng import generator

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Recommendations from a live interaction graph.",
)

app.add_typer(graphs.app, name="graph")

Log = Annotated[Path, typer.Argument(help="The log: CSV, Parquet or JSON lines.")]
Model = Annotated[Path, typer.Argument(help="A folder that 'train' wrote.")]
User = Annotated[str, typer.Option(help="Column of the user id.")]
Item = Annotated[str, typer.Option(help="Column of the item id.")]
Time = Annotated[str, typer.Option(help="Column of the time.")]
Label = Annotated[
    str | None, typer.Option(help="Column of 1 (action) and 0 (impression only).")
]


@app.command()
def check(
    log: Log,
    user: User = "user",
    item: Item = "item",
    time: Time = "time",
    label: Label = None,
) -> None:
    """Say in plain words what a log holds and what a split of it would leak."""
    say(check_log(Columns(user, item, time, label).read(log)).text())


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe in TOML.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model folder.")],
) -> None:
    """Train the pipeline that a recipe describes and save it."""
    plan = read_recipe(recipe)
    check_writable(output)
    learn, stop = plan.split.split(plan.read())
    model = plan.pipeline.fit(learn, stop, rng=plan.seed)
    model.remember(plan.data.columns.kept())
    model.save(output)
    say(f"{output}: {model.describe()}")


@app.command()
def evaluate(
    model: Model,
    log: Log,
    against: Annotated[
        list[Path] | None, typer.Option(help="Another model folder; repeatable.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report here.")] = None,
    at: Annotated[str, typer.Option(help="List lengths.")] = "10,20,50",
    seed: Annotated[int, typer.Option(help="Seed of the intervals.")] = 0,
) -> None:
    """Judge a model by what happened after its training, on the full catalogue."""
    fitted = load(model)
    if html is not None:
        check_writable(html)
    test = _unseen(fitted, _read_for(fitted, log), log)
    others = {str(path): load(path) for path in against or []}
    result = judge(
        fitted,
        test,
        train=fitted.graph,
        against=others,
        at=_lengths(at, len(fitted.graph.items)),
        rng=generator(seed),
    )
    if html is not None:
        write_report(html, f"{model} on {log}", sections(result, test))
    say(str(result))


@app.command()
def recommend(
    model: Model,
    user: Annotated[str | None, typer.Option(help="A user id.")] = None,
    history: Annotated[
        str | None, typer.Option(help="Items a,b,c, quoted as in CSV.")
    ] = None,
    users_file: Annotated[
        Path | None, typer.Option(help="A table whose first column lists user ids.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many items.")] = 10,
    exclude: Annotated[str, typer.Option(help="Items a,b,c to leave out.")] = "",
    at: Annotated[int | None, typer.Option(help="Unix seconds of the request.")] = None,
    explain: Annotated[bool, typer.Option(help="Say who proposed it and why.")] = False,
    json: Annotated[bool, typer.Option(help="Print JSON lines.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write a table here.")
    ] = None,
) -> None:
    """Recommend items to a user, to a history of items, or to a file of users."""
    if sum(given is not None for given in (user, history, users_file)) != 1:
        raise RequestError("give exactly one of --user, --history and --users-file.")
    if output is not None:
        check_writable(output)
    fitted = load(model)
    if users_file is not None:
        lists = fitted.recommend_all(_ids(users_file), k=k, at=at)
    else:
        met = None if history is None else _listed(history)
        lists = fitted.recommend(
            user, history=met, k=k, exclude=_listed(exclude), at=at
        )
    if not explain:
        lists = lists.drop("channel", "why")
    if output is not None:
        write_table(lists, output)
        say(f"{output}: {lists['user'].n_unique()} lists, {lists.height} rows.")
    else:
        show(lists, json=json)


@app.command()
def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="The log to write.")],
    users: Annotated[int, typer.Option(help="How many users.")] = 10_000,
    items: Annotated[int, typer.Option(help="Items on offer on a day.")] = 2_000,
    days: Annotated[int, typer.Option(help="How many days.")] = 60,
    visits: Annotated[int, typer.Option(help="Visits a day.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Write the log of a simulated marketplace, with logged propensities."""
    check_writable(output)
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
    check_writable(output)
    Demo(data=data, seed=seed).run(output)


def _read_for(model: FittedPipeline, log: Path) -> Interactions:
    columns = Columns(**model.serving.source)
    return model.read_as_known(columns.read(log))


def _unseen(model: FittedPipeline, log: Interactions, path: Path) -> Interactions:
    test = log.since(model.serving.trained_until + 1)
    if not len(test):
        raise DataError(
            f"{path} has no event after {model.serving.trained_until}, the last that "
            "training saw. Judge the model on later events."
        )
    return test


def _lengths(text: str, items: int) -> tuple[int, ...]:
    try:
        lengths = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise RequestError(
            f"--at is {text!r}; it must be list lengths such as 10,20."
        ) from error
    longest = max(lengths)
    if longest > items:
        raise RequestError(
            f"--at asks for lists of {longest}, but the catalogue has {items} items. "
            "Ask for fewer."
        )
    return lengths


def _listed(text: str) -> list[str]:
    """Return ids written as a line of CSV, so that a quoted one may hold a comma."""
    return [part for row in csv.reader([text]) for part in row if part]


def _ids(path: Path) -> pl.Series:
    if not path.is_file():
        raise DataError(f"there is no file {path}.")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path).to_series(0)
        # Text as it is written: 007 is not 7.
        return pl.read_csv(path, infer_schema=False).to_series(0)
    except (pl.exceptions.PolarsError, IndexError, OSError) as error:
        raise DataError(
            f"{path} cannot be read as a list of users: {error}."
        ) from error
