"""A trained embedding as a solver of any graph."""

from typing import Protocol, cast, runtime_checkable

import numpy as np
import polars as pl
import scipy

from tidegraph.arguments import settings
from tidegraph.arguments.conversion import shown
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.static import StaticGraph
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.solvers.graphs import graph_of
from tidegraph.retrieval.solvers.solved import Solved
from tidegraph.run import Run
from tidegraph.stages import Fold, Retriever, fit_in


@runtime_checkable
class _HasSize(Protocol):
    embedding_size: int


@runtime_checkable
class _HasEncoder(Protocol):
    encoder: object


@runtime_checkable
class _HasFeatures(Protocol):
    features: tuple[str, ...]


@settings
class Trained:
    """What an embedding of users and items learns of any graph.

    Each node is a user and an item, who have an edge where nodes have one: its double
    cover, on which walks, neighbours and negatives are those of the graph. The vector
    of a node as a source is that of the user, as a target that of the item.

    Attributes:
        embedding: Encoder, objective and training, such as ``lightgcn()``. What it
            samples around nodes is of all time, as the graph has none.
        seed: Of what is drawn where ``embedding`` has no seed; that of the run if left
            out.

    Departs:
        An edge counts once, as a pair of a log does, however many it came of.
    """

    embedding: Retriever
    seed: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.embedding, _HasSize):
            raise ConfigError(
                f"Trained is of an embedding, and {shown(self.embedding)} is none. "
                "Take one, such as tg.recipes.lightgcn(), or a solver as it is."
            )
        own = self.embedding
        encoder = own.encoder if isinstance(own, _HasEncoder) else None
        if isinstance(encoder, _HasFeatures) and encoder.features:
            raise ConfigError(
                f"Trained is of an embedding that reads features ({encoder}), and a "
                "node of a small graph is several items. Leave them out, or fuse them: "
                "graphzoom(..., features=...)."
            )

    @property
    def embedding_size(self) -> int:
        """How many numbers a vector has."""
        return cast(_HasSize, self.embedding).embedding_size

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return the vectors of users and items."""
        graph = self.graph(pairs)
        return Solved.of_nodes(graph, *self.embed(graph))

    def graph(self, pairs: "scipy.sparse.csr_array") -> StaticGraph:
        """Return the graph of users and items."""
        return graph_of("Trained", pairs, "bipartite")

    def embed(self, graph: StaticGraph) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of nodes as sources and as targets; 0 of one without edge.

        A graph of users and items is learnt from as it is.
        """
        if USER not in graph.first:
            fitted = self._fitted(graph.csr())
            user, item = fitted.held("user"), fitted.held("item")
            return _of_known(*user, len(graph)), _of_known(*item, len(graph))
        items = graph.size(ITEM)
        fitted = self._fitted(graph.csr()[items:, :items])
        item, known = fitted.held("item")
        given = item if fitted.given is None else fitted.given
        user = _of_known(*fitted.held("user"), len(graph) - items)
        given, item = (_of_known(side, known, items) for side in (given, item))
        return np.concatenate([given, user]), np.concatenate([item, user])

    def _fitted(self, pairs: "scipy.sparse.csr_array") -> FittedEmbedding:
        pairs.sort_indices()
        users, items = (Vocabulary(pl.Series(range(n))) for n in pairs.shape)
        ones = np.ones(len(pairs.data), np.float32)
        matrix = Matrix(
            pairs.indptr.astype(np.int64),
            pairs.indices.astype(np.int32),
            ones,
            users,
            items,
        )
        run = Run(np.random.default_rng(self.seed or 0))
        fitted = fit_in(self.embedding, Fold.of(matrix, "Trained"), run)
        if not isinstance(fitted, FittedEmbedding):
            raise ConfigError(
                f"{shown(self.embedding)} learns no vectors of users and items. Take "
                "an embedding, such as tg.recipes.lightgcn()."
            )
        return fitted


def _of_known(vectors: np.ndarray, known: np.ndarray, count: int) -> np.ndarray:
    """Return vectors at the first rows of ``count``, and 0 where nothing is known."""
    out = np.zeros((count, vectors.shape[1]), np.float32)
    out[: len(vectors)] = np.where(known[: len(vectors), None], vectors, 0)
    return out
