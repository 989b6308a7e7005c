"""What plans bring around users and candidates, against loops over the log."""

import math
from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_log
from features.test_neighbors import Brute
from features.test_reading import bought_and_sent_back, requests_of
from tidegraph.features import neighbors
from tidegraph.features.columns import Features
from tidegraph.features.tables import Tables
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.around import Reads
from tidegraph.ranking.receptive_fields import Reader
from tidegraph.stages import Candidates, Examples, Requests


@pytest.mark.parametrize("width", [30, 90])
def test_neighbours_of_short_and_long_pasts_share_what_a_loop_finds(width):
    log = draw_log(events=1200, users=14, items=30)
    brute, graph = Brute(log), Snapshot.of(log)
    # As of a week in, of the middle and of the end: few events, and more than 64.
    when = log.time[[40, 600, -1]]
    user = np.tile(np.arange(2, dtype=np.int32), 3)
    requests = Requests.of_users(graph, user, np.repeat(when, 2))
    past = np.diff(requests.history.ptr)
    assert past.min() < 10 < neighbors.MOST < past.max()
    item = np.tile(np.array([3, 8], np.int32), (len(user), 1))
    some = Candidates(item, np.zeros(item.shape, np.float32))
    features = Features.fit(
        Examples(requests, some, np.zeros(item.shape, np.float32)),
        "category",
        ("cross",),
    )
    reader = Reader.of(Reads.latest(1, 1, width), Tables.of(requests, ()), features)

    around = reader.around(requests, np.arange(len(user)), item)

    for b, k in np.ndindex(item.shape):
        who, clock = int(user[b]), int(requests.time[b])
        latest = brute.history(who, clock)[:width]
        told = latest[: neighbors.MOST]
        pairs = [brute.pair(who, int(item[b, k]), step, clock) for step in latest]
        wanted = np.zeros((width, 3))
        for n, (cosine, both, alike) in enumerate(pairs):
            # Neighbours stand oldest first.
            row = 10 * cosine, math.log1p(both), float(alike)
            wanted[len(latest) - 1 - n] = row
        np.testing.assert_allclose(around.cross[b, k], wanted, rtol=1e-5)
        fans = brute.users(int(item[b, k]), clock)[-width:]
        for n, fan in enumerate(fans):
            both = sum(fan in brute.users(step, clock) for step in told)
            both *= fan != who
            size = 1 + len(told) * len(brute.history(fan, clock))
            row = [10 * both / math.sqrt(size), math.log1p(both)]
            np.testing.assert_allclose(around.back[b, k, n], row, rtol=1e-5)


def reader_of(requests, item, width=3, depth=1):
    features = Features.fit(
        Examples(
            requests,
            Candidates(item, np.zeros(item.shape, np.float32)),
            np.zeros(item.shape, np.float32),
        ),
        None,
        ("item", "cross", "events"),
    )
    tables = Tables.of(requests, ())
    return Reader.of(Reads.latest(depth, depth, width), tables, features)


def days_of(states):
    """Days from the events of each node's neighbours to its clock."""
    rows = zip(states.age[0], states.real(0), strict=True)
    return [age[real].tolist() for age, real in rows]


def test_plans_go_along_no_return_nor_to_what_was_sent_back():
    """a bought x, sent it back on day 3 and bought y; b kept one of two x."""
    log = bought_and_sent_back()
    requests = requests_of(log, ["a", "a", "b"], [3, 9, 9])
    x, y = (log.items.row(name) for name in "xy")
    item = np.array([[x, y]] * 3, np.int32)
    reader = reader_of(requests, item)

    around = reader.around(requests, np.arange(3), item)

    # Neighbours of users, oldest first, by the days since their events.
    assert days_of(around.user) == [[2], [5], [9, 7]]
    # A purchase of x that was sent back later was one at its time.
    days = days_of(around.item)
    assert [days[n] for n in around.seat[1]] == [[9, 8, 7], [5]]


def test_returns_of_what_is_kept_change_nothing_that_is_read():
    log = draw_log(events=900, users=9, items=15)
    pair = log.user.astype(np.int64) * len(log.items) + log.item
    again = np.setdiff1d(np.arange(900), np.unique(pair, return_index=True)[1])
    weight = np.full(900, 9, np.float32)
    weight[again[::4]] = -1
    log = replace(log, weight=weight)
    users, rows = np.arange(9, dtype=np.int32), np.arange(9)
    item = np.tile(np.arange(8, dtype=np.int32), (9, 1))
    found = []
    for one in (log, log.take(weight > 0)):
        clock = np.full(9, log.time[-1])
        requests = Requests.of_users(Snapshot.of(one), users, clock)
        reader = reader_of(requests, item, width=4, depth=2)
        found.append(reader.around(requests, rows, item))
    undone, kept = found

    assert (weight < 0).sum() > 100
    np.testing.assert_array_equal(undone.cross, kept.cross)
    np.testing.assert_array_equal(undone.back, kept.back)
    for one, other in ((undone.user, kept.user), (undone.item, kept.item)):
        for values in ("node", "event", "age"):
            np.testing.assert_array_equal(
                unfolded(one, values), unfolded(other, values)
            )


def unfolded(states, name):
    """What the neighbours of each node and theirs have, two hops away."""
    values = getattr(states, name)
    if name == "age":
        return states.below(0, values[1])
    return states.below(0, states.below(1, values[2].float()).flatten(1))
