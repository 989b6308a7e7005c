from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.errors import RequestError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Candidates, ItemSets, Requests, check_k


def three() -> Candidates:
    item = np.array([[5, 3, -1], [2, 4, 6]], np.int32)
    score = np.array([[0.9, 0.5, -np.inf], [3.0, 2.0, 1.0]], np.float32)
    return Candidates.of_channel(item, score, "A")


def test_votes_are_one_over_the_rank():
    expected = [[1, 1 / 2, 0], [1, 1 / 2, 1 / 3]]

    np.testing.assert_allclose(three().votes[:, :, 0], expected)


def test_ranking_moves_items_with_their_votes_and_leaves_gaps_last():
    again = three().ranked(np.array([[0.1, 0.2, 9.0], [0.5, 0.5, 0.7]], np.float32))

    np.testing.assert_array_equal(again.item, [[3, 5, -1], [6, 2, 4]])
    np.testing.assert_allclose(again.votes[1, :, 0], [1 / 3, 1, 1 / 2])
    assert np.isneginf(again.score[0, 2])


def test_concatenated_answers_keep_their_order():
    parts = [three(), three().top(3)]

    assert Candidates.concatenated(parts).item.shape == (4, 3)


def test_a_request_excludes_its_history_only_where_repeats_are_unwanted():
    log = draw_log()
    user = np.array([0, 1], np.int32)
    time = np.full(2, log.time[-1] + 1)
    free = Requests.of_users(Snapshot.of(log), user, time)
    fresh = Requests.of_users(Snapshot.of(log), user, time, repeat=False)

    assert len(free.excluded.item) == 0
    np.testing.assert_array_equal(fresh.excluded.item, fresh.history.node)


def test_excluding_the_history_keeps_what_was_excluded_already():
    log = draw_log()
    user = np.array([0, 1], np.int32)
    requests = Requests.of_users(Snapshot.of(log), user, np.full(2, log.time[-1] + 1))
    picky = Requests(
        requests.graph,
        requests.user,
        requests.time,
        requests.history,
        ItemSets(np.array([0, 0, 1]), np.array([39], np.int32)),
    ).without_history()

    for row in range(2):
        seen = set(requests.history.rows(row, row + 1).node) | ({39} if row else set())
        assert set(picky.excluded.rows(row, row + 1).item) == seen


def test_the_history_is_strictly_before_the_request():
    log = draw_log()
    time = log.time[300]
    requests = Requests.of_users(
        Snapshot.of(log), np.arange(30, dtype=np.int32), np.full(30, time)
    )

    assert len(requests.history.node) == (log.time < time).sum()
    assert (requests.history.time < time).all()


def test_a_list_has_at_least_one_item():
    with pytest.raises(RequestError, match="k is 0"):
        check_k(0)


def test_answers_with_and_without_votes_can_be_concatenated():
    item, score = np.zeros((1, 2), np.int32), np.ones((1, 2), np.float32)
    voted = Candidates.of_channel(item, score, "a")
    silent = replace(voted, channels=(), votes=np.zeros((1, 2, 0), np.float32))

    for parts in ([voted, silent], [silent, voted]):
        whole = Candidates.concatenated(parts)
        assert whole.channels == ("a",)
        assert whole.votes.shape == (2, 2, 1)
        assert sorted(whole.votes.any(axis=(1, 2))) == [False, True]
    with pytest.raises(RequestError, match="of the channels a and of b cannot"):
        Candidates.concatenated([voted, Candidates.of_channel(item, score, "b")])
