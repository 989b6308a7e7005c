"""The most similar of many sparse vectors, found by brute force over an index."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64
from scipy import sparse

from tidegraph.errors import ConfigError
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.ragged import starts
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.kernels.topk import offer_to_heap, sort_heap
from tidegraph.ranges import at_least
from tidegraph.retrieval.knn.similarity import Corpus, Profiles, Similarity
from tidegraph.retrieval.scoring.decay import (
    Room,
    add_votes,
    as_key,
    halve,
    least_to_offer,
    room_for_decayed_sums,
    split_keys,
)
from tidegraph.retrieval.scoring.weighted_history import WeightedHistory
from tidegraph.stages import NO_ITEM


@dataclass(frozen=True, eq=False)
class Index:
    """Vectors that can be searched: who has a feature is one row.

    Attributes:
        owners: For each feature, the vectors that have it.
        scale: As of ``Profiles``, and so are the others.
        shift: Of each vector.
        size: Of each vector.
        overlap: Of all.
    """

    owners: SparseRows
    scale: Float64[np.ndarray, " vectors"]
    shift: Float64[np.ndarray, " vectors"]
    size: Float64[np.ndarray, " vectors"]
    overlap: float

    @classmethod
    def of(cls, profiles: Profiles) -> "Index":
        """Turn the vectors around."""
        owners = SparseRows.of(sparse.csr_array(profiles.vectors.csr().T))
        terms = profiles.scale, profiles.shift, profiles.size, profiles.overlap
        return cls(owners, *terms)

    def __len__(self) -> int:
        return len(self.scale)


@dataclass(frozen=True, eq=False)
class Searchable:
    """Vectors, what a similarity knows of all of them, and an index of them.

    Attributes:
        rows: How much each has of each feature.
        corpus: By which other vectors become such as can be compared with these.
        index: The vectors as the similarity has them.
    """

    rows: SparseRows
    corpus: Corpus
    index: Index

    @classmethod
    def of(cls, vectors: sparse.csr_array, similarity: Similarity) -> "Searchable":
        """Index some vectors, one per row."""
        corpus = Corpus.of(vectors)
        index = Index.of(similarity.profiles(vectors, corpus))
        return cls(SparseRows.of(vectors), corpus, index)

    def table(self) -> dict[str, int | float]:
        """Return its numbers."""
        return {
            "items": self.rows.width,
            "count": self.corpus.count,
            "mean_length": self.corpus.mean_length,
            "overlap": self.index.overlap,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return its arrays by name."""
        index, owners = self.index, self.index.owners
        terms = {"scale": index.scale, "shift": index.shift, "size": index.size}
        return {
            **{"ptr": self.rows.ptr, "item": self.rows.column},
            **{"weight": self.rows.weight, "occurrences": self.corpus.occurrences},
            **{"owner_ptr": owners.ptr, "owner": owners.column},
            **{"owner_weight": owners.weight, **terms},
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], table: Mapping[str, Any]
    ) -> "Searchable":
        """Rebuild from what ``arrays`` and ``table`` returned, without a copy."""
        a, scale = arrays, arrays["scale"]
        owners = SparseRows(a["owner_ptr"], a["owner"], a["owner_weight"], len(scale))
        return cls(
            SparseRows(a["ptr"], a["item"], a["weight"], table["items"]),
            Corpus(table["count"], a["occurrences"], table["mean_length"]),
            Index(owners, scale, a["shift"], a["size"], table["overlap"]),
        )


def nearest(
    queries: Profiles,
    index: Index,
    *,
    neighbors: int,
    shrinkage: float,
    skip: Int32[np.ndarray, " queries"],
) -> tuple[Int32[np.ndarray, "queries k"], Float32[np.ndarray, "queries k"]]:
    """Return the nearest vectors of each query, nearest first, and how near.

    Every vector that shares a feature with the query is compared, in O(shared
    features). Only positive similarities count; ties break on the vector's number.

    Args:
        queries: What to find neighbours for.
        index: Where to find them.
        neighbors: How many at most; ``NO_ITEM`` fills the end of a row.
        shrinkage: Added to the similarity's denominator.
        skip: A vector not to answer, for each query; -1 for none.

    Raises:
        ConfigError: ``neighbors`` is below 1 or ``shrinkage`` below 0.
    """
    at_least("nearest", 1, neighbors=neighbors)
    at_least("nearest", 0, shrinkage=shrinkage)
    shape = (len(queries), min(neighbors, len(index)))
    found = np.full(shape, NO_ITEM, np.int32)
    near = np.full(shape, -np.inf, np.float32)
    a, b, owners = queries, index, index.owners
    over_rows_in(
        lambda: (np.full(len(b), np.nan), np.empty(len(b), np.int32)),
        lambda room, first, last: _nearest_vectors(
            room,
            (a.vectors.ptr, a.vectors.column, a.vectors.weight),
            (a.scale, a.shift, a.size),
            (owners.ptr, owners.column, owners.weight),
            (b.scale, b.shift, b.size),
            b.overlap,
            float(shrinkage),
            skip,
            found,
            near,
            first,
            last,
        ),
        len(queries),
        grain=32,
    )
    return found, near


