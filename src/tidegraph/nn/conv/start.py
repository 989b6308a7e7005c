"""First vectors from the spectrum of the graph, in place of random ones."""

from typing import Protocol, runtime_checkable

import numpy as np
import scipy
from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.kernels.decomposition import singular_halves
from tidegraph.nn.deviation import DEVIATION
from tidegraph.nn.graph_inputs import GraphInputs

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


__all__ = ["Spectral", "Start"]

NOTHING = 1e-6
"""Length of a direction, as a share of the longest, below which it is rounding."""


@runtime_checkable
class Start(Protocol):
    """What nodes' own vectors are before training; one of your own needs no more.

    Such as ``tg.encoders.Spectral()``.
    """

    def vectors(self, graph: GraphInputs, size: int) -> Float[Tensor, "nodes d"]:
        """Return a vector per node, of at most ``size`` numbers; the rest are drawn."""
        ...


@settings
class Spectral:
    """The first singular vectors of the normalised graph, U S^1/2 and V S^1/2.

    Of users and items with degrees n and d the matrix is n^-1/2 R d^-1/2; of items
    alone it is that of all edges. Training then begins where a low-pass filter of the
    graph stands, and needs fewer epochs.
    """

    def vectors(self, graph: GraphInputs, size: int) -> Float[Tensor, "nodes d"]:
        """Return ``size`` numbers a node, or as many as the graph has directions."""
        if graph.users:
            graph.check_two_sided("Spectral")
        weight, row, column = (
            part.numpy() for part in (graph.weight, graph.row, graph.column)
        )
        strength = np.bincount(row, weight, minlength=graph.nodes)
        shares = weight / np.sqrt(strength[row] * strength[column])
        users = graph.users
        up = row < users if users else np.ones(len(row), np.bool_)
        shape = (users or graph.items, graph.items)
        pairs = (row[up], column[up] - users)
        matrix = scipy.sparse.csr_array((shares[up], pairs), shape=shape)
        if min(shape) < 2 or not len(row):
            return torch.zeros((graph.nodes, 0))  # No directions to tell nodes apart.
        left, right = singular_halves(
            matrix, min(size, *(n - 1 for n in shape)), seed=0
        )
        vectors = np.concatenate([left, right]) if users else left
        # A direction the graph does not have is zeros, of which nothing is learnt.
        length = np.linalg.norm(vectors, axis=0)
        vectors = vectors[:, length > NOTHING * length.max(initial=0)]
        vectors *= DEVIATION / vectors.std()
        return torch.as_tensor(vectors, dtype=torch.float32)
