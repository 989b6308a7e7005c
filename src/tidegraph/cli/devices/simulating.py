"""Devices and cloud over a log: ``tidegraph device simulate``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

import polars as pl
import typer

from tidegraph import dccl
from tidegraph.artifact.in_use import used_alone
from tidegraph.artifact.sealed import check_folder
from tidegraph.cli.options import FurtherGraph, full_paths
from tidegraph.cli.output import show
from tidegraph.cli.terminal import complain, say
from tidegraph.config import build_each
from tidegraph.errors import ConfigError
from tidegraph.progress import working
from tidegraph.recipe_file.recipe import Recipe, read_recipe
from tidegraph.recipe_file.toml_file import read_toml
from tidegraph.rng import generator
from tidegraph.run import Run

SHOWN = ("clock", "devices", "rows", "model", "own", "teachers", "version")


@dataclass(frozen=True)
class _Cloud:
    """What a table [device] has beside the settings of a fleet."""

    cloud: dccl.DCCL = field(default_factory=dccl.DCCL)


def simulate(
    recipe: Annotated[
        Path, typer.Argument(help="A recipe in TOML; a table [device] is for devices.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model folder.")],
    graph: FurtherGraph = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            help="Folder of what trains, and of the rounds; what was stopped goes on."
        ),
    ] = None,
) -> None:
    """Train a recipe's pipeline, and let devices and cloud learn from the test part."""
    table = cast(dict[str, Any], read_toml(recipe).get("device", {}))
    method, fleet = build_each((_Cloud, dccl.Fleet), table, f"{recipe.name}:device")
    plan = read_recipe(recipe, full_paths(graph=graph))
    fleet.check(plan.pipeline)
    if lacking := fleet.beyond(plan.pipeline):
        complain(f"export --items will be refused: {lacking}. All else works.")
    drawn = _run_with_secret_noise(method.cloud, plan, read_toml(recipe), checkpoints)
    check_folder(output)
    held = None if checkpoints is None else checkpoints / "pipeline"
    with used_alone(held, "training", "for checkpoints"):
        with working("reading the log"):
            events = plan.read()
        parts = plan.split.parts(events)
        # Found out before the long work.
        known = [part for part in (parts.train, parts.valid) if part is not None]
        method.cloud.check(events, max(int(part.time[-1]) for part in known))
        model = plan.fit(parts, run=Run(generator(plan.seed), checkpoints=held)).model
        cloud = method.cloud.fit(events, model, fleet, run=drawn)
    cloud.save(output)
    history = cloud.history().with_columns(pl.from_epoch("clock").dt.date())
    show(history.select(SHOWN), json=False)
    say(
        "model and own: log loss of each round's new rows under the model of all, and "
        "as users were answered."
    )
    say(f"{output}: {cloud.pipeline.describe()}")


def _run_with_secret_noise(
    method: dccl.DCCL,
    plan: Recipe,
    tables: dict[str, Any],
    checkpoints: Path | None,
) -> Run:
    """Return the run of devices and cloud, whose noise nobody can draw again.

    Raises:
        ConfigError: It is to go on from checkpoints, and its noise has no seed.
    """
    distill = method.distill
    if not distill.blurs or "seed" in tables.get("pipeline", {}):
        return Run(generator(plan.seed), checkpoints=checkpoints)
    if checkpoints is not None:
        raise ConfigError(
            "noise is drawn afresh in every run, and rounds that were stopped go on "
            "with the same seed alone. Leave --checkpoints out, or give [pipeline] a "
            "seed and keep it as secret as the rows."
        )
    return Run(distill.generator())
