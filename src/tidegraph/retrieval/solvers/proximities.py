"""Proximities that HOPE keeps: S = Mg^-1 Ml, which is never formed."""

from typing import Protocol, runtime_checkable

import numpy as np
import scipy
from jaxtyping import Float64

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ITEM
from tidegraph.graph.proximity.proximities import adamic_adar_weights
from tidegraph.graph.proximity.series import spectral_radius, transition_matrix
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.decomposition import (
    extreme_eigenvalues,
    singular_halves,
    smallest_eigenpairs,
)
from tidegraph.ranges import above, within

__all__ = [
    "AdamicAdarProximity",
    "CommonNeighborProximity",
    "FactorizedProximity",
    "KatzProximity",
    "PageRankProximity",
]

Halves = tuple[Float64[np.ndarray, "nodes d"], Float64[np.ndarray, "nodes d"]]


@runtime_checkable
class FactorizedProximity(Protocol):
    """How near each node is to each other one, by walks.

    Such as ``tg.solvers.KatzProximity()``.
    """

    def halves(self, graph: StaticGraph, size: int, seed: int) -> Halves:
        """Return U s^1/2 and V s^1/2 of S.

        Args:
            graph: Of more nodes than ``size``.
            size: How many singular vectors, those of the largest values.
            seed: Seed of the start.

        Returns:
            A row for each node, or for each item alone; items come first.
        """
        ...


@settings
class KatzProximity:
    """All walks, one of k steps counting beta^k: Mg = I - beta A, Ml = beta A.

    Attributes:
        beta: What one step counts; it must be below one over the spectral radius. None
            takes half of that, with which the vectors of docs/embeddings.md were
            measured; the retriever ``Katz`` takes a tenth, chosen for its lists.

    Source:
        Katz (1953), "A new status index derived from sociometric analysis".
    """

    beta: float | None = None

    def __post_init__(self) -> None:
        above("KatzProximity", 0, beta=self.beta)

    def halves(self, graph: StaticGraph, size: int, seed: int) -> Halves:
        """Return the halves of S, whose singular vectors are eigenvectors of A.

        Raises:
            ConfigError: ``beta`` is not below one over the spectral radius.
        """
        radius = spectral_radius(graph)
        beta = 0.5 / radius if self.beta is None else self.beta
        if beta * radius >= 1:
            raise ConfigError(
                f"KatzProximity has beta={beta}, but on this graph it must be below "
                f"{1 / radius:.6g}, one over the spectral radius. Lower it, or leave "
                "it out for half of that."
            )
        value, vector = extreme_eigenvalues(graph.csr(), size, seed)
        value = beta * value / (1 - beta * value)
        most = np.argsort(-np.abs(value), kind="stable")[:size]
        source = vector[:, most] * np.sqrt(np.abs(value[most]))
        return source, source * np.sign(value[most])


@settings
class PageRankProximity:
    """Where a walk from each node ends: Mg = I - (1 - r) P, Ml = r I.

    Attributes:
        restart: r, the probability to stop at each step; one minus it is known as the
            damping factor. The .15 of the literature; the retriever
            ``PersonalizedPageRank`` has .5, chosen for its lists.

    Source:
        Liben-Nowell & Kleinberg (2007), "The link-prediction problem for social
        networks", section 3.3.
    """

    restart: float = 0.15

    def __post_init__(self) -> None:
        within("PageRankProximity", restart=self.restart)

    def halves(self, graph: StaticGraph, size: int, seed: int) -> Halves:
        """Return the halves of S, which differ."""
        onward = 1 - self.restart
        ahead = scipy.sparse.csr_array(onward * transition_matrix(graph))
        back = scipy.sparse.csr_array(ahead.T)
        # S^-1 = (I - (1 - r) P) / r is sparse: nothing has to be solved for S's largest
        # singular values, which are one over its smallest.
        value, left = smallest_eigenpairs(
            lambda x: (y := x - ahead @ x) - back @ y, len(graph), size, seed
        )
        right = (left - ahead @ left) / np.sqrt(value)
        root = np.sqrt(self.restart / np.sqrt(value))
        return left * root, right * root


@settings
class CommonNeighborProximity:
    """How many neighbours two nodes share: Mg = I, Ml = A^2, each edge once.

    Source:
        Liben-Nowell & Kleinberg (2007), section 3.2.
    """

    def halves(self, graph: StaticGraph, size: int, seed: int) -> Halves:
        """Return the halves of the items: users and items share no neighbour."""
        return _through_neighbors(graph, np.ones(len(graph)), size, seed)


@settings
class AdamicAdarProximity:
    """The same, where a busy neighbour counts less: Ml = A D A, D = 1 / log(degree).

    Source:
        Adamic & Adar (2003), "Friends and neighbors on the Web".
    """

    def halves(self, graph: StaticGraph, size: int, seed: int) -> Halves:
        """Return the halves of the items: users and items share no neighbour."""
        weight = adamic_adar_weights(graph.degree())
        return _through_neighbors(graph, weight, size, seed)


def _through_neighbors(
    graph: StaticGraph, weight: np.ndarray, size: int, seed: int
) -> Halves:
    """Return the halves of A D A: it is X'X of X = D^1/2 A, and so are its vectors."""
    ends = scipy.sparse.csr_array(graph.csr()[:, : graph.size(ITEM)])
    ends.data[:] = 1
    half = scipy.sparse.csr_array(scipy.sparse.diags_array(weight**0.5) @ ends)
    _, right = singular_halves(half, size, seed)
    length = np.linalg.norm(right, axis=0)
    return right * length, right * length
