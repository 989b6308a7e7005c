"""What was known of the events of a history just before each."""

from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.features.columns import Features
from tidegraph.features.events import StepNumbers
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Candidates, Requests
from tidegraph.testing.rankers import split_examples

LOG = draw_log(events=1200)


@pytest.fixture(scope="module")
def features():
    return Features.fit(split_examples(LOG)[0], "category")


def alone(features, graph, user, item, time):
    """The inputs of one item, asked for as a candidate at the time of the event."""
    requests = Requests.of_users(graph, np.array([user], np.int32), np.array([time]))
    item = np.array([[item]], np.int32)
    candidates = Candidates(item, np.zeros((1, 1), np.float32))
    names = [n for n, name in enumerate(features.names) if name in features.event_names]
    raw = features.of(requests, candidates)[0, 0] * features.scale + features.mean
    mean, scale = features.of_event
    return (raw[names] - mean) / scale


def test_an_event_has_the_inputs_of_a_candidate_at_its_time(features):
    graph, time = Snapshot.of(LOG), LOG.time[[900, 700, 900]]
    user = LOG.user[[3, 9, 3]]
    requests = Requests.of_users(graph, user, time)

    known = StepNumbers.of(features, requests, 4)

    found = known.rows(np.arange(3))
    for b in range(3):
        mine = (LOG.user == user[b]) & (LOG.time < time[b])
        latest = np.flatnonzero(mine)[::-1][:4]
        for h, row in enumerate(latest):
            one = alone(features, graph, user[b], LOG.item[row], LOG.time[row])
            np.testing.assert_allclose(found[b, h], one, rtol=1e-3, atol=1e-4)
        assert not found[b, len(latest) :].any()
    # A user's events stand there once, however many requests they precede.
    assert len(known.values) == 4 + 4 + 1


def test_a_history_without_a_user_is_read_by_itself(features):
    graph, time = Snapshot.of(LOG), np.array([LOG.time[-1]] * 2)
    user = Requests.of_users(graph, np.array([3, 5], np.int32), time)
    nobody = replace(user, user=np.array([-1, -1], np.int32))

    own, given = (
        StepNumbers.of(features, r, 3).rows(np.arange(2)) for r in (user, nobody)
    )

    # What depends on the history is the same; the user's own part in what others
    # did is not known to be theirs.
    of_user = [n for n, name in enumerate(features.event_names) if "user_" in name]
    np.testing.assert_array_equal(own[..., of_user], given[..., of_user])


def test_without_the_group_events_have_no_inputs():
    learn, _, _ = split_examples(LOG)
    plain = Features.fit(learn, groups=("item",))

    known = StepNumbers.of(plain, learn.requests, 3)

    assert known.rows(np.arange(2)).shape == (2, 3, 0)


def test_the_future_changes_nothing_that_was_known(features):
    cut = int(LOG.time[800])
    later = LOG.time >= cut
    item = LOG.item.copy()
    item[later] = np.random.default_rng(0).permutation(item[later])
    user = np.arange(20, dtype=np.int32)
    found = [
        StepNumbers.of(
            features,
            Requests.of_users(Snapshot.of(log), user, np.full(20, cut)),
            5,
        ).rows(np.arange(20))
        for log in (LOG, replace(LOG, item=item))
    ]

    np.testing.assert_array_equal(*found)
