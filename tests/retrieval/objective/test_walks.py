from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from retrieval.objective.walking import plans
from tidegraph.data.interactions import interactions
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError
from tidegraph.graph.live import Graph
from tidegraph.retrieval.objective.pairs import WalkEnds, WalkWindows
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log

# u0 has a and b, u1 has b and c, u2 has c: a path a - u0 - b - u1 - c - u2.
USERS, ITEMS = ["u0", "u0", "u1", "u1", "u2"], ["a", "b", "b", "c", "c"]
TRANSITION = np.zeros((6, 6))
for u, i in [(0, 3), (0, 4), (1, 4), (1, 5), (2, 5)]:
    TRANSITION[u, i] = TRANSITION[i, u] = 1
TRANSITION /= TRANSITION.sum(axis=1, keepdims=True)


def log_of(weight=None):
    return interactions(USERS, ITEMS, np.arange(5), weight=weight)


def copies_of(count):
    """So many of the graph side by side, which are walked together."""
    ids = [
        [f"{one} {n}" for n in range(count) for one in side] for side in (USERS, ITEMS)
    ]
    return interactions(*ids, np.arange(5 * count))


def first_of(nodes, count):
    """The nodes of the first copy that stand where those of all copies do."""
    return nodes % 3 + np.where(nodes < 3 * count, 0, 3)


def all_pairs(pairs, log, size=1000, seed=0):
    rng = np.random.default_rng(seed)
    batches = list(pairs.of(Fold(log), "Walks").epoch(size, rng))
    return (np.concatenate([b[side] for b in batches]) for side in (0, 1))


def share(source, target, nodes=6):
    count = np.zeros((nodes, nodes))
    np.add.at(count, (source, target), 1)
    return count / count.sum()


@pytest.mark.parametrize("window", [1, 2, 5])
def test_windows_have_the_probabilities_of_steps(window):
    """From uniform starts, P(s at step a, t at step b) is start P^a, then P^(b - a)."""
    rounds = 2
    pairs = all_pairs(WalkWindows(plans(20, rounds), window), copies_of(200))
    source, target = (first_of(side, 200) for side in pairs)

    at, want = np.full(6, 1 / 6), np.zeros((6, 6))
    for a in range(2 * rounds + 1):
        for apart in range(1, min(window, 2 * rounds - a) + 1):
            both = at[:, None] * np.linalg.matrix_power(TRANSITION, apart)
            want += both + both.T
        at = at @ TRANSITION
    assert abs(share(source, target) - want / want.sum()).max() < 0.01


def test_ends_have_the_probabilities_of_a_walk_that_stops_by_chance():
    stop, rounds = 0.3, 3
    pairs = all_pairs(WalkEnds(plans(100, rounds), stop), copies_of(200))
    source, target = (first_of(side, 200) for side in pairs)

    longest, want = 2 * rounds, np.zeros((6, 6))
    for steps in range(1, longest + 1):
        last = (1 - stop) ** (steps - 1)
        chance = last if steps == longest else stop * last
        want += chance * np.linalg.matrix_power(TRANSITION, steps)
    found = share(source, target)
    assert abs(found - want / 6).max() < 0.006
    # The direction is kept: the matrix is not symmetric, and neither is what is drawn.
    assert abs(want - want.T).max() > 0.05
    assert abs(found - found.T).max() > 0.005


def test_an_epoch_is_as_long_as_it_says_and_comes_in_batches():
    fold, rng = Fold(draw_log()), np.random.default_rng(0)
    for settings in (WalkWindows(plans(3, 4), 2), WalkEnds(plans(3, 4))):
        pairs = settings.of(fold, "Walks")
        sizes = [len(batch.source) for batch in pairs.epoch(100, rng)]

        assert sum(sizes) == len(pairs)
        assert max(sizes) <= 100


def test_many_rounds_over_few_nodes_come_in_few_batches():
    # Six nodes, 40 rounds, one pair a walk: 240 pairs.
    pairs = WalkEnds(plans(40, 2), restart=0.01).of(Fold(log_of()), "Walks")
    batches = list(pairs.epoch(100, np.random.default_rng(0)))

    assert [len(batch.source) for batch in batches] == [100, 100, 40]


def test_every_node_with_an_edge_is_started_from_equally_often():
    starts = Counter(all_pairs(WalkEnds(plans(7, 2)), log_of()).__next__().tolist())

    assert starts == dict.fromkeys(range(6), 7)


def test_what_is_no_evidence_is_not_walked_along():
    # u1 has taken b back, so nothing leads from u0 to u1.
    source, target = all_pairs(
        WalkWindows(plans(50, 5), 9), log_of(weight=[1, 1, -1, 1, 1])
    )
    left = np.array([0, 3, 4])

    assert (np.isin(source, left) == np.isin(target, left)).all()


def test_an_epoch_is_drawn_by_its_generator():
    settings, log = WalkWindows(plans(2, 3), 2), draw_log()
    one, again, other = (
        np.concatenate(list(all_pairs(settings, log, seed=seed))) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_walks_may_respect_time():
    """Back in time from c: to u1, who had b before that, which u0 had before that."""
    back = walk("~action", "action", times=40, length=3).respecting_time()
    source, target = all_pairs(WalkEnds((back,), restart=0.01), log_of())

    assert set(target[source == 5].tolist()) <= {1, 4, 0, 3, 2}
    # b leads to u1 or u0; from u0 to what was before (a, then nobody).
    assert set(target[source == 3].tolist()) == {0}


def test_nodes_of_other_types_are_numbered_behind_users_and_items():
    log = log_of()
    graph = Graph().nodes("item", {"item": ["a", "b", "c"]}, key="item")
    graph.nodes("brand", {"brand": ["x", "y"]}, key="brand")
    of = {"item": ["a", "c"], "brand": ["y", "y"]}
    fold = Fold(log, edges=graph.edges("of", of, "item -> brand").snapshot())
    pairs = WalkWindows((walk("of", "~of").all_time(),), 1).of(fold, "Walks")
    batch, *none = pairs.epoch(100, np.random.default_rng(0))

    assert not none
    found = set(zip(batch.source.tolist(), batch.target.tolist(), strict=True))
    assert found <= {(3, 7), (7, 3), (5, 7), (7, 5)}


def test_walks_that_learn_nothing_are_refused():
    with pytest.raises(ConfigError, match="no walks"):
        WalkWindows(())
    with pytest.raises(ConfigError, match="window is 0"):
        WalkWindows(plans(1, 1), 0)
    with pytest.raises(ConfigError, match="restart is 0"):
        WalkEnds(plans(1, 1), 0.0)
    with pytest.raises(ConfigError, match="restart is 2"):
        replace(WalkEnds(plans(1, 1)), restart=2.0)
