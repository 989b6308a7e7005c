"""Whether a model may be judged on a task: what it saw, and how it numbers ids."""

from typing import Protocol, runtime_checkable

from tidegraph.data.reading import Reading
from tidegraph.data.times.clocks import Clock
from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.protocol import Task, moment_of
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Ids, Trained, ids_of


@runtime_checkable
class Clocked(Protocol):
    """A fitted pipeline, which knows what the times of its log are."""

    @property
    def clock(self) -> Clock:
        """Unix seconds, positions, or no times."""
        ...


@runtime_checkable
class WasRead(Protocol):
    """A fitted pipeline, which knows how its log was read."""

    @property
    def reading(self) -> Reading | None:
        """Columns and formats; none of a log that was made in memory."""
        ...


@runtime_checkable
class HasGraph(Protocol):
    """A model that carries what it knows; a log is needed beside others."""

    @property
    def graph(self) -> object:
        """All events, if it is a ``Snapshot``; that of a retriever may be static."""
        ...


def reading_of(model: object) -> Reading | None:
    """Return how the log of a model was read, if it knows."""
    return model.reading if isinstance(model, WasRead) else None


def graph_of(model: object) -> Snapshot | None:
    """Return all events that a model knows, if it carries them."""
    graph = model.graph if isinstance(model, HasGraph) else None
    return graph if isinstance(graph, Snapshot) else None


def check_comparable(name: str, model: object, task: Task) -> None:
    """Refuse a model that knows the answers, or whose rows mean other items.

    Raises:
        LeakageError: Training reaches into the test log.
        DataError: The model was trained on a log that numbers ids in another way.
    """
    if isinstance(model, Trained):
        _check_trained_until(name, model.trained_until, task)
    graph = graph_of(model)
    theirs = ids_of(model) if graph is None else _ids_of(graph)
    what = theirs and theirs.differing(_ids_of(task.requests.graph))
    if what is not None:
        raise DataError(
            f"{name} was trained on another log: its {what} rows are not those of the "
            "log that it is judged on. Train all on the same log to compare them."
        )


def check_trained_before(name: str, model: object, begin: int, clock: Clock) -> None:
    """Refuse a model that was trained on what it is judged by.

    Args:
        name: What the model is called.
        model: One that knows until when it was trained, or any other.
        begin: When what it is judged by begins.
        clock: What this time means.

    Raises:
        LeakageError: Training reaches to it.
    """
    until = model.trained_until if isinstance(model, Trained) else None
    if until is None or until < begin:
        return
    if clock == "none":
        raise LeakageError(
            f"{name} was trained on events that come after the first of the log, so it "
            "may know the answers. Train it on what came before."
        )
    raise LeakageError(
        f"{name} was trained until {moment_of(until, clock)}, but the log begins at "
        f"{moment_of(begin, clock)}. Train it on earlier events, or judge it by later "
        "ones."
    )


def _ids_of(graph: Snapshot) -> Ids:
    return Ids(graph.users, graph.items)


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
