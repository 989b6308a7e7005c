"""Votes that fade, added up as floats where they fit, are those of exact sums."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.durations import DAY
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.ragged import starts
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.retrieval.knn.search import Index, nearest_of_faded
from tidegraph.retrieval.knn.similarity import Profiles
from tidegraph.retrieval.scoring.decay import MOST, halvings
from tidegraph.retrieval.scoring.weighted_history import WeightedHistory, top_k_of_sums
from tidegraph.stages import ItemSets

ITEMS, REQUESTS, BEYOND = 15, 6, 2000
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def rows(rng: np.random.Generator, count: int, *, least: float = -1.0) -> SparseRows:
    """Rows of a few numbers of very different sizes."""
    there = rng.random((count, ITEMS)) < 0.5
    size = rng.uniform(least, 1, int(there.sum())) * 2.0 ** rng.integers(-60, 60)
    return SparseRows(
        starts(there.sum(axis=1)),
        np.nonzero(there)[1].astype(np.int32),
        size.astype(np.float32),
        ITEMS,
    )


def later(halving: np.ndarray, by: int) -> np.ndarray:
    return (halving + by).astype(np.int64)


@given(rng=seeds, spread=st.sampled_from([1, 30, 500]))
def test_lists_are_the_same_beside_somebody_of_long_ago(rng, spread):
    votes = rows(rng, ITEMS)
    size = rng.integers(1, 9, REQUESTS)
    ptr = starts(size)
    row = rng.integers(-1, ITEMS + 2, ptr[-1]).astype(np.int32)
    row[ptr[:-1]] = -1  # The first votes for nothing.
    gain = rng.uniform(0.5, 1, ptr[-1]).astype(np.float32)
    hidden = ItemSets(starts(np.full(REQUESTS, 2)), np.arange(12, dtype=np.int32))
    halving = rng.integers(0, spread, ptr[-1])
    long_ago = halving.copy()
    long_ago[ptr[:-1]] = BEYOND

    floats, sums = (
        top_k_of_sums(WeightedHistory(ptr, row, gain, count), votes, hidden, 4, "V")
        for count in (halving, long_ago)
    )

    assert np.array_equal(floats.item, sums.item)
    assert np.array_equal(floats.score, sums.score)


@given(rng=seeds, spread=st.sampled_from([1, 30, 500]))
def test_neighbours_are_as_near_halved_however_often(rng, spread):
    vectors, queries = rows(rng, 20, least=0.1), rows(rng, REQUESTS, least=0.1)
    index = Index.of(Profiles.of(vectors.csr(), scale=1.0))
    profiles = Profiles.of(queries.csr(), scale=1.0)
    halving = rng.integers(0, spread, len(queries.column))

    floats, sums = (
        nearest_of_faded(
            profiles,
            later(halving, by),
            index,
            neighbors=5,
            shrinkage=1.0,
            skip=np.full(REQUESTS, -1, np.int32),
        )
        for by in (0, BEYOND)
    )

    assert np.array_equal(floats.row, sums.row)
    assert np.array_equal(floats.gain, sums.gain)
    assert np.array_equal(later(floats.halvings, BEYOND), sums.halvings)


@given(
    rng=seeds,
    days=st.sampled_from([7.0, 30.0, 365.0, 0.37, 1e-9, 1e9, 1 / 3]),
    ages=st.sampled_from([100, 10**9, 2**62]),
)
def test_an_age_is_divided_without_a_rest_of_rounding(rng, days, ages):
    time = np.sort(rng.integers(0, ages, 200))
    time[-1] = ages
    history = Histories(
        np.array([0, 200]), np.zeros(200, np.int32), time, np.ones(200, np.float32)
    )

    part, count = halvings(history, days)

    half_life = max(days * DAY, 0.01)
    whole, rest = np.divmod((ages - time).astype(np.float64), half_life)
    assert np.array_equal(count, np.minimum(whole, MOST).astype(np.int64))
    assert np.array_equal(part, np.exp2(-rest / half_life).astype(np.float32))
