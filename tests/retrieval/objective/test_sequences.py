from collections import Counter

import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.retrieval.objective.pairs import Edges, SequenceWindows
from tidegraph.retrieval.recipes.walk import item2vec
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log

USERS, ITEMS = ["u", "v", "u", "u", "v", "w"], ["a", "b", "b", "c", "a", "d"]


def drawn(settings, log, size=100, seed=0):
    pairs = settings.of(Fold(log), "Items")
    batches = list(pairs.epoch(size, np.random.default_rng(seed)))
    source, target = (np.concatenate([b[n] for b in batches]) for n in (0, 1))
    return pairs, Counter(zip(source.tolist(), target.tolist(), strict=True))


def test_windows_go_along_each_users_sequence():
    # u: a b c; v: b a; w: d alone.
    pairs, found = drawn(SequenceWindows(1), interactions(USERS, ITEMS, np.arange(6)))

    assert found == Counter([(0, 1), (1, 0), (1, 2), (2, 1), (1, 0), (0, 1)])
    assert len(pairs) == 6
    assert pairs.frequency.tolist() == [2, 2, 1, 1]
    edges = zip(pairs.graph.row.tolist(), pairs.graph.column.tolist(), strict=True)
    assert list(edges) == [(0, 1), (1, 0), (1, 2), (2, 1)]


def test_a_return_is_no_place_of_a_sequence():
    # u takes a twice, b, and sends one a back: a a b.
    log = interactions(list("uuuu"), list("aaba"), range(4), weight=[1, 1, 1, -1])
    pairs, found = drawn(SequenceWindows(1), log)

    assert found == Counter([(0, 0), (0, 0), (0, 1), (1, 0)])
    assert pairs.frequency.tolist() == [2, 1]


def test_an_epoch_is_as_long_as_it_says_and_comes_in_batches():
    pairs = SequenceWindows(3).of(Fold(draw_log()), "Items")
    sizes = [len(b.source) for b in pairs.epoch(60, np.random.default_rng(0))]

    assert sum(sizes) == len(pairs)
    assert len(sizes) > 3


def test_without_times_the_order_is_drawn_anew():
    """So each two of three items are together in two epochs of three."""
    log = interactions(["u"] * 3, ["a", "b", "c"], None)
    pairs = SequenceWindows(1).of(Fold(log), "Items")
    rng, count = np.random.default_rng(0), Counter()
    for _ in range(3000):
        for batch in pairs.epoch(100, rng):
            count.update(zip(batch.source.tolist(), batch.target.tolist(), strict=True))

    assert len(count) == 6
    assert all(abs(n - 2000) < 150 for n in count.values())


def test_sets_are_drawn_anew_though_there_are_times():
    log = interactions(["u"] * 3, ["a", "b", "c"], range(3))
    pairs = SequenceWindows(1, shuffled=True).of(Fold(log), "Items")
    rng, count = np.random.default_rng(0), Counter()
    for _ in range(3000):
        for batch in pairs.epoch(100, rng):
            count.update(zip(batch.source.tolist(), batch.target.tolist(), strict=True))

    assert all(abs(count[pair] - 2000) < 150 for pair in [(0, 1), (1, 2), (0, 2)])


def test_events_of_frequent_items_are_left_out_by_their_share():
    """Mikolov et al. (2013), equation 5: of 1/2 of all, 1 - sqrt(.08 / .5) = .6 go."""
    users = np.repeat(np.arange(6000), 2)
    other = np.arange(6000) % 5 + 1
    items = np.stack([np.zeros(6000, np.int64), other], axis=1).ravel()
    log = interactions(users, items, np.arange(12000))

    pairs, found = drawn(SequenceWindows(1, subsample=0.08), log)

    # The five others have a tenth each, of which sqrt(.08 / .1) stay.
    expected = 6000 * np.sqrt(0.08 / 0.5) * np.sqrt(0.08 / 0.1)
    assert abs(sum(found.values()) / 2 - expected) < 150
    assert drawn(SequenceWindows(1, subsample=0.5), log)[1].total() == 12000
    # About, as a pair needs both: of a sequence of 1.29 events on average.
    assert 0 < len(pairs) < 12000


def test_a_log_of_which_all_is_left_out_trains_on_nothing():
    log = draw_log()
    method = item2vec(2, 8, subsample=1e-12)

    assert np.isfinite(method.fit(log).item).all()


def test_a_matrix_has_sequences_without_order():
    log = draw_log()
    pairs, _ = drawn(SequenceWindows(2), Matrix.of(log))

    assert pairs.graph.items == len(log.items)


def test_edges_both_ways_are_the_edges_and_their_reverses():
    log = draw_log()
    one, forth = drawn(Edges(), log)
    both, all_of_them = drawn(Edges(both_ways=True), log)

    back = Counter({(i, u): n for (u, i), n in forth.items()})
    assert all_of_them == forth + back
    assert len(both) == 2 * len(one)
    users = one.graph.users
    np.testing.assert_array_equal(both.frequency[users:], one.frequency[users:])
    degree = np.bincount([u for u, _ in forth], minlength=users)
    np.testing.assert_array_equal(both.frequency[:users], degree)


def test_a_window_is_at_least_one():
    with pytest.raises(ConfigError, match="window is 0"):
        SequenceWindows(0)
    with pytest.raises(ConfigError, match=r"subsample is 0\.0"):
        SequenceWindows(subsample=0.0)
