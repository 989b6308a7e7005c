import math

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import DataError
from tidegraph.evaluation.metrics.catalogue import (
    coverage,
    exposure,
    feature_vectors,
    gini,
    intra_list_diversity,
    lorenz,
    mean_popularity,
    novelty,
    popularity_lift,
)
from tidegraph.stages import NO_ITEM

# The catalogue of docs/evaluation.md: five items, the last never seen in training.
POPULARITY = np.array([8, 4, 2, 2, 0])
LISTS = np.array([[0, 1], [0, 2], [0, NO_ITEM]], np.int32)


def test_exposure_counts_lists_and_not_their_filling():
    assert exposure(LISTS, 5, 2).tolist() == [3, 1, 1, 0, 0]
    assert exposure(LISTS, 5, 1).tolist() == [3, 0, 0, 0, 0]


def test_coverage_is_the_share_of_items_that_training_saw():
    assert coverage(exposure(LISTS, 5, 2), POPULARITY) == 3 / 4
    assert math.isnan(coverage(np.zeros(2, np.int64), np.zeros(2, np.int64)))


def test_gini_of_equal_exposure_is_zero_and_of_one_item_is_near_one():
    assert gini(np.full(4, 7)) == 0
    assert gini(np.array([0, 0, 0, 9])) == 3 / 4
    assert math.isnan(gini(np.zeros(4, np.int64)))


def test_gini_of_the_three_lists():
    # Sorted 0 0 1 1 3: (-4 x 0 - 2 x 0 + 0 x 1 + 2 x 1 + 4 x 3) / (5 x 5)
    assert gini(exposure(LISTS, 5, 2)) == 14 / 25


def test_gini_is_twice_the_area_above_the_lorenz_curve(rng):
    exposed = rng.integers(0, 50, 400)
    curve = lorenz(exposed)
    area = ((curve[1:] + curve[:-1]) / 2).mean()

    assert gini(exposed) == pytest.approx(1 - 2 * area)


def test_the_lorenz_curve_holds_shares_of_the_least_shown():
    np.testing.assert_allclose(lorenz(np.array([3, 1, 0])), [0, 0, 0.25, 1])


def test_mean_popularity_leaves_the_filling_out():
    assert mean_popularity(LISTS, POPULARITY, 2).tolist() == [6, 5, 8]
    assert np.isnan(mean_popularity(np.full((1, 2), NO_ITEM, np.int32), POPULARITY, 2))


def test_popularity_lift_compares_lists_with_their_readers_histories():
    # Two readers have both: lists 6 and 5, histories 4 and 1, so 5.5 / 2.5 - 1.
    own = np.array([4.0, 1.0, np.nan])
    lift = popularity_lift(mean_popularity(LISTS, POPULARITY, 2), own)

    assert lift == pytest.approx(1.2)
    assert math.isnan(popularity_lift(own, np.full(3, np.nan)))


def test_novelty_is_self_information_and_an_item_never_met_counts_once():
    # Of 16 actions 8, 4 and none fell on items 0, 1, 4: 1, 2 and 4 bits.
    lists = np.array([[0, 1], [4, NO_ITEM]], np.int32)

    assert novelty(lists, POPULARITY, 2).tolist() == [1.5, 4.0]


def test_diversity_is_the_mean_distance_of_pairs():
    # Unit vectors at 0, 90 and 45 degrees: distances 1, 1 - cos 45, 1 - cos 45.
    vectors = sparse.csr_array(np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0]]))
    lists = np.array([[0, 1, 2]], np.int32)
    cos = math.cos(math.pi / 4)

    assert intra_list_diversity(lists, vectors, 3) == pytest.approx([(3 - 2 * cos) / 3])
    assert intra_list_diversity(lists, vectors, 2) == pytest.approx([1.0])


def test_diversity_agrees_with_visiting_every_pair(rng):
    vectors = rng.random((20, 4)) * (rng.random((20, 4)) < 0.6)
    lists = np.stack([rng.permutation(20)[:6] for _ in range(9)]).astype(np.int32)
    lists[0, 3:] = NO_ITEM
    found = intra_list_diversity(lists, sparse.csr_array(vectors), 6)

    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0)
    for row, expected in zip(lists, found, strict=True):
        own = row[row != NO_ITEM]
        pairs = [1 - unit[a] @ unit[b] for n, a in enumerate(own) for b in own[:n]]
        assert np.mean(pairs) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [[1.5, float("nan")], [[0.5], None], [{"a": 1}] * 2])
def test_what_is_no_category_tells_no_items_apart(kind):
    items = Vocabulary(pl.Series(["a", "b"]), pl.DataFrame({"kind": kind}))

    with pytest.raises(DataError, match=r"no categories|one value of each item"):
        feature_vectors(items, "kind")


def test_a_list_of_one_has_no_diversity():
    assert np.isnan(
        intra_list_diversity(np.array([[1]], np.int32), sparse.csr_array(np.eye(2)), 1)
    )


@pytest.mark.parametrize("kind", [["x", "x", "y"], [1.0, 1.0, float("nan")]])
def test_items_of_one_category_are_alike_and_of_two_are_not(kind):
    items = Vocabulary(pl.Series(["a", "b", "c"]), pl.DataFrame({"kind": kind}))
    vectors = feature_vectors(items, "kind")
    lists = np.array([[0, 1], [0, 2]], np.int32)

    assert intra_list_diversity(lists, vectors, 2).tolist() == [0, 1]


def test_several_values_of_an_item_share_its_row_and_missing_ones_leave_it_blank():
    items = Vocabulary(
        pl.Series(["a", "b", "c"]), pl.DataFrame({"kind": [["x", "y"], ["y"], None]})
    )

    assert feature_vectors(items, "kind").toarray().tolist() == [[1, 1], [0, 1], [0, 0]]


def test_a_feature_that_is_not_there_is_named():
    items = Vocabulary(pl.Series(["a"]), pl.DataFrame({"category": ["x"]}))

    with pytest.raises(DataError, match="Did you mean 'category'"):
        feature_vectors(items, "categry")
