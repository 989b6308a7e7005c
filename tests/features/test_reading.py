"""What is read for some requests, against what is read for all."""

import numpy as np

from conftest import draw_log
from tidegraph.features.columns import category_codes
from tidegraph.features.neighbors import crossed
from tidegraph.features.reading import PastView, latest_items
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests


def asked(rows):
    """Requests of a log, candidates of each, and the categories."""
    log = draw_log(events=900, users=25, items=30, seed=3)
    rng = np.random.default_rng(3)
    user = rng.integers(0, len(log.users), rows).astype(np.int32)
    time = rng.integers(log.time[100], log.time[-1] + 2, rows)
    requests = Requests.of_users(Snapshot.of(log), user, time)
    item = rng.integers(0, len(log.items), (rows, 4)).astype(np.int32)
    return requests, item, category_codes(log.items, "category")


def test_some_requests_hold_the_events_of_their_own_histories_alone():
    requests, item, category = asked(rows=40)
    rows = np.array([7, 3, 7])

    past = PastView.of(requests, item[rows], category, rows)

    assert len(past.history.node) == np.diff(requests.history.ptr)[rows].sum()


def test_what_is_read_of_some_requests_is_what_is_read_of_all():
    requests, item, category = asked(rows=40)
    rows = np.array([7, 3, 39, 7])
    every = PastView.of(requests, item, category)
    some = PastView.of(requests, item[rows], category, rows)

    found = crossed(some, latest_items(some.history, 6))

    expected = crossed(every, latest_items(every.history, 6))
    np.testing.assert_array_equal(found.cross, expected.cross[rows])
    np.testing.assert_array_equal(found.knn, expected.knn[rows])
