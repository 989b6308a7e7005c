import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.jit import use_threads
from tidegraph.kernels.products import products, top_k_products


def drawn(rows, size, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32)


def top(queries, vectors, k, hidden=None):
    """Lists of k, with hidden rows of vectors per query."""
    rows = hidden or [[] for _ in queries]
    ptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    out = np.array([h for row in rows for h in sorted(row)], np.int32)
    item = np.full((len(queries), k), -1, np.int32)
    score = np.full(item.shape, -np.inf, np.float32)
    top_k_products(queries, vectors, ptr, out, item, score)
    return item, score


@pytest.mark.parametrize("rows", [0, 1, 5, 16, 17, 40])
@pytest.mark.parametrize("others", [1, 5, 6, 7, 23])
@pytest.mark.parametrize("size", [1, 8, 33])
def test_products_are_those_of_numpy(rows, others, size):
    queries, vectors = drawn(rows, size), drawn(others, size, seed=1)

    np.testing.assert_allclose(
        products(queries, vectors), queries @ vectors.T, rtol=1e-4, atol=1e-5
    )


def test_a_row_alone_and_in_any_block_has_the_same_bits():
    queries, vectors = drawn(50, 37), drawn(101, 37, seed=1)
    whole = products(queries, vectors)

    for row in (0, 7, 16, 49):
        alone = products(queries[row : row + 1], vectors)
        np.testing.assert_array_equal(alone[0], whole[row])
    with use_threads(threads=3, grain=2):
        np.testing.assert_array_equal(products(queries, vectors), whole)
    np.testing.assert_array_equal(products(queries, vectors[50:80]), whole[:, 50:80])


@given(
    st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 30), st.integers(1, 9)
)
def test_the_list_is_the_sorted_products_without_what_is_hidden(seed, rows, others, k):
    rng = np.random.default_rng(seed)
    # Whole numbers tie, and ties break on the row.
    queries = rng.integers(-2, 3, (rows, 3)).astype(np.float32)
    vectors = rng.integers(-2, 3, (others, 3)).astype(np.float32)
    hidden = [rng.choice(others, rng.integers(0, others + 1), False) for _ in queries]

    item, score = top(queries, vectors, k, hidden)

    for row, query in enumerate(queries):
        full = vectors @ query
        order = np.argsort(-full, kind="stable")
        want = [i for i in order if i not in set(hidden[row].tolist())][:k]
        assert [i for i in item[row] if i >= 0] == want
        np.testing.assert_array_equal(score[row, : len(want)], full[want])


def test_what_is_nan_is_in_no_list():
    queries, vectors = drawn(20, 4), drawn(30, 4, seed=1)
    queries[3], vectors[8, 2] = np.nan, np.nan

    item, score = top(queries, vectors, 30)

    assert (item[3] == -1).all()
    assert not (item == 8).any()
    assert (np.sort(item[0])[1:] == np.delete(np.arange(30), 8)).all()
    assert np.isfinite(score[item >= 0]).all()
