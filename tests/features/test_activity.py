"""How busy user and item were, against loops over the log."""

import math

import numpy as np

from conftest import draw_log
from tidegraph.features.activity import LATEST, NAMES, NEVER, WINDOWS
from tidegraph.features.groups import values_of_groups
from tidegraph.features.reading import PastView
from tidegraph.features.values import category_codes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests

DAY = 86_400


def expected_of(times: list[int], clock: int, latest=()):
    """Gaps since the n-th last, since the first, and counts of the windows."""
    past = sorted(t for t in times if t < clock)

    def gap(there, place):
        return math.log1p((clock - past[place]) / DAY) if there else NEVER

    gaps = [gap(len(past) >= n, -n) for n in latest]
    counts = [
        math.log1p(sum(t >= clock - days * DAY for t in past)) for days in WINDOWS
    ]
    return [*gaps, gap(past, 0), *counts]


def test_gaps_ages_and_counts_are_those_of_a_loop():
    log = draw_log(events=900, users=60, items=40)
    rng = np.random.default_rng(0)
    user = rng.integers(0, len(log.users), 20).astype(np.int32)
    time = rng.integers(log.time[0], log.time[-1] + 2, 20)
    item = rng.integers(0, len(log.items), (20, 3)).astype(np.int32)
    requests = Requests.of_users(Snapshot.of(log), user, time)
    past = PastView.of(requests, item, category_codes(log.items, None))

    found = values_of_groups(past, ("item_activity", "user_activity"))

    assert found.shape[2] == len(NAMES)
    for b, k in np.ndindex(item.shape):
        clock = int(time[b])
        of_item = log.time[log.item == item[b, k]].tolist()
        of_user = log.time[log.user == user[b]].tolist()
        values = expected_of(of_item, clock, LATEST) + expected_of(of_user, clock)
        np.testing.assert_allclose(found[b, k], values, rtol=1e-5)


def test_an_item_that_is_not_in_the_graph_has_never_happened():
    log = draw_log(events=200)
    graph, nobody = Snapshot.of(log), np.array([-1], np.int32)
    requests = Requests.of_users(graph, nobody, log.time[-1:])
    beyond = np.array([[len(log.items) + 5, -1]], np.int32)
    past = PastView.of(requests, beyond, category_codes(log.items, None))

    found = values_of_groups(past, ("item_activity", "user_activity"))[0]

    never = expected_of([], int(log.time[-1]), LATEST) + expected_of([], 0)
    np.testing.assert_allclose(found[0], never)
    assert not found[1].any()
