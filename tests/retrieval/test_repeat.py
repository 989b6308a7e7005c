import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError
from tidegraph.retrieval.repeat import Repeat
from tidegraph.testing.retrievers import RetrieverLaws, requests_at

DAY = 86_400


class TestRepeat(RetrieverLaws):
    retriever = Repeat()
    forgets_time = False


class TestRepeatByCount(RetrieverLaws):
    variant_of = "TestRepeat"
    retriever = Repeat(half_life_days=None)
    forgets_time = False


def test_each_event_of_the_history_counts_half_as_much_a_half_life_later():
    log = interactions(["a"] * 3, ["x", "y", "x"], [0, 10 * DAY, 20 * DAY])
    fitted = Repeat(half_life_days=10.0).fit(log)

    scores = fitted.scores(requests_at(log, at=30 * DAY))

    # From the newest event, x: 2^-2 + 1; y: 2^-1.
    np.testing.assert_allclose(scores, [[1.25, 0.5]])


def test_without_a_half_life_the_count_decides():
    log = interactions(["a"] * 3, ["y", "y", "x"], [0, 1, 20 * DAY])
    fitted = Repeat(half_life_days=None).fit(log)

    np.testing.assert_array_equal(fitted.scores(requests_at(log)), [[2.0, 1.0]])


def test_an_event_after_training_changes_the_next_answer():
    log = interactions(["a", "a", "b", "a"], ["x", "y", "x", "x"], [0, 5, 6, DAY])
    fitted = Repeat().fit(log.before(DAY))

    assert fitted.retrieve(requests_at(log, at=DAY), 1).item[0] == 1
    assert fitted.retrieve(requests_at(log, at=DAY + 1), 1).item[0] == 0


def test_an_event_at_the_time_of_the_request_does_not_count():
    log = interactions(["a", "a"], ["x", "y"], [0, 5])

    scores = Repeat().fit(log).scores(requests_at(log, at=5))

    assert np.isneginf(scores[0, 1])


def test_the_reason_is_the_item_itself_if_it_is_in_the_history():
    log = interactions(["a", "b"], ["x", "y"], [0, 5])
    fitted = Repeat().fit(log)

    reason = fitted.because(requests_at(log), np.array([[0, 1], [1, -1]], np.int32))

    assert reason.tolist() == [[0, -1], [1, -1]]


def test_an_item_that_training_did_not_see_is_no_item_of_the_next_request():
    log = interactions(["a", "b", "a"], ["x", "y", "z"], [0, 5, 9])
    fitted = Repeat().fit(interactions(["a", "b"], ["x", "y"], [0, 5]))

    # z would be the third of two items: the first of what b is asked.
    reason = fitted.because(requests_at(log), np.array([[2], [1]], np.int32))
    beyond = fitted.because(requests_at(log), np.array([[3], [1]], np.int32))

    assert reason.tolist() == beyond.tolist() == [[-1], [1]]


def test_a_matrix_is_enough_without_a_half_life_and_refused_with_one():
    pairs = Matrix.from_pairs(["a"], ["x"])

    assert Repeat(half_life_days=None).fit(pairs).seen.tolist() == [True]
    with pytest.raises(DataError, match="Repeat with a half-life counts in days"):
        Repeat().fit(pairs)
