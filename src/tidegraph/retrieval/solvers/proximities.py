"""Proximities that HOPE keeps: S = Mg^-1 Ml, as something that vectors go through.

S is never formed: what stands in Mg^-1 is solved for each vector.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
import scipy
from jaxtyping import Float64
from scipy.sparse.linalg import LinearOperator

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ITEM
from tidegraph.graph.proximity.power_iteration import (
    adamic_adar_weights,
    spectral_radius,
)
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.decomposition import both_ends, halves
from tidegraph.ranges import above, within
from tidegraph.retrieval.solvers.graphs import symmetric

__all__ = [
    "AdamicAdarProximity",
    "CommonNeighborProximity",
    "KatzProximity",
    "PageRankProximity",
    "Proximity",
]

Halves = tuple[Float64[np.ndarray, "nodes d"], Float64[np.ndarray, "nodes d"]]
_TOLERANCE = 1e-12
"""Of what a solution may still be off, as a share of it."""


@runtime_checkable
class Proximity(Protocol):
    """How near each node is to each other one, by walks."""

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
            takes half of that.

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
        value, vector = both_ends(graph.csr(), size, seed)
        value = beta * value / (1 - beta * value)
        most = np.argsort(-np.abs(value), kind="stable")[:size]
        source = vector[:, most] * np.sqrt(np.abs(value[most]))
        return source, source * np.sign(value[most])


@settings
class PageRankProximity:
    """Where a walk from each node ends: Mg = I - (1 - r) P, Ml = r I.

    Attributes:
        restart: r, the probability to stop at each step; one minus it is known as the
            damping factor.

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
        # P = D^-1/2 B D^1/2 with B symmetric, so that one solver serves both sides.
        walk = scipy.sparse.csr_array(onward * symmetric(graph))
        solve = _Geometric.of(walk, onward)
        # A node without an edge keeps its walk.
        root = np.where(graph.strength > 0, graph.strength, 1.0) ** 0.5

        def apply(x: np.ndarray) -> np.ndarray:
            return self.restart * _scaled(solve(_scaled(x, root)), 1 / root)

        def apply_turned(x: np.ndarray) -> np.ndarray:
            return self.restart * _scaled(solve(_scaled(x, 1 / root)), root)

        return halves(_operator(len(graph), apply, apply_turned), size, seed)


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
    _, right = halves(half, size, seed)
    length = np.linalg.norm(right, axis=0)
    return right * length, right * length


class _Geometric(NamedTuple):
    """Solves (I - G) x = b for a symmetric G by Chebyshev's iteration.

    It needs no product of vectors, so that many are solved at once and each as alone.

    Source:
        Golub & Van Loan (2013), "Matrix computations", section 11.2.8.
    """

    walk: "scipy.sparse.csr_array"
    bound: float
    steps: int

    @classmethod
    def of(cls, walk: "scipy.sparse.csr_array", bound: float) -> "_Geometric":
        """Find how many steps are needed if no eigenvalue is larger than ``bound``."""
        rate = bound / (1 + math.sqrt(1 - bound**2))
        return cls(walk, bound, math.ceil(math.log(_TOLERANCE / 2) / math.log(rate)))

    def __call__(self, b: np.ndarray) -> np.ndarray:
        before, x, omega = np.zeros_like(b), b, 2.0
        for _ in range(self.steps):
            omega = 1 / (1 - self.bound**2 * omega / 4)
            before, x = x, omega * (self.walk @ x + b - before) + before
        return x


def _scaled(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return x * (scale if x.ndim == 1 else scale[:, None])


def _operator(
    size: int,
    apply: Callable[[np.ndarray], np.ndarray],
    turned: Callable[[np.ndarray], np.ndarray],
) -> LinearOperator:
    return cast(Any, LinearOperator)(
        (size, size),
        matvec=apply,
        matmat=apply,
        rmatvec=turned,
        rmatmat=turned,
        dtype=np.float64,
    )
