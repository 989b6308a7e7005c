"""What methods can say that they would fail in, before anything is trained."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from tidegraph.retrieval.from_log import FromLog
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.stages import Checks, Fold


@runtime_checkable
class Ages(Protocol):
    """A configuration that may count ages in half-lives."""

    @property
    def half_life_days(self) -> float | FromLog | None:
        """Age at which an event counts half."""
        ...


def check_before(stages: Iterable[object], train: Fold) -> None:
    """Let every configuration that can say what is wrong do so before the work."""
    for stage in stages:
        if isinstance(stage, Ages):
            check_half_life(stage.half_life_days, train, type(stage).__name__)
        if isinstance(stage, Checks):
            stage.check(train)
