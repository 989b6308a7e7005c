"""The commands about a saved model: ``recommend | similar | erase | ...``."""

from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import polars as pl
import typer

from tidegraph.cli.options import moment_of, split_csv_line
from tidegraph.cli.output import check_table, show, write_table
from tidegraph.cli.own import Kinds, opened
from tidegraph.cli.terminal import say
from tidegraph.data.ids.id_list import read_ids
from tidegraph.data.reading import Reading
from tidegraph.data.sources import read_as
from tidegraph.errors import RequestError
from tidegraph.pipeline import FittedPipeline
from tidegraph.pipeline.similar import Side
from tidegraph.progress import working

Model = Annotated[Path, typer.Argument(help="A folder that 'train' wrote.")]
Count = Annotated[int, typer.Option("-k", help="How many items.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", help="Write a table here: .parquet, .csv or .jsonl."
    ),
]


def recommend(
    model: Model,
    user: Annotated[str | None, typer.Option(help="A user id.")] = None,
    history: Annotated[
        str | None, typer.Option(help="Items a,b,c, quoted as in CSV.")
    ] = None,
    users_file: Annotated[
        Path | None,
        typer.Option(help="A file of user ids: one in each line, or a table."),
    ] = None,
    k: Count = 10,
    only: Annotated[
        str | None, typer.Option(help="Items a,b,c to choose from.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help="Items a,b,c to leave out.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(help="Items to choose from by their features, such as 'price<9'."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Time of the request: ISO 8601 or Unix seconds."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say who proposed it and why.")
    ] = False,
    json: Json = False,
    output: Out = None,
    kinds: Kinds = None,
) -> None:
    """Recommend items to a user, to a history of items, or to a file of users."""
    if sum(given is not None for given in (user, history, users_file)) != 1:
        raise RequestError("give exactly one of --user, --history and --users-file.")
    if only is not None and where is not None:
        raise RequestError("--only and --where both say what to choose from. Give one.")
    if output is not None:
        check_table(output)
    condition = None if where is None else _condition_of(where)
    fitted = opened(model, kinds)
    moment = None if at is None else _moment_at(fitted, at)
    texts = {"only": only, "exclude": exclude, "history": history}
    given: dict[str, Any] = {
        n: split_csv_line(text) for n, text in texts.items() if text is not None
    }
    given |= {} if condition is None else {"only": condition}
    if users_file is not None:
        users = _users_of_file(fitted, users_file)
        lists = fitted.recommend_all(users, k=k, at=moment, **given)
    else:
        lists = fitted.recommend(user, k=k, at=moment, **given)
    if not explain:
        lists = lists.drop("channel", "why")
    _output_lists(lists, "user", json=json, output=output)


def similar(
    model: Model,
    item: Annotated[list[str], typer.Option(help="An item id; repeatable.")],
    k: Count = 10,
    channel: Annotated[
        str | None,
        typer.Option(help="Who says it (default: the first that compares items)."),
    ] = None,
    json: Json = False,
    output: Out = None,
    kinds: Kinds = None,
) -> None:
    """Show the items that are most like an item."""
    if output is not None:
        check_table(output)
    found = opened(model, kinds).similar(item, k=k, channel=channel)
    if not found.height:
        raise RequestError(
            f"the model knows no item like {' or '.join(map(repr, item))}."
        )
    _output_lists(found, "item", json=json, output=output)


def embed(
    model: Model,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="A table: .parquet, .csv or .jsonl."),
    ],
    of: Annotated[Side, typer.Option(help="Whose vectors.")] = "item",
    channel: Annotated[
        str | None,
        typer.Option(help="Whose they are (default: the first that has vectors)."),
    ] = None,
    kinds: Kinds = None,
) -> None:
    """Write the vectors of an embedding beside their ids; a CSV has a column each."""
    check_table(output)
    fitted = opened(model, kinds)
    found = fitted.vectors(of, channel=channel)
    size = cast(pl.Array, found.schema["vector"]).size
    if output.suffix == ".csv":
        names = [f"vector_{n}" for n in range(size)]
        each = found["vector"].arr.to_struct(names).struct.unnest()
        found = found.select(of).hstack(each)
    write_table(found, output)
    ids = fitted.graph.items if of == "item" else fitted.graph.users
    without = len(ids) - len(ids.erased()) - found.height
    also = ""
    if without:
        have = f"1 {of} has" if without == 1 else f"{without:,} {of}s have"
        also = f" {have} none: training found nothing to learn one from."
    say(f"{output}: {found.height:,} vectors of {size} numbers.{also}")


def erase(
    model: Model,
    user: Annotated[list[str], typer.Option(help="A user id; repeatable.")],
    kinds: Kinds = None,
) -> None:
    """Erase users from a saved model, which is written anew."""
    fitted = opened(model, kinds)
    fitted.erase(user)
    fitted.save(model)
    say(
        f"{model}: {len(set(user))} erased with all their events. What the "
        "events of many add up to stays until the model is trained again."
    )


def forget(
    model: Model,
    events: Annotated[
        Path, typer.Argument(help="The events, in a file such as training read.")
    ],
    kinds: Kinds = None,
) -> None:
    """Take events back out of a saved model, which is written anew."""
    fitted = opened(model, kinds)
    reading = (fitted.serving.reading or Reading()).of_events()
    with working("reading the events"):
        log = read_as(events, reading)
    before = _num_edges(fitted)
    fitted.forget(log)
    fitted.save(model)
    gone, users = before - _num_edges(fitted), len(np.unique(log.user))
    what = "1 event" if gone == 1 else f"{gone:,} events"
    whose = "1 user" if users == 1 else f"{users:,} users"
    say(
        f"{model}: {what} of {whose} taken out. What the events of many add up to "
        "stays until the model is trained again."
    )


def _num_edges(model: FittedPipeline) -> int:
    return sum(len(edges) for edges in model.graph.edges.values())


def _output_lists(
    lists: pl.DataFrame, of: str, *, json: bool, output: Path | None
) -> None:
    """Print lists, or write them to a file and say how many they are."""
    if output is None:
        show(lists, json=json)
        return
    write_table(lists, output)
    say(f"{output}: {lists[of].n_unique()} lists, {lists.height} rows.")


def _condition_of(text: str) -> pl.Expr:
    try:
        return pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        said = str(error).splitlines()[0]
        raise RequestError(
            f"--where {text!r} is no condition: {said}. Write one like "
            "\"price < 10 AND brand = 'acme'\"."
        ) from error


def _moment_at(model: FittedPipeline, text: str) -> int | str:
    clock = model.serving.clock
    if clock == "none":
        raise RequestError("the log of this model has no times. Leave --at out.")
    # A moment is handed on as it was written, for messages.
    return moment_of(text, positions=True) if clock == "order" else text


def _users_of_file(model: FittedPipeline, path: Path) -> pl.Series:
    reading = model.serving.reading or Reading()
    column = str(reading.columns.user)
    return read_ids(path, (column, "user"), model.graph.users)
