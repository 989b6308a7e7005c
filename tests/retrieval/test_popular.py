import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError
from tidegraph.retrieval.popular import Popular
from tidegraph.testing.retrievers import RetrieverLaws, requests_at

DAY = 86_400


class TestPopular(RetrieverLaws):
    retriever = Popular()
    needs_history = False


class TestPopularWithHalfLife(RetrieverLaws):
    variant_of = "TestPopular"
    retriever = Popular(half_life_days=7.0)
    needs_history = False
    forgets_time = False


def test_popularity_is_the_sum_of_the_weights_of_actions():
    log = interactions(
        ["a", "a", "b", "b"],
        ["x", "y", "y", "z"],
        [1, 2, 3, 4],
        label=[1, 1, 1, 0],
        weight=[3.0, 1.0, 1.5, 9.0],
    )

    scores = Popular().fit(log).scores(requests_at(log))

    np.testing.assert_array_equal(scores, [[3.0, 2.5, -np.inf]] * 2)


def test_an_action_two_half_lives_before_the_end_counts_a_quarter():
    log = interactions(["a", "a", "b"], ["x", "y", "z"], [0, 10 * DAY, 20 * DAY])

    scores = Popular(half_life_days=10.0).fit(log).scores(requests_at(log))

    np.testing.assert_allclose(scores[0], [0.25, 0.5, 1.0])


def test_a_matrix_is_enough_without_a_half_life_and_refused_with_one():
    pairs = Matrix.from_pairs(["a", "a", "b"], ["x", "y", "y"])

    np.testing.assert_array_equal(Popular().fit(pairs).score, [1.0, 2.0])
    with pytest.raises(DataError, match="a half-life counts in days"):
        Popular(half_life_days=1.0).fit(pairs)


def test_excluded_items_make_room_for_the_next_popular():
    log = interactions(list("aabbbc"), list("xyxyzx"), range(6))

    answer = Popular().fit(log).retrieve(requests_at(log, repeat=False), 2)

    # x has 3 actions, y 2, z 1; a has x and y, c has x.
    assert answer.item.tolist() == [[2, -1], [-1, -1], [1, 2]]
