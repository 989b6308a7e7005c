"""The commands about graphs: ``tidegraph graph draw | check``."""

from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

from tidegraph.artifact.manifest import MANIFEST
from tidegraph.artifact.writing import check_file, replaced
from tidegraph.catalog import load as load_model
from tidegraph.cli.options import Given, moment_of, options_of
from tidegraph.cli.terminal import say
from tidegraph.data.features import NAMES
from tidegraph.data.ids.identity import series
from tidegraph.data.ids.unknown import rows_of_all
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.public import load
from tidegraph.data.reading import Columns, LogFormat, Reading
from tidegraph.data.sources import read_as
from tidegraph.data.split import exact_second
from tidegraph.data.times.clocks import Clock, moment_text, refuse_without_order
from tidegraph.ego.hops import Hops
from tidegraph.ego.static import identity
from tidegraph.errors import RequestError
from tidegraph.evaluation.report.ego_tree import draw_ego_tree as drawn
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.times import seconds_of, ticks_of
from tidegraph.pipeline.explain import item_names

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Look at graphs.")


@app.command()
@options_of("columns", Columns, LogFormat, panel="How the log is read")
def draw(
    around: Annotated[str, typer.Option(help="Id of the node in the middle.")],
    columns: Given,
    source: Annotated[
        Path | None,
        typer.Argument(
            help="A log, or the folder of a saved model or graph; a public data set "
            "if left out."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="As of when: ISO 8601 or Unix seconds (default: just after the last "
            "edge; edges without times are drawn for all time)."
        ),
    ] = None,
    data: Annotated[str, typer.Option(help="A public data set.")] = "complete-journey",
    edge: Annotated[
        str, typer.Option(help="Edge to go along; back along it every second hop.")
    ] = ACTION,
    widths: Annotated[str, typer.Option(help="Latest events per hop.")] = "6,3",
    output: Annotated[Path, typer.Option("-o", "--output", help="The SVG.")] = Path(
        "sub-graph.svg"
    ),
) -> None:
    """Draw the dynamic sequential sub-graph of a node: its latest edges, and theirs."""
    if output.suffix.lower() not in (".svg", ""):
        raise RequestError(f"{output} would hold an SVG. Name it {output.stem}.svg.")
    check_file(output)
    plan = _hops_of_widths(edge, widths)
    if source is not None and source.is_dir():
        graph, clock = _open_graph(source)
    else:
        reading = Reading.of(columns, "options")
        if source is not None and at is not None:
            # A moment that is none is said before a long log is read.
            moment_of(at, positions=reading.format.time_unit == "order")
        log = load(data) if source is None else read_as(source, reading)
        graph, clock = Snapshot.of(log), log.clock
    refuse_without_order(clock, "the picture of a sub-graph")
    if graph.edge(edge).time is None:
        clock = "none"
    moment = _clock_of_picture(graph, clock, at)
    start, end = (graph.typed(name).vocabulary for name in graph.ends(edge))
    row = rows_of_all(start, series([around], "--around"), graph.ends(edge)[0])
    field = plan.sample(graph, row, seconds_of(np.array([moment]), graph.tick))
    title = f"The dynamic sequential graph of {around}"
    with replaced(output) as aside:
        names = _Names((start, end))
        picture = drawn(field, names, title, clock, graph.tick)
        aside.write_text(picture, encoding="utf-8")
    events = sum(int(mask.sum()) for mask in field.mask[1:])
    until = (
        "" if clock == "none" else f" before {moment_text(moment, clock, graph.tick)}"
    )
    say(f"{output}: {events} events{until}.")


def _clock_of_picture(graph: Snapshot, clock: Clock, at: str | None) -> int:
    """Return the tick as of which the picture is; any sees all edges without times."""
    if clock != "none":
        if at is None:
            return graph.latest + 1
        if clock == "order" or graph.tick == "s":
            return moment_of(at, positions=clock == "order")
        second = np.array([exact_second(at, "the cut")])
        return int(ticks_of(second, 1, graph.tick)[0])
    if at is not None:
        raise RequestError("the edges have no times, so all are drawn. Leave --at out.")
    return 0


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder of a saved graph or model.")],
) -> None:
    """Compare every byte of a graph with its checksum, and say what it holds."""
    say(_open_graph(folder, verify=True)[0].schema)


def _open_graph(folder: Path, *, verify: bool | None = None) -> tuple[Snapshot, Clock]:
    """Return the graph of a saved model, or one saved alone, and what its times are."""
    if not (folder / MANIFEST).is_file():
        return Graph.open(folder, verify=verify).snapshot(), "seconds"
    model = load_model(folder, verify=verify)
    return model.graph, model.serving.clock


class _Names:
    """Labels of the nodes of two types, in turn by depth.

    Args:
        kinds: The nodes at even depths, and those at odd ones.
    """

    def __init__(self, kinds: tuple[Vocabulary, Vocabulary]) -> None:
        self._labels = tuple(_node_labels(nodes) for nodes in kinds)

    def __call__(self, depth: int, row: int) -> str:
        return str(self._labels[depth % 2][row])


def _node_labels(nodes: Vocabulary) -> pl.Series:
    column = next((name for name in NAMES if name in nodes.features.columns), None)
    return item_names(nodes, np.arange(len(nodes), dtype=np.int32), column)


def _hops_of_widths(edge: str, widths: str) -> Hops:
    plan = identity()
    for depth, text in enumerate(widths.split(",")):
        if not text.strip().isdigit() or not 1 <= int(text) <= 50:
            raise RequestError(
                f"--widths is {widths!r}. Give numbers from 1 to 50, one for each hop, "
                "such as 6,3."
            )
        plan = plan.hop(edge if depth % 2 == 0 else reverse(edge)).recent(int(text))
    return plan
