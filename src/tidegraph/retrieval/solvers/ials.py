"""iALS: alternating least squares with a confidence for each pair, by ``implicit``."""

import importlib
from typing import Any, cast

import numpy as np
import scipy

from tidegraph.arguments import settings
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.kernels.blas import blas_threads
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.solvers.graphs import check_vectors
from tidegraph.retrieval.solvers.solved import Solved


@settings
class IALS:
    """Minimises sum c_ui (p_ui - x_u y_i)^2 + l2 (sum |x_u|^2 + sum |y_i|^2).

    p is 1 at the pairs and 0 elsewhere, c = 1 + alpha times the weight of the pair.
    Users and items are solved in turn, each exactly given the others, users last. Of
    an unknown user the items of the history stand for their share of the solution with
    all confidences 1: (1 + alpha) (Y'Y + l2 I)^-1 y_i.

    Attributes:
        embedding_size: Numbers in a vector.
        l2: Strength of the penalty.
        alpha: How much more a pair counts than none.
        iterations: How often both sides are solved.
        threads: As many as there are processors for 0; they change no bit.
        seed: Seed of the first vectors; that of the run if left out.

    Source:
        Hu, Koren & Volinsky, "Collaborative Filtering for Implicit Feedback Datasets",
        ICDM 2008, equations 3 to 5.
    """

    embedding_size: int = 64
    l2: float = 0.1
    alpha: float = 1.0
    iterations: int = 15
    threads: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least(
            "IALS", 1, embedding_size=self.embedding_size, iterations=self.iterations
        )
        at_least("IALS", 0, seed=self.seed, threads=self.threads)
        above("IALS", 0, l2=self.l2, alpha=self.alpha)

    def check(self, pairs: "scipy.sparse.csr_array") -> None:
        """Find out before any work whether pairs of users and items fit.

        Raises:
            ConfigError: They take more memory than the machine has.
        """
        # Vectors of 64 bits, and once more as they are solved again.
        check_vectors("IALS", sum(pairs.shape), self.embedding_size, each=16)

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return vectors of users and items.

        Raises:
            MissingExtraError: The package ``implicit`` is not installed.
            DataError: Weights are too far apart for a user's or an item's equations.
        """
        with needed("implicit", "als", "alternating least squares"):
            library = cast(Any, importlib.import_module("implicit.cpu.als"))
            base = cast(Any, importlib.import_module("implicit.recommender_base"))
        confidence = scipy.sparse.csr_matrix(pairs, dtype=np.float32)
        with np.errstate(over="ignore"):  # What is no number is named below.
            confidence.data = 1 + np.float32(self.alpha) * confidence.data
        # Threads of its own and of the matrix library would wait for one another.
        with blas_threads(1):
            model = library.AlternatingLeastSquares(
                self.embedding_size,
                self.l2,
                use_cg=False,
                iterations=self.iterations,
                num_threads=self.threads,
                random_state=self.seed or 0,
                # Weights far apart make systems that 32 bits cannot solve.
                dtype=np.float64,
            )
            try:
                model.fit(confidence, show_progress=False)
            except (ValueError, base.ModelFitError) as error:
                raise DataError(
                    f"iALS cannot solve for its vectors: weights of pairs reach from "
                    f"{pairs.data.min():g} to {pairs.data.max():g}. Bring them closer "
                    f"together, as by a logarithm, raise l2 ({self.l2:g}) or lower "
                    f"alpha ({self.alpha:g})."
                ) from error
            everybody = np.arange(confidence.shape[0])
            user = model.recalculate_user(everybody, confidence)
            item = cast(np.ndarray, model.item_factors)
            gram = item.T @ item
            gram.flat[:: self.embedding_size + 1] += self.l2
            given = (1 + self.alpha) * np.linalg.solve(gram, item.T).T
        vectors = (user, given, item)
        return Solved(*(np.ascontiguousarray(x, np.float32) for x in vectors))
