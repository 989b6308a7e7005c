"""Solvers: from who interacted with what to vectors, in closed form or by a library.

No loss is watched. HOPE, GraRep, ProNE and NetMF without a rank have one answer, of
which the order of rows changes no product beyond rounding; what the others find goes by
where they begin, row by row.
"""

from typing import Protocol, runtime_checkable

import scipy

from tidegraph.retrieval.solvers.graphzoom import GraphZoom
from tidegraph.retrieval.solvers.grarep import GraRep
from tidegraph.retrieval.solvers.hope import HOPE
from tidegraph.retrieval.solvers.ials import IALS
from tidegraph.retrieval.solvers.netmf import NetMF
from tidegraph.retrieval.solvers.of_graph import GraphSolver
from tidegraph.retrieval.solvers.prone import ProNE
from tidegraph.retrieval.solvers.proximities import (
    AdamicAdarProximity,
    CommonNeighborProximity,
    KatzProximity,
    PageRankProximity,
)
from tidegraph.retrieval.solvers.skip_gram import SkipGramWalks
from tidegraph.retrieval.solvers.solved import Solved
from tidegraph.retrieval.solvers.trained import Trained

__all__ = [
    "HOPE",
    "IALS",
    "AdamicAdarProximity",
    "CommonNeighborProximity",
    "Foresees",
    "GraRep",
    "GraphSolver",
    "GraphZoom",
    "KatzProximity",
    "NetMF",
    "PageRankProximity",
    "ProNE",
    "ReadsFeatures",
    "SkipGramWalks",
    "Solved",
    "Solver",
    "Trained",
]


@runtime_checkable
class Foresees(Protocol):
    """A solver that knows before the work what will not fit."""

    def check(self, pairs: "scipy.sparse.csr_array") -> None:
        """Refuse more users, items or pairs than fit, in one sentence."""
        ...


@runtime_checkable
class ReadsFeatures(Protocol):
    """A solver that reads feature columns of items."""

    @property
    def features(self) -> tuple[str, ...]:
        """Their names; () for none."""
        ...

    def solve(
        self,
        pairs: "scipy.sparse.csr_array",
        described: "scipy.sparse.csr_array | None" = None,
    ) -> Solved:
        """Return vectors, as ``Solver`` does.

        Args:
            pairs: As a ``Solver`` gets them.
            described: What the features say of each item, a row each.
        """
        ...


@runtime_checkable
class Solver(Protocol):
    """Settings of a solver; one of your own needs no more than this.

    Such as ``tg.solvers.HOPE()``.
    """

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return vectors whose products order items.

        Args:
            pairs: Weight of each user (row) and item (column); no row and no column is
                empty, and no weight 0 or below.
        """
        ...
