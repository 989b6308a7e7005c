"""The evaluation of recommenders: every metric, for every user, on one task."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import polars as pl

from tidegraph.arguments import checked
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.comparable import (
    Clocked,
    check_comparable,
    graph_of,
    reading_of,
)
from tidegraph.evaluation.given import recommender_or_lists, rivals_by_name, test_log
from tidegraph.evaluation.given_lists import GivenLists
from tidegraph.evaluation.judging import CUTOFFS, judge
from tidegraph.evaluation.metrics.ranking import check_cutoffs
from tidegraph.evaluation.protocol import EvaluationProtocol, Judged, Task, at_cut
from tidegraph.evaluation.results import Evaluation
from tidegraph.graph.join import union, without_events
from tidegraph.graph.snapshot import Snapshot
from tidegraph.rng import Seed


@runtime_checkable
class Serves(Protocol):
    """A fitted pipeline, which knows how it answers."""

    @property
    def repeat(self) -> bool:
        """May it recommend items that the user has already interacted with?"""
        ...


@checked(ConfigError)
def evaluate(
    model: object,
    test: object,
    *,
    train: Interactions | Matrix | Snapshot | None = None,
    against: object = None,
    k: int | Sequence[int] = CUTOFFS,
    repeat: bool | None = None,
    by: str | None = None,
    protocol: EvaluationProtocol = at_cut,
    rng: Seed = 0,
) -> Evaluation:
    """Return how well a model ranks the whole catalogue, and what it gains over others.

    A pipeline is judged after each of its stages and as a whole.

    Args:
        model: Any recommender, ours or not; or lists that were made elsewhere: a frame,
            an Arrow table, a mapping of columns or a file with the columns user and
            item, and rank or score if the order of rows does not say it.
        test: What happened after training: a log, a Matrix, or a file or frame, which
            is read as the log of training was, by its columns or those called user,
            item, time and label. Its ids count, not how it numbers them.
        train: What was known before; may be left out for a model with a ``graph``, and
            for lists, whose popularity and novelty are unknown then.
        against: Another recommender or frame of lists, or several by name.
        k: Lengths of list to judge, one or several.
        repeat: May items that the user has already interacted with be recommended, and
            count? By default as the model answers, and as users of ``train`` do for one
            that was told nothing: no where at most a tenth of 100 events or more are
            repeats, and yes where there is no log to tell.
        by: Item feature that measures the diversity of lists.
        protocol: Turns the two logs into requests: ``at_cut``, ``at_first_event`` or
            ``at_each_event``.
        rng: Seed of intervals and tests; the same one gives the same table.

    Raises:
        ConfigError: A setting is not what it should be.
        DataError: A model, ``test`` or ``train`` is not, none of the test items is
            known, or a model numbers items in another way.
        LeakageError: Training, of any of the models, reaches into the test log.
    """
    cuts = check_cutoffs(k)
    subject = recommender_or_lists(model, "model")
    others = rivals_by_name(against)
    task = task_of(subject, test, train=train, repeat=repeat, protocol=protocol)
    models = {"model": subject} | others
    for name, one in models.items():
        check_comparable(name, one, task)
    return judge(models, task, k=cuts, by=by, rng=rng)


def task_of(
    subject: Judged,
    test: object,
    *,
    train: Interactions | Matrix | Snapshot | None = None,
    repeat: bool | None = None,
    protocol: EvaluationProtocol = at_cut,
) -> Task:
    """Return the requests of ``evaluate``, and which items count as found.

    Args:
        subject: Who is judged.
        test: What happened after training.
        train: What was known before.
        repeat: May items that the user has already interacted with be recommended, and
            count?
        protocol: Turns the two logs into requests.

    Raises:
        DataError: ``test`` or ``train`` is not a log, or none of the test items is
            known.
        LeakageError: What is known reaches into the test log.
    """
    known, events = _known_and_test_log(subject, test, train)
    if repeat is None:
        repeat = _repeat_of(subject, known)
    elif not repeat and known is not train and isinstance(subject, GivenLists):
        raise DataError(
            "repeat=False leaves out what users interacted with in training. Pass that "
            "log as train=."
        )
    task = protocol(known, events, repeat=repeat)
    graph = graph_of(subject)
    if graph is not None:
        task = _task_with_edges(task, graph)
    if task.unseen == 1.0 and task.popularity.any():
        raise DataError(
            f"no item of the test log is known to training; it holds "
            f"{task.items.ids[int(task.relevant.item[0])]!r}, training knows "
            f"{_first_ids(task.requests.graph.items.ids)}. Write ids as training did."
        )
    return task


def _repeat_of(subject: Judged, known: Interactions | Snapshot) -> bool:
    """Return whether users may have an item again where nobody says it."""
    if isinstance(subject, Serves):
        return subject.repeat
    if isinstance(known, Interactions):
        return MayRepeat.of(None, known).allowed
    return True


def _task_with_edges(task: Task, graph: Snapshot) -> Task:
    """Return a task whose requests see what a model's graph holds beside the log."""
    held, more = task.requests.graph, without_events(graph)
    if more is None or more.edges.keys() <= held.edges.keys():
        return task
    return replace(task, requests=replace(task.requests, graph=union(held, more)))


def _known_and_test_log(
    model: Judged, test: object, train: Interactions | Matrix | Snapshot | None
) -> tuple[Interactions | Snapshot, Interactions]:
    """Return what was known before the test log, and that log, numbered alike."""
    if isinstance(train, Matrix):
        train = train.log()
    clock = model.clock if isinstance(model, Clocked) else None
    if train is None:
        train = graph_of(model)
    if train is None and isinstance(model, GivenLists):
        log = test_log(test, None, None, None)
        return log.take(slice(0, 0)), log
    if train is None:
        raise DataError("this model carries no graph. Pass the log it knows as train=.")
    reading = reading_of(model)
    if isinstance(train, Interactions):
        # A bare retriever and lists know nothing of how their log was read.
        clock, reading = train.clock, reading or train.reading
    return train, test_log(test, train, clock, reading)


def _first_ids(ids: pl.Series) -> str:
    return ", ".join(repr(id_) for id_ in ids.head(3))
