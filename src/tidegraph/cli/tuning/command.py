"""The command ``tidegraph tune``: settings of a recipe are searched on validation."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from tidegraph.artifact.in_use import used_alone
from tidegraph.artifact.manifest import GRAPH
from tidegraph.artifact.writing import check_file, replaced
from tidegraph.cli.checking import complain_of_clocks
from tidegraph.cli.options import FurtherGraph, full_paths
from tidegraph.cli.terminal import complain, say
from tidegraph.cli.tuning.pictures import search_section
from tidegraph.config import build
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.digests import log_digest, rest_digest, short_hash
from tidegraph.errors import ConfigError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.evaluation.report.html import write_report
from tidegraph.extras import needed
from tidegraph.graph.live import Graph
from tidegraph.progress import working
from tidegraph.recipe_file.on_valid import judged_by_actions
from tidegraph.recipe_file.recipe import Recipe, pipeline_of, read_recipe
from tidegraph.recipe_file.search.space import Search, with_settings_replaced
from tidegraph.recipe_file.search.study import Found, search
from tidegraph.recipe_file.split import Parts
from tidegraph.recipe_file.toml_file import read_toml
from tidegraph.retrieval.scoring.describe import settings_text
from tidegraph.rng import generator
from tidegraph.run import Run
from tidegraph.stages import Fold


def tune(
    recipe: Annotated[
        Path, typer.Argument(help="A recipe in TOML that has a table [tune].")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="Folder of the search; one that was stopped there goes on.",
        ),
    ],
    graph: FurtherGraph = None,
    trials: Annotated[
        int | None, typer.Option(help="How many trials, in place of the recipe's.")
    ] = None,
) -> None:
    """Search the settings of a recipe on its valid part, and write the best recipe."""
    tables = read_toml(recipe)
    if "tune" not in tables:
        raise ConfigError(
            f"{recipe.name} has no table [tune]. Say there which settings to search, "
            'such as [tune.settings] "retrieve.ItemKNN.neighbors" = { low = 10, '
            "high = 500 }."
        )
    table = cast(dict[str, Any], tables.pop("tune"))
    wanted = build(
        Search,
        table | ({} if trials is None else {"trials": trials}),
        f"{recipe.name}:tune",
    )
    with needed("tomli-w", "tune", "a search of settings"):
        written = cast(Any, importlib.import_module("tomli_w"))
    plan = read_recipe(recipe, full_paths(graph=graph))
    _check_ranges(plan, wanted, recipe.name)
    best_file, report = output / "best.toml", output / "report.html"
    output.mkdir(parents=True, exist_ok=True)
    for path in (best_file, report):
        check_file(path)
    with working("reading the log"):
        judged = _Judged.of(plan, wanted)
    key = {
        "recipe": tables,
        "settings": table.get("settings"),
        "metric": wanted.metric,
        "log": judged.digests,
    }
    score = partial(judged.score, wanted=wanted)
    with used_alone(output, "search", "for it"):
        found = search(wanted, output, key, plan.stages, score, plan.seed)
    best = with_settings_replaced(tables, found.best.settings)
    best["data"] = _with_paths(best["data"], recipe.parent) | full_paths(graph=graph)
    with replaced(best_file) as aside:
        aside.write_text(written.dumps(best), encoding="utf-8")
    write_report(report, f"Search of {recipe.name}", [search_section(wanted, found)])
    say(_result_text(wanted, found))
    if len(found.trials) == wanted.possible:
        say(f"all {len(found.trials)} possible settings were tried")
    say(f"{best_file}: the best recipe; {report}: pictures")


def _check_ranges(plan: Recipe, wanted: Search, where: str) -> None:
    """Raise if an end of a range cannot be, before anything is read."""
    if plan.split.rolling is None and not plan.split.shares[0]:
        raise ConfigError(
            f"{where}: the split has no valid part, by which settings are chosen. "
            "Give [split] valid a share above 0."
        )
    if plan.split.rolling is not None and plan.split.rolling.folds < 2:
        raise ConfigError(
            f"{where}: the split has one rolling window, and that is the test part. "
            "Give [split.rolling] folds of at least 2: settings are chosen by those "
            "before the last."
        )
    for place, values in wanted.settings.items():
        for end in values.ends:
            pipeline_of(with_settings_replaced(plan.stages, {place: end}), where)


@dataclass(frozen=True)
class _Judged:
    """What pipelines are fitted on, and what they are then to find.

    Attributes:
        plan: The recipe.
        folds: What is known, the parts it is of, and what comes after it, for each time
            that is judged; the last of rolling windows is the test part, and not among
            them.
        further: Nodes and edges beside the log, if any.
    """

    plan: Recipe
    folds: list[tuple[Fold, Parts, Interactions]]
    further: Graph | None

    @classmethod
    def of(cls, plan: Recipe, wanted: Search) -> "_Judged":
        if other := judged_by_actions(plan.pipeline.rank):
            complain(f"{other}.")
        log = plan.read()
        if wanted.length > len(log.items):
            raise ConfigError(
                f"[tune] metric is {wanted.metric!r}, but the catalogue has "
                f"{len(log.items)} items: every list would hold them all. Judge "
                "shorter ones."
            )
        complain_of_clocks(log)
        if plan.split.rolling is not None:
            judged = [(parts, parts.test) for parts in plan.split.windows(log)[:-1]]
        else:
            parts = plan.split.parts(log)
            judged = [(parts, parts.valid)]
        folds = [
            (Fold(parts.train), parts, later)
            for parts, later in judged
            if later is not None
        ]
        if not folds:
            raise ConfigError(
                "the valid part, by which settings are chosen, holds no event. Give "
                "[split] another share or time."
            )
        return cls(plan, folds, plan.further())

    @property
    def digests(self) -> list[str]:
        """What tells these folds from those of another log or graph."""
        parts = (
            part for known, _, later in self.folds for part in (known.events, later)
        )
        made = [made(part) for part in parts for made in (log_digest, rest_digest)]
        if self.plan.files.graph is None:
            return made
        sealed = self.plan.folder / self.plan.files.graph / GRAPH.manifest
        return [*made, short_hash(sealed.read_bytes())]

    def score(self, stages: Mapping[str, Any], wanted: Search) -> float:
        """Return what the pipeline of a recipe's tables finds, on average."""
        pipeline, total = pipeline_of(stages, "the recipe of a trial"), 0.0
        seed = stages.get("pipeline", {}).get("seed", self.plan.seed)
        for known, parts, later in self.folds:
            method = parts.long_enough(pipeline)
            run = Run(generator(seed))
            fitted = method.fit(known, graph=self.further, run=run)
            found = evaluate(fitted, later, train=fitted.graph, k=(wanted.length,))
            total += found.mean(wanted.metric)
        return total / len(self.folds)


def _with_paths(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the table of the log with paths that hold from anywhere."""
    names = ("path", "users", "items", "graph")
    return {
        name: str((folder / value).absolute()) if name in names else value
        for name, value in data.items()
    }


def _result_text(wanted: Search, found: Found) -> str:
    best = found.best
    if not best.settings:
        return (
            f"none of {len(found.trials)} trials finds more than the recipe as it is: "
            f"{wanted.metric} {found.recipe:.4f} on valid."
        )
    return (
        f"{wanted.metric} on valid: {best.score:.4f} with "
        f"{settings_text(best.settings)}; {found.recipe:.4f} with the recipe "
        f"as it is. It is the best of {len(found.trials)} trials, so judge it once on "
        "test: tidegraph train, then "
        "tidegraph evaluate --part test."
    )
