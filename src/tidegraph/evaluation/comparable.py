"""Whether a model may be judged on a task: what it saw, and how it numbers ids."""

from typing import Protocol, runtime_checkable

from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.protocol import Judged, Task, moment_of
from tidegraph.graph.snapshot import Snapshot


@runtime_checkable
class HasGraph(Protocol):
    """A fitted pipeline, which carries what it knows."""

    @property
    def graph(self) -> Snapshot:
        """All events known now."""
        ...


@runtime_checkable
class Trained(Protocol):
    """A fitted retriever or pipeline, which knows what its training saw."""

    @property
    def trained_until(self) -> int | None:
        """Time of the last event that training saw; None where there are no times."""
        ...


def check_comparable(name: str, model: Judged, task: Task) -> None:
    """Refuse a model that knows the answers, or whose rows mean other items.

    Raises:
        LeakageError: Training reaches into the test log.
        DataError: The model was trained on a log that numbers ids in another way.
    """
    if isinstance(model, Trained):
        _check_trained_until(name, model.trained_until, task)
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


def _check_trained_until(name: str, until: int | None, task: Task) -> None:
    if until is None or until <= task.trained_until:
        return
    if task.clock == "none":
        raise LeakageError(
            f"{name} was trained on events that come after those of train=, so it may "
            "know the answers. Train it on those of train= alone."
        )
    begin = int(task.requests.time.min())
    seen = f"{name} was trained until {moment_of(until, task.clock)}"
    if begin == task.trained_until + 1:
        raise LeakageError(
            f"{seen}, but the requests begin at {moment_of(begin, task.clock)}. Train "
            "it on earlier events, or test on later ones."
        )
    raise LeakageError(
        f"{seen}, but the events of train= end at "
        f"{moment_of(task.trained_until, task.clock)}. Train it on these events, or "
        "pass all that it was trained on as train=."
    )
