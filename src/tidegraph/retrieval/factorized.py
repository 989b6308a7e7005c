"""Any factorisation: a solver, and vectors as a trained embedding has them."""

from dataclasses import field

import numpy as np
import scipy
from jaxtyping import Bool, Float32

from tidegraph.arguments import checked, settings
from tidegraph.data.views.feature_column import feature_of_nodes
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError
from tidegraph.kernels.blas import blas_threads
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.index import Exact, Index
from tidegraph.retrieval.index.items import check_products
from tidegraph.retrieval.scoring.evidence import evidence, trained_until
from tidegraph.retrieval.scoring.learnt_from import seeded
from tidegraph.retrieval.solvers import HOPE, Foresees, ReadsFeatures, Solver
from tidegraph.retrieval.solvers.feature_graph import describe_items
from tidegraph.run import Run
from tidegraph.stages import Fold, Train, remembers

_NOTHING = 1e-7
"""Largest number of a vector, as a share of the largest of all, that is rounding."""


@settings
class Factorized:
    """A vector per user and item that is solved, not trained.

    Attributes:
        name: The channel.
        solver: From who interacted with what to vectors.
        index: Where the largest products are looked for.
    """

    name: str = "Factorized"
    solver: Solver = field(default_factory=HOPE)
    index: Index = field(default_factory=Exact)

    @remembers
    @checked(DataError)
    def fit(self, train: Train, *, run: Run | None = None) -> FittedEmbedding:
        """Solve for every user and item that has an event in ``train``.

        Args:
            train: A log, a matrix, or a fold of either.
            run: Its generator, which decides what the solver draws unless that has a
                seed; of seed 0 if left out.

        Raises:
            DataError: ``train`` holds no action, or nothing in it sets items apart.
            ConfigError: The solver does not fit the log.
        """
        fold = Fold.of(train, self.name)
        matrix = evidence(fold, self.name)
        user, item = _rows_with_pairs(matrix)
        pairs = _submatrix(matrix, user, item)
        solver = seeded(self.solver, self.name, run)
        if isinstance(solver, Foresees):
            solver.check(pairs)
        # By another number of threads a matrix library adds up in another order.
        with blas_threads(1):
            if isinstance(solver, ReadsFeatures) and solver.features:
                known = describe_items(fold.log.items, solver.features, item)
                solved = solver.solve(pairs, known)
            else:
                solved = solver.solve(pairs)
        check_products(self.name, solved.user, solved.source, solved.target)
        # A node without an edge in the solver's graph has a vector of zeros.
        alive = _has_factors(solved.target)
        if not alive.any():
            raise DataError(
                f"{self.name} finds nothing that sets items apart: all its vectors are "
                "0. Give it more interactions, or other settings."
            )
        users = user[: len(solved.user)]  # None where a user is their history.
        same = solved.source is solved.target
        fitted = FittedEmbedding(
            self.name,
            _vectors_at_rows(solved.user, users),
            _vectors_at_rows(solved.target, item),
            _row_mask(users[_has_factors(solved.user)], int(user[-1]) + 1)
            if len(users)
            else _row_mask(users),
            _row_mask(item[alive], int(item[-1]) + 1),
            trained_until(fold),
            given=None if same else _vectors_at_rows(solved.source, item),
        )
        return fitted.indexed(self.index)

    def check(self, train: Train) -> None:
        """Find out before any work whether the users and items of a log fit.

        Raises:
            ConfigError: The solver needs more memory than it may take.
            DataError: ``train`` holds no action, or items lack a feature.
        """
        if isinstance(self.solver, ReadsFeatures):
            for column in self.solver.features:
                feature_of_nodes(Fold.of(train, self.name).log.items, column, "item")
        if isinstance(self.solver, Foresees):
            matrix = evidence(Fold.of(train, self.name), self.name)
            self.solver.check(_submatrix(matrix, *_rows_with_pairs(matrix)))


def _has_factors(
    vectors: Float32[np.ndarray, "n d"],
) -> Bool[np.ndarray, " n"]:
    """Return which nodes were factorized: vectors beyond rounding of the largest."""
    largest = np.abs(vectors).max(axis=1, initial=0.0)
    return largest > _NOTHING * largest.max(initial=0.0)


def _rows_with_pairs(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the users and the items that have a pair."""
    return np.flatnonzero(np.diff(matrix.ptr)), np.unique(matrix.item)


def _submatrix(
    matrix: Matrix, user: np.ndarray, item: np.ndarray
) -> "scipy.sparse.csr_array":
    """Return the matrix without its empty rows and columns."""
    ptr = np.append(matrix.ptr[user], matrix.ptr[-1])
    column = np.searchsorted(item, matrix.item).astype(np.int32)
    shape = (len(user), len(item))
    return scipy.sparse.csr_array((matrix.weight, column, ptr), shape=shape)


def _vectors_at_rows(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the vectors at their rows, zeros between them."""
    size = int(rows[-1]) + 1 if len(rows) else 0
    if size == len(vectors):
        return vectors
    out = np.zeros((size, vectors.shape[1]), np.float32)
    out[rows] = vectors
    return out


def _row_mask(rows: np.ndarray, size: int | None = None) -> np.ndarray:
    wide = int(rows[-1]) + 1 if size is None and len(rows) else size or 0
    out = np.zeros(wide, np.bool_)
    out[rows] = True
    return out
