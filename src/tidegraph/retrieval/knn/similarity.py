"""How alike two sparse vectors are: cosine, Pearson, Jaccard, BM25, TF-IDF.

One formula covers them all, so that one compiled kernel computes them::

    (a . b - shift_a shift_b)
    ---------------------------------------------------------------
    scale_a scale_b + size_a + size_b - overlap (a . b) + shrinkage

A similarity says what the vectors and the four quantities are. Pass an object of your
own with a ``profiles`` method wherever one of these goes.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64
from scipy import sparse

from tidegraph.arguments import settings
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.ranges import at_least, from_0_to_1

__all__ = ["BM25", "TFIDF", "Cosine", "Jaccard", "Pearson", "Similarity"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """What weightings need to know of all vectors together.

    Attributes:
        count: Number of vectors that are not empty: one that has no interaction yet
            is no part of the corpus, or the future's newcomers would count.
        occurrences: In how many vectors each feature is.
        mean_length: Mean sum of their values.
    """

    count: int
    occurrences: Float64[np.ndarray, " features"]
    mean_length: float

    @classmethod
    def of(cls, vectors: sparse.csr_array) -> "Corpus":
        """Count in some vectors, one per row."""
        occurrences = np.bincount(vectors.indices, minlength=vectors.shape[1])
        count = int(np.count_nonzero(np.diff(vectors.indptr)))
        mean = float(vectors.sum(dtype=np.float64)) / max(count, 1)
        return cls(count, occurrences.astype(np.float64), mean)

    @property
    def num_features(self) -> int:
        """How many features occur."""
        return int(np.count_nonzero(self.occurrences))


@dataclass(frozen=True, eq=False)
class Profiles:
    """Weighted vectors, and what the formula above divides their products by.

    Attributes:
        vectors: One row per thing.
        scale: Factor of the product in the denominator.
        shift: Factor of the product taken from the dot product.
        size: Summand in the denominator.
        overlap: How much of the dot product is taken from the denominator.
    """

    vectors: SparseRows
    scale: Float64[np.ndarray, " things"]
    shift: Float64[np.ndarray, " things"]
    size: Float64[np.ndarray, " things"]
    overlap: float = 0.0

    @classmethod
    def of(
        cls,
        vectors: sparse.csr_array,
        *,
        scale: Float64[np.ndarray, " things"] | float = 0.0,
        shift: Float64[np.ndarray, " things"] | float = 0.0,
        size: Float64[np.ndarray, " things"] | float = 0.0,
        overlap: float = 0.0,
    ) -> "Profiles":
        """Build from a SciPy matrix, one number standing for all things."""
        things = vectors.shape[0]
        return cls(
            SparseRows.of(vectors),
            np.array(np.broadcast_to(scale, things), np.float64),
            np.array(np.broadcast_to(shift, things), np.float64),
            np.array(np.broadcast_to(size, things), np.float64),
            overlap,
        )

    def __len__(self) -> int:
        return len(self.vectors)


@runtime_checkable
class Similarity(Protocol):
    """Says what the formula of this module is made of.

    Such as ``tg.BM25()``.
    """

    def profiles(self, vectors: sparse.csr_array, corpus: Corpus) -> Profiles:
        """Return the vectors as the similarity sees them.

        Args:
            vectors: One row per thing, one column per feature.
            corpus: The vectors learnt from; ``vectors`` may be others.
        """
        ...


@settings
class Cosine:
    """Dot product over the product of the Euclidean lengths."""

    def profiles(self, vectors: sparse.csr_array, corpus: Corpus) -> Profiles:
        """Return the vectors as they are, with their lengths."""
        return Profiles.of(vectors, scale=np.sqrt(_row_sums(vectors, power=2)))


@settings
class Pearson:
    """Correlation of two vectors over all features that occur, absent ones zero.

    Departs: Resnick et al. (1994) correlate over the common entries only, which is
    undefined where every value is 1.
    """

    def profiles(self, vectors: sparse.csr_array, corpus: Corpus) -> Profiles:
        """Return the vectors with the moments that centre them without filling them."""
        features = max(corpus.num_features, 1)
        shift = _row_sums(vectors) / np.sqrt(features)
        square = _row_sums(vectors, power=2)
        spread = square - shift**2
        # What rounding leaves of a vector that is the same everywhere is no spread, and
        # such a vector correlates with nothing.
        flat = spread <= 1e-12 * square
        if bool(flat.any()):
            spread[flat] = shift[flat] = 0
            kept = np.repeat(~flat, np.diff(vectors.indptr))
            vectors = _with_values(vectors, vectors.data * kept)
        return Profiles.of(vectors, scale=np.sqrt(spread), shift=shift)


@settings
class Jaccard:
    """Common features over all features of the two; values do not matter."""

    def profiles(self, vectors: sparse.csr_array, corpus: Corpus) -> Profiles:
        """Return the vectors with every value 1, and their numbers of features."""
        return Profiles.of(
            _with_values(vectors, np.ones(vectors.nnz)),
            size=np.diff(vectors.indptr).astype(np.float64),
            overlap=1.0,
        )


@settings
class BM25:
    """Dot product of vectors whose values saturate, rare features counting more.

    Attributes:
        k1: How late a repeated feature saturates.
        b: How much a long vector's values are lowered, from 0 to 1.

    Source:
        Robertson & Zaragoza (2009), with the logarithm that Lucene keeps above zero.
    """

    k1: float = 1.2
    b: float = 0.75

    def __post_init__(self) -> None:
        at_least("BM25", 0, k1=self.k1)
        from_0_to_1("BM25", b=self.b)

    def profiles(self, vectors: sparse.csr_array, corpus: Corpus) -> Profiles:
        """Return the weighted vectors; the formula's denominator is 1."""
        rare = np.log1p(
            (corpus.count - corpus.occurrences + 0.5) / (corpus.occurrences + 0.5)
        )
        length = _row_sums(vectors) / max(corpus.mean_length, 1e-12)
        late = self.k1 * (1 - self.b + self.b * length)
        value = vectors.data.astype(np.float64)
        late = np.repeat(late, np.diff(vectors.indptr))
        value = value * (self.k1 + 1) / (value + late) * rare[vectors.indices]
        return Profiles.of(_with_values(vectors, value), size=0.5)


@settings
class TFIDF:
    """Cosine of vectors in which rare features count more.

    Source:
        scikit-learn's smoothed formula, log((1 + n) / (1 + occurrences)) + 1.
    """

    def profiles(self, vectors: sparse.csr_array, corpus: Corpus) -> Profiles:
        """Return the weighted vectors, with their lengths."""
        rare = np.log((1 + corpus.count) / (1 + corpus.occurrences)) + 1
        weighted = _with_values(vectors, vectors.data * rare[vectors.indices])
        return Profiles.of(weighted, scale=np.sqrt(_row_sums(weighted, power=2)))


def _row_sums(vectors: sparse.csr_array, power: int = 1) -> np.ndarray:
    owner = np.repeat(np.arange(vectors.shape[0]), np.diff(vectors.indptr))
    values = vectors.data.astype(np.float64) ** power
    return np.bincount(owner, values, minlength=vectors.shape[0])


def _with_values(vectors: sparse.csr_array, values: np.ndarray) -> sparse.csr_array:
    parts = (values.astype(np.float32), vectors.indices, vectors.indptr)
    return sparse.csr_array(parts, shape=vectors.shape)
