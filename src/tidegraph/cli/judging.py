"""The command ``tidegraph evaluate``: a saved model on events it has not seen."""

import dataclasses
import json as json_text
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from tidegraph.artifact.manifest import MANIFEST
from tidegraph.artifact.writing import check_file
from tidegraph.catalog import RETRIEVERS, load, spelling
from tidegraph.catalog import model as method_of
from tidegraph.cli.options import Given, options_of
from tidegraph.cli.own import Kinds, classes_of
from tidegraph.cli.terminal import complain, say, width_of_tables
from tidegraph.data.interactions import Interactions
from tidegraph.data.reading import Columns, LogFormat, Reading
from tidegraph.data.sources import read_as
from tidegraph.data.times.clocks import moment_text
from tidegraph.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    LeakageError,
    RequestError,
    did_you_mean,
)
from tidegraph.evaluation.evaluate import CUTOFFS
from tidegraph.evaluation.evaluate import evaluate as judge
from tidegraph.evaluation.protocol import Recommender
from tidegraph.evaluation.report.html import write_report
from tidegraph.evaluation.report.learning import learning_section
from tidegraph.evaluation.report.pictures import sections
from tidegraph.evaluation.results import Evaluation
from tidegraph.graph.events import events_of
from tidegraph.graph.from_log import last_event_time
from tidegraph.pipeline import FittedPipeline
from tidegraph.pipeline.curves import curves_of
from tidegraph.progress import working
from tidegraph.recipe_file.on_valid import judged_by_actions
from tidegraph.recipe_file.recipe import pipeline_of, seed_of
from tidegraph.recipe_file.split import parts_as_saved
from tidegraph.rng import generator
from tidegraph.run import Run
from tidegraph.stages import Fold, Retriever

Baseline = Callable[[Fold], Recommender]
"""Makes a recommender of the events that the judged model knew."""


