"""What plans bring around users and candidates, against loops over the log."""

import math

import numpy as np
import pytest

from conftest import draw_log
from features.test_neighbors import Brute
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
