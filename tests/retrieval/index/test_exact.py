import numpy as np

from tidegraph.retrieval.index import Exact, FittedIndex, Index
from tidegraph.stages import ItemSets


def test_the_largest_products_are_found_without_what_is_excluded():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    queries = rng.normal(size=(23, 5)).astype(np.float32)
    # In any order and repeated, as histories are.
    excluded = ItemSets(
        np.arange(24, dtype=np.int64) * 4, rng.integers(0, 70, 92).astype(np.int32)
    )
    index = Exact().over(vectors)

    item, score = index.search(queries, 7, excluded)

    assert isinstance(Exact(), Index)
    assert isinstance(index, FittedIndex)
    full = queries @ vectors.T
    for row in range(23):
        left = excluded.item[row * 4 : row * 4 + 4]
        full[row, left[left < 60]] = -np.inf
        want = np.argsort(-full[row])[:7]
        np.testing.assert_array_equal(item[row], want)
        np.testing.assert_allclose(score[row], full[row, want], rtol=1e-5)


def test_more_than_there_are_is_what_there_is():
    vectors = np.eye(3, dtype=np.float32)

    item, score = Exact().over(vectors).search(vectors, 9, ItemSets.none(3))

    assert item.shape == (3, 3)
    np.testing.assert_array_equal(item[1], [1, 0, 2])
    np.testing.assert_array_equal(score[1], [1, 0, 0])
