"""What candidates and events have in common, against loops over the log."""

import math

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.features import neighbors
from tidegraph.features.neighbors import Fans, cross_with_history
from tidegraph.features.reading import PastView, latest_history_items
from tidegraph.features.values import category_codes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests


class Brute:
    """Loops over the rows of a log."""

    def __init__(self, log):
        rows = zip(log.user.tolist(), log.item.tolist(), log.time.tolist(), strict=True)
        self.events = list(rows)
        self.kind = category_codes(log.items, "category")

    def users(self, item, clock):
        chosen = [u for u, i, t in self.events if i == item and t < clock]
        return chosen[-neighbors.CO_USERS :]

    def history(self, user, clock):
        return [i for u, i, t in self.events if u == user and t < clock][::-1]

    def pair(self, user, item, other, clock):
        here, there = self.users(item, clock), self.users(other, clock)
        both = len((set(here) & set(there)) - {user})
        cosine = both / math.sqrt(1 + len(here) * len(there))
        return cosine, both, self.kind[item] == self.kind[other]


def drawn(seed, rows=12):
    log = draw_log(events=900, users=25, items=30, seed=seed)
    rng = np.random.default_rng(seed)
    graph = Snapshot.of(log)
    user = rng.integers(0, len(log.users), rows).astype(np.int32)
    # Each at the second of some event, which is not before it.
    time = rng.choice(log.time[100:], rows)
    item = rng.integers(0, len(log.items), (rows, 4)).astype(np.int32)
    item[0, 2] = -1
    requests = Requests.of_users(graph, user, time)
    past = PastView.of(requests, item, category_codes(log.items, "category"))
    return Brute(log), requests, item, past


@pytest.mark.parametrize("seed", [0, 1])
def test_candidates_and_events_share_the_users_that_a_loop_finds(seed):
    brute, requests, item, past = drawn(seed)

    found = cross_with_history(past, latest_history_items(past.history, 6))

    for b, k in np.ndindex(item.shape):
        if item[b, k] < 0:
            assert not found.cross[b, k].any()
            assert not found.knn[b, k].any()
            continue
        user, clock = int(requests.user[b]), int(requests.time[b])
        steps = brute.history(user, clock)[:6]
        pairs = [brute.pair(user, int(item[b, k]), step, clock) for step in steps]
        expected = [(10 * c, math.log1p(n), float(a)) for c, n, a in pairs]
        np.testing.assert_allclose(
            found.cross[b, k, : len(steps)], np.array(expected).reshape(-1, 3), 1e-5
        )
        assert not found.cross[b, k, len(steps) :].any()
        cosines = [c for c, _, _ in pairs] or [0.0]
        knn = [
            math.log1p(10 * sum(cosines)),
            max(cosines),
            math.log1p(sum(n for _, n, _ in pairs)),
            sum(cosines) / len(cosines),
            math.log1p(sum(a for _, _, a in pairs)),
        ]
        np.testing.assert_allclose(found.knn[b, k], knn, rtol=1e-5)


def test_the_user_and_each_user_of_a_candidate_share_what_a_loop_finds():
    brute, requests, item, past = drawn(2)
    fans = np.full((*item.shape, 3), -1, np.int32)
    for b, k in np.ndindex(item.shape):
        latest = brute.users(int(item[b, k]), int(requests.time[b]))[-3:]
        fans[b, k, : len(latest)] = latest
    edges = requests.graph["action"]
    start, stop = (at.reshape(fans.shape) for at in edges.span(fans.ravel()))
    of_fans = Fans(fans, start, stop, edges.time)

    found = cross_with_history(
        past, latest_history_items(past.history, 5), of_fans
    ).back

    for b, k, n in np.ndindex(fans.shape):
        user, clock, fan = int(requests.user[b]), int(requests.time[b]), fans[b, k, n]
        steps = brute.history(user, clock)[:5]
        both = sum(fan in brute.users(step, clock) for step in steps)
        both *= fan not in (-1, user)
        size = 1 + len(steps) * len(brute.history(fan, clock))
        expected = [10 * both / math.sqrt(size), math.log1p(both)]
        np.testing.assert_allclose(found[b, k, n], expected, rtol=1e-5)


def test_more_events_than_are_told_apart_at_once_are_each_told_apart():
    _, _, _, past = drawn(3)
    steps = latest_history_items(past.history, 30)
    many = np.concatenate([steps, steps, steps], axis=1)
    assert many.shape[1] > neighbors.MOST

    found = cross_with_history(past, many)

    once = cross_with_history(past, steps)
    np.testing.assert_array_equal(found.cross, np.tile(once.cross, (1, 1, 3, 1)))
    np.testing.assert_array_equal(found.knn, once.knn)