@options_of(
    "data", Columns, LogFormat, panel="How the log is read, if not as in training"
)
def evaluate(
    model: Annotated[Path, typer.Argument(help="A folder that 'train' wrote.")],
    log: Annotated[Path, typer.Argument(help="The log it was trained on, or later.")],
    data: Given,
    part: Annotated[
        Literal["valid", "test", "all"] | None,
        typer.Option(
            help="Part of the log, as training split it; all takes everything later "
            "than training (default: test)."
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Another model folder, or a retrieval method such as popular, fitted "
            "on the same events with its defaults; repeatable."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    k: Annotated[
        str | None, typer.Option("-k", help="List lengths (default: 10,20,50).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the intervals.")] = 0,
    kinds: Kinds = None,
) -> None:
    """Judge a model by what happened after its training, on the full catalogue."""
    lengths = CUTOFFS if k is None else _list_lengths(k)
    if html is not None:
        check_file(html)
    own = classes_of(kinds, model, *map(Path, against or []))
    fitted = load(model, kinds=own)
    baselines = {
        spelling("retrieve", name): _baseline(name, own) for name in against or []
    }
    items = len(fitted.graph.items)
    if k is None:
        lengths = tuple(sorted({min(length, items) for length in lengths}))
    elif max(lengths) > items:
        raise RequestError(
            f"-k asks for lists of {max(lengths)}, but the catalogue has {items} "
            "items. Ask for fewer."
        )
    judged, known, test = _task_of_evaluation(fitted, log, data, part)
    others, fold = dict[str, Recommender](), Fold(known)
    for name, made in baselines.items():
        with working(f"fitting {name}"):
            others[name] = made(fold)
    result = judge(
        judged,
        test,
        train=judged.graph,
        against=others,
        k=lengths,
        rng=generator(seed),
    )
    if html is not None:
        learnt = learning_section(curves_of(fitted))
        parts = [*sections(result, test), *([learnt] if learnt else [])]
        write_report(html, f"{model} on {log}", parts)
    say(_evaluation_json(result) if json else result.text(width=width_of_tables()))


def _task_of_evaluation(
    model: FittedPipeline, path: Path, data: Given, part: str | None
) -> tuple[FittedPipeline, Interactions, Interactions]:
    """Return who is judged, what it knew, and what on."""
    other = judged_by_actions(model.ranker)
    if other and "label" not in data:
        complain(f"{other}.")
    source = model.serving.source
    memory: Mapping[str, Any] = {} if source is None else source.split
    if part is None:
        part = "test" if _has_test(memory) else "all"
    reading = (model.serving.reading or Reading()).given(data, "options")
    if part == "all" and "split" not in data:
        reading = reading.without_split()
    with working("reading the log"):
        log = model.graph.numbered(read_as(path, reading))
    clock = model.serving.clock
    if part == "all":
        known = events_of(model.graph, clock)
        return model, known, _events_after_training(model, log, path)
    if part == "test":
        known = events_of(model.graph, clock)
        test = parts_as_saved(log, memory, "test")[1]
        _refuse_training_events(model, test)
        return model, known, test
    if part != "valid":
        raise RequestError(f"--part is {part!r}; it can be valid, test or all.")
    before, chosen = parts_as_saved(log, memory, "valid")
    if source is None:
        raise ConfigError(
            "this model does not know the recipe that made it, so its retrieval "
            "cannot be fitted without the valid part. Train it with 'tidegraph train'."
        )
    pipeline = pipeline_of(source.recipe, "the saved recipe")
    run = Run(generator(seed_of(source.recipe, "the saved recipe")))
    return pipeline.refitted(model, before, run=run), before, chosen


def _refuse_training_events(model: FittedPipeline, test: Interactions) -> None:
    """Refuse to judge a model by events that it was told of after its training."""
    latest = last_event_time(model.graph.edges)
    if latest >= int(test.time[0]):
        raise LeakageError(
            f"the model knows events until {moment_text(latest, test.clock)}, and the "
            f"test part begins at {moment_text(int(test.time[0]), test.clock)}. Judge "
            "it on later events with --part all."
        )


def _has_test(memory: Mapping[str, Any]) -> bool:
    """Did training keep a test part? At random its share is said, which may be 0."""
    if "random" in memory:
        return memory["test"] > 0
    return bool(memory.keys() & {"test", "by", "leave_last"})


def _events_after_training(
    model: FittedPipeline, log: Interactions, path: Path
) -> Interactions:
    end = model.trained_until
    test = log.since(end + 1) if log.clock != "none" else log
    if not len(test):
        raise DataError(
            f"{path} has no event after {moment_text(end, log.clock)}, the "
            "last that training saw. Judge the model on later events."
        )
    return test


def _baseline(name: str, own: list[type]) -> Baseline:
    """Return how to make the recommender that ``--against`` names.

    Args:
        name: A folder or a method.
        own: Classes of one's own that a model may be made of.

    Raises:
        RequestError: It is neither a model folder nor a retrieval method, or is a
            method that does nothing without settings.
    """
    folder = Path(name)
    title = spelling("retrieve", name)
    if title in RETRIEVERS and not (folder / MANIFEST).is_file():
        try:
            method = cast(Retriever, _with_defaults(title))
        except ConfigError as error:
            raise RequestError(
                f"{error} Train a recipe that says it, and name the folder of that "
                "model."
            ) from None
        return lambda fold: cast(Recommender, method.fit(fold))
    if not folder.exists():
        raise RequestError(
            f"--against {name} is neither a model folder nor a retrieval method."
            f"{did_you_mean(name, RETRIEVERS)} "
            f"There are: {', '.join(filter(_needs_nothing, RETRIEVERS))}."
        )
    try:
        other = load(folder, kinds=own)
    except ArtifactError as error:
        raise RequestError(f"--against {name}: {error}") from error
    return lambda _: other


def _with_defaults(title: str) -> object:
    return method_of({"model": title}, "--against", "retrieve")


def _needs_nothing(title: str) -> bool:
    """Is there a method of this name with its defaults alone?"""
    try:
        _with_defaults(title)
    except ConfigError:
        return False
    return True


def _list_lengths(text: str) -> tuple[int, ...]:
    try:
        lengths = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise RequestError(
            f"-k is {text!r}; it must be list lengths such as 10,20."
        ) from error
    if min(lengths) < 1:
        raise RequestError(f"-k is {text!r}; a list has at least one item.")
    return lengths


def _evaluation_json(result: Evaluation) -> str:
    document = {
        "setup": dataclasses.asdict(result.setup),
        "metrics": result.table().to_dicts(),
    }
    return json_text.dumps(document, indent=1, ensure_ascii=False)
