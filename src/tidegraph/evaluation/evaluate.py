"""The evaluation of recommenders: every metric, for every user, on one task."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast, runtime_checkable

import polars as pl

from tidegraph.data.clocks import moment_text
from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read
from tidegraph.data.views import Matrix
from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.given import GivenLists, given_lists, is_lists
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
class Trained(Protocol):
    """A fitted model that knows what its training saw."""

    @property
    def trained_until(self) -> int | None:
        """The last time that training saw; none for a log without times."""
        ...


@runtime_checkable
class ReadsLogs(Protocol):
    """A fitted pipeline, which can number a log as it was trained."""

    def read_as_known(self, log: Interactions) -> Interactions:
        """Return ``log`` with its users and items numbered as in training."""
        ...


@runtime_checkable
class HasStages(Protocol):
    """A fitted pipeline, which can be cut after each stage; the last is the whole."""

    def stages(self) -> Mapping[str, Recommender]:
        """Return the pipeline cut after each of its stages."""
        ...


def evaluate(
    model: object,
    test: object,
    *,
    train: Interactions | Matrix | Snapshot | None = None,
    against: object = None,
    at: int | Sequence[int] = CUTOFFS,
    repeat: bool | None = None,
    by: str | None = None,
    ask: Ask = test_requests,
    rng: Seed = 0,
) -> Evaluation:
    """Return how well a model ranks the whole catalogue, and what it gains over others.

    A pipeline is judged after each of its stages and as a whole.

    Args:
        model: Any recommender, ours or not; or lists made elsewhere, as a path, a
            frame, Arrow data or a mapping of the columns user, item and perhaps rank
            or score. A user of the test log without a list counts as zero.
        test: What happened after training: a log or a matrix; for a pipeline also a
            frame with the columns user, item and time.
        train: What was known before; may be left out for a model with a ``graph``.
        against: Another recommender or lists, or several by name, to compare with.
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
    known = _known(model, train.log() if isinstance(train, Matrix) else train)
    test = _log_to_judge_by(test, model)
    task = ask(known, test, repeat=repeat)
    if task.unmet == 1.0:
        raise DataError(
            f"no item of the test log is known to training; it asks for "
            f"{test.items.ids[int(task.relevant.item[0])]!r}, training knows "
            f"{_some(task.requests.graph.items.ids)}. Write ids as training did."
        )
    judged = {
        name: _recommender(name, other, task, test)
        for name, other in ({"model": model} | _rivals(against)).items()
    }
    begin = int(task.requests.time.min())
    for name, other in judged.items():
        _check_unseen(name, other, known, begin)
        _check_comparable(name, other, task)
    subject = judged.pop("model")
    models = {"model": subject} | _earlier_stages(subject) | judged
    result = judge(models, task, at=at, by=by, rng=rng)
    notes = tuple(
        other.note(name, task)
        for name, other in models.items()
        if isinstance(other, GivenLists)
    )
    return replace(result, setup=replace(result.setup, notes=notes))


def _log_to_judge_by(test: object, model: object) -> Interactions:
    """Return a test log, numbered as the model numbers users and items."""
    if isinstance(test, Matrix):
        return test.log(part=1)
    if isinstance(test, Interactions):
        return test
    if not isinstance(model, ReadsLogs) or not hasattr(test, "columns"):
        raise DataError(
            f"test is a {type(test).__name__}, and a log is expected. Pass a part of "
            "log.split(), which shares the numbering of training."
        )
    return model.read_as_known(read(test))


def _rivals(against: object) -> dict[str, object]:
    if against is None:
        return {}
    if isinstance(against, Recommender) or is_lists(against):
        return {"baseline": against}
    return dict(cast(Mapping[str, object], against))


def _recommender(
    name: str, model: object, task: Task, test: Interactions
) -> Recommender:
    """Return a model as it is, and lists as the model that answers with them."""
    if isinstance(model, Recommender):
        return model
    graph = task.requests.graph
    items = max(graph.items, test.items, key=len)
    return given_lists(model, name, graph.users, items)


def _known(
    model: object, train: Interactions | Snapshot | None
) -> Interactions | Snapshot:
    if train is not None:
        return train
    if isinstance(model, HasGraph):
        return model.graph
    raise DataError("this model carries no graph. Pass the log it knows as train=.")


def _some(ids: pl.Series) -> str:
    return ", ".join(repr(id_) for id_ in ids.head(3))


def _check_unseen(
    name: str, model: Recommender, known: Interactions | Snapshot, begin: int
) -> None:
    """Refuse a model that saw the requests' future, beyond what ``train`` tells.

    Where each user is asked at a time of its own, training reaches into the test log
    by design; then a model may have seen what ``train`` holds and nothing later.
    """
    until = model.trained_until if isinstance(model, Trained) else None
    clock = known.clock if isinstance(known, Interactions) else "seconds"
    latest = (
        known.latest if isinstance(known, Snapshot) else int(known.time.max(initial=-1))
    )
    if until is not None and until >= begin and until > latest:
        raise LeakageError(
            f"{name} was trained until {moment_text(until, clock)}, but the requests "
            f"begin at {moment_text(begin, clock)}. Train it on earlier events, or "
            "test on later ones."
        )


def _check_comparable(name: str, model: Recommender, task: Task) -> None:
    """Refuse a model whose rows mean other items or users."""
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
