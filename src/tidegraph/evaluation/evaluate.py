"""The evaluation of recommenders: every metric, for every user, on one task."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import polars as pl

from tidegraph.data.interactions import Interactions
from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.judging import CUTOFFS, judge
from tidegraph.evaluation.protocol import Ask, Recommender, Task, test_requests
from tidegraph.evaluation.results import Evaluation
from tidegraph.graph.snapshot import Snapshot
from tidegraph.rng import Seed


@runtime_checkable
class HasGraph(Protocol):
    """A fitted pipeline, which carries what it knows."""

    @property
    def graph(self) -> Snapshot:
        """All events known now."""
        ...


@runtime_checkable
class Serves(Protocol):
    """A fitted pipeline, which knows how it answers and what its training saw."""

    @property
    def repeat(self) -> bool:
        """May it recommend items that the user already met?"""
        ...

    @property
    def trained_until(self) -> int:
        """Unix seconds of the last event that training saw."""
        ...


@runtime_checkable
class HasStages(Protocol):
    """A fitted pipeline, which can be cut after each stage; the last is the whole."""

    def stages(self) -> Mapping[str, Recommender]:
        """Return the pipeline cut after each of its stages."""
        ...


def evaluate(
    model: Recommender,
    test: Interactions,
    *,
    train: Interactions | Snapshot | None = None,
    against: Recommender | Mapping[str, Recommender] | None = None,
    at: tuple[int, ...] = CUTOFFS,
    repeat: bool | None = None,
    by: str | None = None,
    ask: Ask = test_requests,
    rng: Seed = 0,
) -> Evaluation:
    """Return how well a model ranks the whole catalogue, and what it gains over others.

    A pipeline is judged after each of its stages and as a whole.

    Args:
        model: Any recommender, ours or not.
        test: What happened after training.
        train: What was known before; may be left out for a model with a ``graph``.
        against: Other recommenders by name, to compare with.
        at: Lengths of list to judge.
        repeat: May items that the user already met be recommended, and count? By
            default what the model was told, and yes for one that was told nothing.
        by: Item feature that measures the diversity of lists.
        ask: Turns the two logs into requests, one of those in ``protocol``.
        rng: Seed of intervals and tests; the same one gives the same table.

    Raises:
        DataError: ``train`` is missing, the logs do not fit together, none of the test
            items is known, or a model numbers items in another way than the first.
        LeakageError: Training, of any of the models, reaches into the test log.
    """
    if repeat is None:
        repeat = model.repeat if isinstance(model, Serves) else True
    task = ask(_known(model, train), test, repeat=repeat)
    if task.unmet == 1.0:
        raise DataError(
            f"no item of the test log was met in training; it asks for "
            f"{test.items.ids[int(task.relevant.item[0])]!r}, training met "
            f"{_some(task.requests.graph.items.ids)}. Write ids as training did."
        )
    others = {"baseline": against} if isinstance(against, Recommender) else against
    for name, other in dict(others or {}).items():
        _check_comparable(name, other, task)
    models = {"model": model} | _earlier_stages(model) | dict(others or {})
    return judge(models, task, at=at, by=by, rng=rng)


def _known(
    model: Recommender, train: Interactions | Snapshot | None
) -> Interactions | Snapshot:
    if train is not None:
        return train
    if isinstance(model, HasGraph):
        return model.graph
    raise DataError("this model carries no graph. Pass the log it knows as train=.")


def _some(ids: pl.Series) -> str:
    return ", ".join(repr(id_) for id_ in ids.head(3))


def _check_comparable(name: str, model: Recommender, task: Task) -> None:
    """Refuse a model that knows the answers, or whose rows mean other items."""
    begin = int(task.requests.time.min())
    if isinstance(model, Serves) and model.trained_until >= begin:
        raise LeakageError(
            f"{name} was trained until {model.trained_until}, but the requests begin "
            f"at {begin}. Train it on earlier events, or test on later ones."
        )
    if not isinstance(model, HasGraph):
        return
    pairs = (
        ("item", model.graph.items, task.requests.graph.items),
        ("user", model.graph.users, task.requests.graph.users),
    )
    for what, theirs, ours in pairs:
        if not theirs.numbers_as(ours):
            raise DataError(
                f"{name} was trained on another log: its {what} rows are not those of "
                "the first model. Train both on the same log to compare them."
            )


def _earlier_stages(model: Recommender) -> dict[str, Recommender]:
    stages = dict(model.stages()) if isinstance(model, HasStages) else {}
    return {f"after {name}": cut for name, cut in list(stages.items())[:-1]}
