"""The commands that compare models on a log: ``tidegraph bench ctr``."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegraph import bench
from tidegraph.artifact.writing import check_writable
from tidegraph.catalog import model
from tidegraph.cli.checking import complain_of_clocks
from tidegraph.cli.options import Given, options_of, split_csv_line
from tidegraph.cli.output import show
from tidegraph.cli.terminal import complain, say
from tidegraph.data.interactions import Interactions
from tidegraph.data.oddities import RESTART, positions_restart
from tidegraph.data.reading import Columns, FeatureColumns, LogFormat, Reading
from tidegraph.data.sources import read_as
from tidegraph.data.tables.unread import unread_columns
from tidegraph.data.times.clocks import refuse_without_past
from tidegraph.errors import RequestError
from tidegraph.features.fields import check_columns
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.progress import working
from tidegraph.ranges import at_least
from tidegraph.recipe_file.toml_file import read_toml

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Compare models.")

Items = Annotated[Path | None, typer.Option(help="Table of item features, if any.")]
Users = Annotated[Path | None, typer.Option(help="Table of user features, if any.")]
Fields = Annotated[
    str | None,
    typer.Option(
        help="Further features for all that read some, such as item.color,user.age."
    ),
]
Category = Annotated[
    str | None, typer.Option(help="Item feature column that groups items.")
]
Models = Annotated[
    str | None,
    typer.Option(
        help="Rankers, such as DIN,'DSGL with structure', and recipes, such as "
        "mine.toml, of which the ranker takes part; every ranker if left out."
    ),
]
Protocol = Annotated[
    Literal["time", "literature"],
    typer.Option(
        help="What positives are told from where the log has no label: items alive at "
        "the time (time), or those in proportion to their popularity, after 85 % of "
        "the log (literature)."
    ),
]
Repeat = Annotated[
    bool,
    typer.Option(
        "--repeat",
        help="Take items that the user had before as positives and negatives, too.",
    ),
]
Propensity = Annotated[
    str | None,
    typer.Option(
        help="Column that says how probable it was that each row would be shown, above "
        "0 and at most 1; models learn by one over it, and are judged by each row once."
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
def _bench_commands() -> None:
    """Compare models."""


@app.command()
@options_of("columns", Columns, LogFormat, FeatureColumns, panel="How the log is read")
def ctr(
    data: Annotated[Path, typer.Option(help="The log.")],
    columns: Given,
    items: Items = None,
    users: Users = None,
    category: Category = None,
    fields: Fields = None,
    models: Models = None,
    protocol: Protocol = "time",
    repeat: Repeat = False,
    propensity: Propensity = None,
    seeds: Annotated[
        int, typer.Option(help="How many times each model is trained.")
    ] = 3,
    output: Output = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Compare rankers on a log: which one is worth having here."""
    at_least("bench ctr", 1, seeds=seeds)
    known = () if fields is None else tuple(split_csv_line(fields))
    reading = _carrying(Reading.of(columns, "options"), propensity)
    if reading.clockless:  # Said before any network is loaded.
        refuse_without_past("none")
    compared = _named_contenders(models, category, known)
    _check_tables(
        category,
        known,
        items=bool(items or reading.features.item_features),
        users=bool(users or reading.features.user_features),
    )
    if output is not None:
        check_writable(output / bench.PAGE)
    log = _read_log(reading, data, items, users)
    check_columns(log, category, known)
    with _trainings_folder(output) as folder:
        chosen = replace(
            bench.PROTOCOLS[protocol], repeat=repeat, propensity=propensity
        )
        found = bench.compare(log, compared, chosen, seeds=seeds, folder=folder)
        with working("judging"):
            scores = bench.Scores.of(found)
    if output is not None:
        bench.write_comparison(scores, output, f"Click models on {data.name}")
    if doubt := found.parts.doubt:
        complain(doubt)
    if json:
        show(scores.table(), json=True)
        return
    say(str(found.parts))
    show(scores.readable(), json=False)
    say(scores.verdict())
    if unread := found.unread():
        say(unread)
    if found.parts.mostly_repeats:
        say(
            "Most events were of items that the user had before: judge these, --repeat."
        )
    if output is not None:
        say(f"{output / bench.PAGE}: the table and pictures")


def _carrying(reading: Reading, column: str | None) -> Reading:
    """Return a reading that carries a further column along, if one is named."""
    context = reading.columns.context
    if column is None or column in context:
        return reading
    return replace(
        reading, columns=replace(reading.columns, context=(*context, column))
    )


def _named_contenders(
    models: str | None, category: str | None, fields: tuple[str, ...]
) -> list[bench.Contender]:
    """Return who is named: rankers, and recipes by what ranks in them."""
    if models is None:
        return bench.contenders(None, category, fields)
    names = split_csv_line(models)
    recipes = [Path(name) for name in names if name.endswith(".toml")]
    rankers = [name for name in names if not name.endswith(".toml")]
    found = bench.contenders(rankers, category, fields)
    return [*found, *map(_ranker_of_recipe, recipes)]


def _ranker_of_recipe(path: Path) -> bench.Contender:
    """Return what ranks in a recipe, by the name of the file."""
    tables = read_toml(path)
    if not isinstance(tables.get("rank"), dict):
        raise RequestError(
            f"{path.name} has no table [rank], so nothing of it can be compared."
        )
    ranker = model(tables["rank"], f"{path.name}:rank", "rank")
    return bench.Contender(path.stem, (ranker,))


def _read_log(
    reading: Reading, data: Path, items: Path | None, users: Path | None
) -> Interactions:
    """Read the log, and say what of it may not be meant so."""
    with working("reading the log"):
        log = read_as(data, reading, users=users, items=items)
        left = unread_columns(data, reading)
    if left.label:
        complain(f"{left.text()}.")
    complain_of_clocks(log)
    if positions_restart(log):
        complain(f"{RESTART} in a recipe. Here parts are cut in time all the same.")
    return log


def _check_tables(
    category: str | None,
    fields: tuple[str, ...],
    *,
    items: bool,
    users: bool,
) -> None:
    """Refuse features of a side that has neither a table nor a column of them."""
    of_items = [name for name in fields if name.startswith(f"{ITEM}.")]
    if not items and (category is not None or of_items):
        what = (
            f"--fields has {of_items[0]!r}"
            if of_items
            else f"--category is {category!r}"
        )
        raise RequestError(
            f"{what}, and no table of item features is given. Name it with --items, or "
            "the columns of the log that hold some with --item-features."
        )
    of_users = [name for name in fields if name.startswith(f"{USER}.")]
    if not users and of_users:
        raise RequestError(
            f"--fields has {of_users[0]!r}, and no table of user features is given. "
            "Name it with --users, or the columns of the log that hold some with "
            "--user-features."
        )


@contextmanager
def _trainings_folder(output: Path | None) -> Generator[Path, None, None]:
    """Give the folder of trainings; one that is gone afterwards if none is wanted."""
    if output is not None:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="tidegraph-bench-") as folder:
        yield Path(folder)