def nearest_of_faded(
    queries: Profiles,
    halvings: Int64[np.ndarray, " entries"],
    index: Index,
    *,
    neighbors: int,
    shrinkage: float,
    skip: Int32[np.ndarray, " queries"],
) -> WeightedHistory:
    """Return the nearest vectors of queries whose values are halved with age.

    As ``nearest`` of the halved values, if those did not underflow.

    Args:
        queries: What to find neighbours for; the denominator's terms count halvings.
        halvings: How often each value of the queries is to be halved.
        index: Where to find them.
        neighbors: How many at most.
        shrinkage: Added to the similarity's denominator.
        skip: A vector not to answer, for each query; -1 for none.

    Raises:
        ConfigError: ``neighbors`` is below 1, ``shrinkage`` below 0, or the similarity
            left out values of the queries.
    """
    at_least("nearest", 1, neighbors=neighbors)
    at_least("nearest", 0, shrinkage=shrinkage)
    a, b, owners = queries, index, index.owners
    if len(a.vectors.column) != len(halvings):
        raise ConfigError(
            "the similarity leaves out values of a vector, so half_life_days cannot be "
            "used with it. Keep them, or leave half_life_days out."
        )
    found = np.full((len(a), min(neighbors, len(b))), NO_ITEM, np.int32)
    near = np.zeros(found.shape, np.int64)
    over_rows_in(
        lambda: room_for_decayed_sums(len(owners), len(b)),
        lambda room, first, last: _nearest_of_decayed(
            room,
            (a.vectors.ptr, a.vectors.column, a.vectors.weight, halvings),
            (a.scale, a.shift, a.size + shrinkage),
            (owners.ptr, owners.column, owners.weight),
            (b.scale, b.shift, b.size),
            b.overlap,
            skip,
            found,
            near,
            first,
            last,
        ),
        len(a),
        grain=32,
    )
    present = found != NO_ITEM
    ptr = starts(present.sum(axis=1))
    return WeightedHistory(ptr, found[present], *split_keys(near[present]))


def as_matrix_of_neighbors(
    found: Int32[np.ndarray, "queries k"],
    near: Float32[np.ndarray, "queries k"],
    width: int,
) -> sparse.csr_array:
    """Return what ``nearest`` found as a sparse matrix of ``width`` columns."""
    present = found != NO_ITEM
    ptr = starts(present.sum(axis=1))
    return sparse.csr_array(
        (near[present], found[present], ptr), shape=(len(found), width)
    )


@compiled
def _nearest_vectors(
    room: tuple[np.ndarray, np.ndarray],
    query: tuple[np.ndarray, np.ndarray, np.ndarray],
    query_terms: tuple[np.ndarray, np.ndarray, np.ndarray],
    owners: tuple[np.ndarray, np.ndarray, np.ndarray],
    owner_terms: tuple[np.ndarray, np.ndarray, np.ndarray],
    overlap: float,
    shrinkage: float,
    skip: np.ndarray,
    found: np.ndarray,
    near: np.ndarray,
    first: int,
    last: int,
) -> None:
    query_ptr, query_feature, query_weight = query
    owner_ptr, owner, owner_weight = owners
    scale, shift, size = owner_terms
    # NaN marks a vector not seen yet; a dot product may be 0.
    dot, touched = room
    for q in range(first, last):
        count = 0
        for a in range(query_ptr[q], query_ptr[q + 1]):
            feature = query_feature[a]
            weight = np.float64(query_weight[a])
            for e in range(owner_ptr[feature], owner_ptr[feature + 1]):
                # Unsigned, because the compiler then skips the test for negatives.
                v = np.uint32(owner[np.uint64(e)])
                so_far = dot[v]
                if so_far == so_far:
                    dot[v] = so_far + weight * owner_weight[np.uint64(e)]
                else:
                    dot[v] = weight * owner_weight[np.uint64(e)]
                    touched[count] = v
                    count += 1
        q_scale, q_shift, q_size = (
            query_terms[0][q],
            query_terms[1][q],
            query_terms[2][q] + shrinkage,
        )
        ids, scores, kept = found[q], near[q], 0
        for t in range(count):
            v = touched[t]
            above = dot[v] - q_shift * shift[v]
            below = q_scale * scale[v] + q_size + size[v] - overlap * dot[v]
            dot[v] = np.nan
            if v == skip[q] or not (above > 0 and below > 0):
                continue
            s = np.float32(above / below)
            if kept < ids.size or s >= scores[0]:
                kept = offer_to_heap(ids, scores, kept, v, float(s))
        sort_heap(ids, scores, kept)


@compiled
def _nearest_of_decayed(
    room: Room,
    query: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    query_terms: tuple[np.ndarray, np.ndarray, np.ndarray],
    owners: tuple[np.ndarray, np.ndarray, np.ndarray],
    owner_terms: tuple[np.ndarray, np.ndarray, np.ndarray],
    overlap: float,
    skip: np.ndarray,
    found: np.ndarray,
    near: np.ndarray,
    first: int,
    last: int,
) -> None:
    scale, shift, size = owner_terms
    (_, dot, touched), block = room
    for q in range(first, last):
        count, kept, least = add_votes(query, owners, room, q), 0, -np.inf
        for t in range(count):
            v = touched[t]
            plain, shifted = halve(dot[v], block[v]), query_terms[1][q] * shift[v]
            below = query_terms[0][q] * scale[v] + query_terms[2][q] + size[v]
            below -= overlap * plain
            above, times = (plain - shifted, 0) if shifted > 0 else (dot[v], block[v])
            dot[v] = np.nan
            if v == skip[q] or not (above > 0 and below > 0):
                continue
            s = above / below
            if times != 0 or s >= least:
                kept = offer_to_heap(found[q], near[q], kept, v, as_key(s, times))
                least = least_to_offer(near[q], kept)
        sort_heap(found[q], near[q], kept)
