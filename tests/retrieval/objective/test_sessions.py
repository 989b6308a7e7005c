from collections import Counter

import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.errors import DataError
from tidegraph.retrieval.objective.pairs import SessionWalks
from tidegraph.stages import Fold

# u: a b a b, then after a long pause c; v: a c at once.
USERS, ITEMS = ["u"] * 5 + ["v"] * 2, ["a", "b", "a", "b", "c", "a", "c"]
TIMES = np.array([0, 10, 20, 30, 9999, 5, 15])


def pairs_of(settings, times=TIMES):
    return settings.of(Fold(interactions(USERS, ITEMS, times)), "Sessions")


def test_an_edge_is_as_likely_as_it_was_often_taken():
    # In a session a goes to b twice and to c once, b to a once; c leads nowhere.
    pairs = pairs_of(SessionWalks(6000, 1, 1, 3600))
    count = Counter()
    for batch in pairs.epoch(1000, np.random.default_rng(0)):
        count.update(zip(batch.source.tolist(), batch.target.tolist(), strict=True))
    items = pairs.fold.events.items
    a, b, c = (items.row(name) for name in "abc")

    # Each step makes a pair in both directions.
    assert count[a, b] == count[b, a]
    assert count[a, c] == count[c, a]
    assert abs(count[a, c] - 2000) < 5 * 37
    assert count[a, b] + count[a, c] == 12_000
    assert set(count) == {(a, b), (b, a), (a, c), (c, a)}
    assert pairs.frequency[[a, b, c]].tolist() == [2, 1, 1]


def test_a_pause_does_not_end_a_session_unless_it_is_said():
    pairs = pairs_of(SessionWalks(session_seconds=None))
    items = pairs.fold.events.items

    # b was followed by c, after a pause.
    assert pairs.frequency[items.row("c")] == 2


def test_what_has_no_times_has_no_sessions():
    log = interactions(USERS, ITEMS, None)

    with pytest.raises(DataError, match="Sessions"):
        SessionWalks().of(Fold(log), "Sessions")
