"""The commands about graphs: ``tidegraph graph draw | check``."""

from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

from tidegraph.artifact.writing import check_file, replaced
from tidegraph.cli.logs import Columns, LogFormat, LogReader
from tidegraph.cli.options import Given, moment_of, taking
from tidegraph.cli.output import say
from tidegraph.data.interactions import Interactions
from tidegraph.data.public import load
from tidegraph.data.times.clocks import moment_text, refuse_without_order
from tidegraph.demo import NAMES
from tidegraph.ego.hops import Hops, hop
from tidegraph.ego.picture import draw as drawn
from tidegraph.ego.static import identity
from tidegraph.errors import RequestError
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Look at graphs.")


@app.command()
@taking("columns", Columns, LogFormat, panel="How the log is read")
def draw(
    around: Annotated[str, typer.Option(help="Id of the user in the middle.")],
    columns: Given,
    log: Annotated[
        Path | None, typer.Argument(help="The log; a public data set if left out.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="As of when: ISO 8601 or Unix seconds.")
    ] = None,
    data: Annotated[str, typer.Option(help="A public data set.")] = "complete-journey",
    widths: Annotated[str, typer.Option(help="Latest events per hop.")] = "6,3",
    output: Annotated[Path, typer.Option("-o", "--output", help="The SVG.")] = Path(
        "sub-graph.svg"
    ),
) -> None:
    """Draw the dynamic sequential sub-graph of a user: what they met, who met that."""
    if output.suffix.lower() not in (".svg", ""):
        raise RequestError(f"{output} would hold an SVG. Name it {output.stem}.svg.")
    check_file(output)
    plan = _plan(widths)
    reader = LogReader.of(columns, "options")
    positions = log is not None and reader.format.time_unit == "order"
    asked = None if at is None else moment_of(at, positions=positions)
    known = load(data) if log is None else reader.read(log)
    refuse_without_order(known.clock, "the picture of a sub-graph")
    graph = Snapshot.of(known)
    row = graph.users.row(around)
    if row < 0:
        raise RequestError(
            f"user {around!r} is not in the log. Ids are written like "
            f"{graph.users.ids.first()!r}."
        )
    moment = graph.latest + 1 if asked is None else asked
    field = plan.sample(graph, np.array([row], np.int32), np.array([moment]))
    title = f"What {around} met, and who had met that before"
    with replaced(output) as aside:
        aside.write_text(
            drawn(field, _Names(known), title, known.clock), encoding="utf-8"
        )
    met = sum(int(mask.sum()) for mask in field.mask[1:])
    say(f"{output}: {met} events before {moment_text(moment, known.clock)}.")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder that Graph.save wrote.")],
) -> None:
    """Compare every byte of a saved graph with its checksum, and say what it holds."""
    say(Graph.open(folder, verify=True).snapshot().schema)


class _Names:
    """Labels of users and items, in turn by depth."""

    def __init__(self, log: Interactions) -> None:
        column = next((n for n in NAMES if n in log.items.features.columns), None)
        ids = log.items.ids.cast(pl.String)
        named = ids if column is None else log.items.features[column].cast(pl.String)
        self.of_item = named.zip_with(named.is_not_null(), ids)
        self.of_user = log.users.ids.cast(pl.String)

    def __call__(self, depth: int, row: int) -> str:
        return str((self.of_item if depth % 2 else self.of_user)[row])


def _plan(widths: str) -> Hops:
    plan = identity()
    for depth, text in enumerate(widths.split(",")):
        if not text.strip().isdigit() or not 1 <= int(text) <= 50:
            raise RequestError(
                f"--widths is {widths!r}. Give numbers from 1 to 50, one for each hop, "
                "such as 6,3."
            )
        edge = ACTION if depth % 2 == 0 else f"~{ACTION}"
        plan = (plan.hop(edge) if depth else hop(edge)).recent(int(text))
    return plan
