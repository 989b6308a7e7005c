"""Spectral coarsening: nodes that smooth signals cannot tell apart become one."""

from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float64, Int64

from tidegraph.kernels.jit import compiled

_SIGNALS, _STEPS, _LOOP = 7, 2, 0.1
_LEAST = 0.3  # Affinity of nodes that become one.


class Level(NamedTuple):
    """A graph, and the node of the next coarser graph that each of its nodes is in.

    Attributes:
        adjacency: Symmetric, without loops.
        part: The node of the coarser graph.
    """

    adjacency: "scipy.sparse.csr_array"
    part: Int64[np.ndarray, " nodes"]

    def coarser(self) -> "scipy.sparse.csr_array":
        """Return H A H' without loops, whose Laplacian is H L H'.

        Source:
            Deng et al. (2020), section 3.2, with H_pi = 1 where node i is in p.
        """
        nodes, parts = len(self.part), int(self.part.max()) + 1
        ones = np.ones(nodes)
        h = scipy.sparse.csr_array(
            (ones, (self.part, np.arange(nodes))), shape=(parts, nodes)
        )
        whole = scipy.sparse.csr_array(h @ self.adjacency @ h.T)
        whole.setdiag(0)
        whole.eliminate_zeros()
        return whole


def low_pass(
    adjacency: "scipy.sparse.csr_array", loop: float
) -> scipy.sparse.csr_array:
    """Return D^-1/2 (A + loop I) D^-1/2, D the row sums of A + loop I."""
    looped = scipy.sparse.csr_array(
        adjacency + loop * scipy.sparse.eye_array(adjacency.shape[0])
    )
    scale = scipy.sparse.diags_array(np.asarray(looped.sum(axis=1)) ** -0.5)
    return scipy.sparse.csr_array(scale @ looped @ scale)


def affine_signals(
    adjacency: "scipy.sparse.csr_array", rng: np.random.Generator
) -> Float64[np.ndarray, "nodes t"]:
    """Return smoothed random signals, those of each node brought to length 1.

    The affinity of two nodes is the square of the product of their rows.

    Source:
        Deng et al. (2020), section 3.2, equation 4.
    """
    signal = rng.uniform(-1, 1, (adjacency.shape[0], _SIGNALS))
    signal -= signal.mean(axis=0)
    smooth = low_pass(adjacency, _LOOP)
    for _ in range(_STEPS):
        signal = smooth @ signal
    length = np.linalg.norm(signal, axis=1, keepdims=True)
    return signal / np.where(length > 0, length, 1)


def coarsen(adjacency: "scipy.sparse.csr_array", rng: np.random.Generator) -> Level:
    """Return the graph with the coarser node of each of its nodes.

    Nodes of many edges come first: each that is not taken yet takes those of its
    neighbours that are not, if their affinity is above .3.
    """
    signal = affine_signals(adjacency, rng)
    ptr = adjacency.indptr.astype(np.int64)
    order = np.argsort(-np.diff(ptr), kind="stable")
    part = np.full(len(ptr) - 1, -1, np.int64)
    _aggregate(ptr, adjacency.indices, order, signal, _LEAST, part)
    return Level(adjacency, part)


@compiled
def _aggregate(
    ptr: np.ndarray,
    node: np.ndarray,
    order: np.ndarray,
    signal: np.ndarray,
    least: float,
    part: np.ndarray,
) -> None:
    """Write the part of each node, in the order in which parts are begun."""
    count = 0
    for p in order:
        if part[p] >= 0:
            continue
        part[p] = count
        for e in range(ptr[p], ptr[p + 1]):
            q = node[e]
            if part[q] >= 0:
                continue
            product = 0.0
            for k in range(signal.shape[1]):
                product += signal[p, k] * signal[q, k]
            if product * product > least:
                part[q] = count
        count += 1
