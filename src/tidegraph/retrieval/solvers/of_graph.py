"""Solvers that embed any graph, not the pairs of a log alone."""

from typing import Protocol, runtime_checkable

import numpy as np
import scipy

from tidegraph.graph.static import StaticGraph
from tidegraph.retrieval.solvers.grarep import GraRep
from tidegraph.retrieval.solvers.hope import HOPE
from tidegraph.retrieval.solvers.netmf import NetMF
from tidegraph.retrieval.solvers.prone import ProNE
from tidegraph.retrieval.solvers.skip_gram import SkipGramWalks
from tidegraph.retrieval.solvers.trained import Trained

__all__ = [
    "HOPE",
    "GraRep",
    "GraphSolver",
    "NetMF",
    "ProNE",
    "SkipGramWalks",
    "Trained",
]


@runtime_checkable
class GraphSolver(Protocol):
    """Settings of such a solver; one of your own needs no more than this.

    Such as ``tg.solvers.NetMF()``.
    """

    @property
    def embedding_size(self) -> int:
        """How many numbers a vector has, fewer than the graph has nodes."""
        ...

    def graph(self, pairs: "scipy.sparse.csr_array") -> StaticGraph:
        """Return the graph of pairs of users and items that it works on."""
        ...

    def embed(self, graph: StaticGraph) -> tuple[np.ndarray, np.ndarray]:
        """Return a vector of each node as a source, and one as a target."""
        ...
