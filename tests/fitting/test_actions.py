"""Each action of a log is a request, told from others of its moment."""

import numpy as np

from tidegraph.data.interactions import interactions
from tidegraph.fitting.actions import actions_among_others, actions_or_shown
from tidegraph.graph.snapshot import Snapshot


def test_no_other_was_acted_on_in_the_same_second():
    before = [(9, item, 1) for item in range(6)]
    basket = [(0, 2, 5), (0, 4, 5), (1, 1, 5), (1, 2, 5), (1, 3, 5), (0, 5, 6)]
    user, item, time = zip(*before, *basket, strict=True)
    log = interactions(user, item, time)
    graph, rng = Snapshot.of(log), np.random.default_rng(0)

    found = actions_among_others(graph, log.since(5), 6, rng=rng)

    ids = log.items.ids.to_list()
    sets = []
    for row, label in zip(found.candidates.item, found.label, strict=True):
        names = [ids[i] for i in row[row >= 0]]
        assert label.tolist() == [1.0] + [0.0] * (len(row) - 1)
        sets.append((names[0], sorted(names[1:])))
    assert found.requests.time.tolist() == [5, 5, 5, 5, 5, 6]
    assert sorted(sets) == [
        (1, [0, 4, 5]),
        (2, [0, 1, 3, 5]),
        (2, [0, 4, 5]),
        (3, [0, 4, 5]),
        (4, [0, 1, 3, 5]),
        (5, [0, 1, 2, 3, 4]),
    ]


def test_what_a_user_had_before_is_an_other_only_where_it_may_be_had_again():
    log = interactions([9, 9, 9, 0, 0], [1, 2, 3, 1, 2], [1, 1, 1, 5, 7])
    graph, known = Snapshot.of(log), log.since(7)

    def others(repeat):
        rng = np.random.default_rng(0)
        found = actions_among_others(graph, known, 3, repeat=repeat, rng=rng)
        row = found.candidates.item[0]
        return sorted(log.items.decode(row[row >= 0][1:]).to_list())

    assert others(True) == [1, 3]
    assert others(False) == [3]


def test_a_window_ends_with_the_second_of_the_action_or_with_what_was_shown():
    log = interactions(
        [9, 9, 0, 1, 1, 0], [1, 2, 1, 1, 2, 2], [1, 1, 5, 6, 6, 7], [1, 1, 1, 1, 0, 1]
    )
    graph, rng = Snapshot.of(log), np.random.default_rng(0)

    found = actions_or_shown(graph, log.since(5), 1, rng=rng)

    assert found.requests.time.tolist() == [5, 6, 7]
    assert found.until is not None
    assert found.until.tolist() == [6, 7, 8]
