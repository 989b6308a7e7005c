"""Positive pairs: a source and a target that belong together."""

from typing import Protocol, runtime_checkable

from tidegraph.retrieval.objective.pairs.edges import Edges
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives
from tidegraph.retrieval.objective.pairs.sequences import SequenceWindows
from tidegraph.retrieval.objective.pairs.sessions import SessionWalks
from tidegraph.retrieval.objective.pairs.walks import WalkEnds, WalkWindows
from tidegraph.stages import Fold

__all__ = [
    "Edges",
    "PairSource",
    "Pairs",
    "Positives",
    "SequenceWindows",
    "SessionWalks",
    "WalkEnds",
    "WalkWindows",
]


@runtime_checkable
class Pairs(Protocol):
    """Settings of what belongs together; one of your own needs no more than this.

    Such as ``tg.Edges()``.
    """

    def of(self, fold: Fold, method: str) -> PairSource:
        """Return the pairs of a fold.

        Raises:
            DataError: It holds no evidence that anybody likes anything.
        """
        ...
