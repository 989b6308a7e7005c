"""The command ``tidegraph train``: a recipe becomes a model, and how good it is."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

from tidegraph.artifact.in_use import used_alone
from tidegraph.artifact.sealed import check_folder
from tidegraph.cli.checking import complain_of_clocks
from tidegraph.cli.options import (
    FurtherGraph,
    Given,
    full_paths,
    options_of,
)
from tidegraph.cli.terminal import complain, say, width_of_tables
from tidegraph.data.features import coverage
from tidegraph.data.interactions import Interactions
from tidegraph.data.oddities import RESTART, positions_restart
from tidegraph.data.reading import Columns, FeatureColumns, LogFormat
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.graph.live import Graph
from tidegraph.pipeline import FittedPipeline
from tidegraph.progress import spelt, timing, working
from tidegraph.recipe_file.on_valid import judged_by_actions
from tidegraph.recipe_file.recipe import Fitted, Recipe, read_recipe
from tidegraph.recipe_file.split import Parts, Split
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.scoring.describe import settings_text
from tidegraph.rng import generator
from tidegraph.run import Monitor, Run
from tidegraph.stages import called, chosen_by, curve_of

SHOWN = ("recall@10", "ndcg@10", "recall@50")
"""What is printed of each rolling window."""


@options_of(
    "data", Columns, LogFormat, FeatureColumns, panel="The log, in place of the recipe"
)
@options_of("split", Split, prefix="split_", panel="The split, in place of the recipe")
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe in TOML.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model folder.")],
    data: Given,
    split: Given,
    log: Annotated[
        Path | None, typer.Option(help="The log, in place of the recipe's.")
    ] = None,
    graph: FurtherGraph = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="Write the curves of what trains there, for TensorBoard."),
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            help="Folder of what trains, after every epoch; what was stopped goes on."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Judge nothing and print nothing.")
    ] = False,
) -> None:
    """Train the pipeline of a recipe, save it, and say how each stage does."""
    plan = read_recipe(recipe, data | full_paths(path=log, graph=graph), split)
    check_folder(output)
    monitor = None if tensorboard is None else _tensorboard_monitor(tensorboard)
    further = plan.further()
    alone = used_alone(checkpoints, "training", "for checkpoints")
    with alone, timing() as seconds:
        with working("reading the log"):
            events, left = plan.read(), plan.unread()
        if left.label:
            complain(f"{left.text()}.")
        complain_of_clocks(events)
        parts = plan.split.parts(events)
        _say_parts(plan, events, parts, quiet=quiet)
        run = Run(generator(plan.seed), checkpoints=checkpoints, monitor=monitor)
        if plan.split.rolling is None:
            fitted = plan.fit(parts, graph=further, run=run)
        else:
            fitted = _train_over_windows(plan, events, further, run, quiet=quiet)
        model = fitted.model
        model.save(output)
        if quiet:
            return
        _say_what_was_chosen(model, called(plan.pipeline.rank))
        if parts.valid is not None:
            with working("judging on valid"):
                judged = fitted.on_valid()
            say(judged.text(width_of_tables()))
        elif plan.split.rolling is None:
            say(_unjudged_text(plan, parts, output))
    times = ", ".join(f"{what} {spelt(took)}" for what, took in seconds.items())
    say(f"time: {times}")
    say(f"{output}: {model.describe()}")


def _say_parts(plan: Recipe, log: Interactions, parts: Parts, *, quiet: bool) -> None:
    """Print the sizes of the parts, and complain where a cut in time is none."""
    restart = positions_restart(log)
    if not quiet:
        say(_part_sizes_text(parts, restart=restart))
        for side in coverage(log):
            say(side.text())
    if restart and plan.split.in_time:
        complain(f"{RESTART}.")


def _say_what_was_chosen(model: FittedPipeline, ranker: str) -> None:
    """Print what the pipeline and its parts took from the log."""
    may, share = model.serving.repeat
    if share is not None:
        said = f"{settings_text({'repeat': may})}; {share:.1%} of train are repeats"
        say(f"the pipeline chose on the log: {said}")
    for name, channel in model.channels().items():
        if chose := chosen_by(channel):
            say(f"{name} chose on the log: {settings_text(chose)}")
    if len(model.retriever.channels) > 1:
        say(f"weights of the channels: {model.retriever.weights_text()}")
    if (curve := curve_of(model.ranker)).loss:
        say(f"{ranker} learnt: {curve.text()}")


def _tensorboard_monitor(folder: Path) -> Monitor:
    # What trains loads a tensor engine, and not what is trained without.
    home = importlib.import_module("tidegraph.training.tensorboard")
    return home.TensorBoard(folder)


def _part_sizes_text(parts: Parts, *, restart: bool) -> str:
    rows: list[str] = []
    for name, when in zip(("train", "valid", "test"), parts.spans, strict=True):
        part: Interactions | None = getattr(parts, name)
        if part is None:
            rows.append(f"{name:5}  none")
            continue
        rows.append(
            f"{name:5}  {len(part):,} events of {len(np.unique(part.user)):,} users "
            f"on {len(np.unique(part.item)):,} items, {when}"
        )
    # Where positions are each user's own, nothing is later than another's.
    if parts.overlap and not restart:
        rows.append(
            "The parts overlap in time, so train knows the future of some users in "
            "the others, which stand here as if they came after it. "
            "Split by time to avoid it."
        )
    return "\n".join(rows)


def _unjudged_text(plan: Recipe, parts: Parts, output: Path) -> str:
    """Return how a model is judged that no valid part was kept for."""
    if parts.test is None:
        return (
            "no valid and no test part to judge on; on a log with later events: "
            f"tidegraph evaluate {output} LOG --part all"
        )
    log = plan.folder / plan.files.path
    return f"no valid part to judge on; on test: tidegraph evaluate {output} {log}"


def _train_over_windows(
    plan: Recipe, log: Interactions, graph: Graph | None, run: Run, *, quiet: bool
) -> Fitted:
    """Train before each rolling window and judge on it; return the last."""
    rows: list[dict[str, object]] = []
    fitted: Fitted | None = None
    for number, parts in enumerate(plan.split.windows(log), 1):
        window = replace(run.child(f"window-{number}"), rng=generator(plan.seed))
        fitted = plan.fit(parts, graph=graph, run=window)
        if quiet or parts.test is None:
            continue
        model = fitted.model
        with working("judging on windows"):
            popular = Popular().fit(fitted.train)
            result = evaluate(
                model,
                parts.test,
                train=model.graph,
                against={"Popular": popular},
                k=(10, 50),
            )
        table = result.table().filter(pl.col("metric").is_in(SHOWN))
        for name in ("model", "Popular"):
            means = table.filter(model=name).select("metric", "mean").rows()
            rows.append({"window": str(number), "model": name, **dict(means)})
    assert fitted is not None
    if not quiet:
        say(
            _mean_and_deviation(
                pl.DataFrame(rows), judged_by_actions(plan.pipeline.rank)
            )
        )
    return fitted


def _mean_and_deviation(found: pl.DataFrame, other: str) -> str:
    """Return a row per window, and the mean and deviation over them.

    Args:
        found: A row per window and model.
        other: That lists are not judged by what the ranker answers, if so.
    """
    lines = ["window  model    " + "".join(f"{name:>18}" for name in SHOWN)]
    for row in found.iter_rows(named=True):
        values = "".join(f"{row[name]:18.4f}" for name in SHOWN)
        lines.append(f"{row['window']:6}  {row['model']:9}{values}")
    for (name,), part in found.partition_by(
        "model", as_dict=True, maintain_order=True
    ).items():
        values = "".join(
            f"{part[m].mean():11.4f} ±{part[m].std() or 0:.3f}" for m in SHOWN
        )
        lines.append(f"{'all':6}  {name:9}{values}")
    ours, popular = (found.filter(model=n)["ndcg@10"] for n in ("model", "Popular"))
    if other:
        lines.append(other)
    elif np.mean((ours - popular).to_numpy()) <= 0:
        lines.append(
            "The model does not beat Popular by ndcg@10: look at its channels one by "
            "one with a valid part."
        )
    return "\n".join(lines)
