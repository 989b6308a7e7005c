"""Walks with a second-order bias, alone and beside restarts and time."""

from collections import Counter

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.errors import ConfigError
from tidegraph.graph.live import Graph
from tidegraph.graph.walks.node2vec import Bias


def friends(pairs, times=None) -> Graph:
    size = max(max(pair) for pair in pairs) + 1
    graph = Graph().nodes("person", {"id": np.arange(size)}, key="id")
    log = {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}
    timed = {} if times is None else {"time": "t", "time_unit": "s"}
    log |= {} if times is None else {"t": times}
    return graph.edges("knows", log, "a: person -> b: person", **timed)


@pytest.mark.parametrize("p", [1e-12, 1e12])
def test_a_walk_whose_bias_is_extreme_comes_to_an_end(p):
    # From 1, which 0 leads to, only 2 can be reached.
    walks = friends([(0, 1), (1, 2)]).V("person", [0])

    steps = walks.with_(w=tg.walk("knows", length=2).biased(p=p, q=p)).w.ids

    assert steps.tolist() == [[[0, 1, 2]]]


def test_those_who_keep_no_draw_weigh_the_row_exactly():
    # From 0 by 1: back to 0 with 1/p = 1e-9, on to 2 or 3 with 1/q = 1e-9 and 3e-9.
    graph = friends([(0, 1), (1, 2), (1, 3), (1, 3), (1, 3)])
    plan = tg.walk("knows", times=8_000, length=2).biased(p=1e9, q=1e9)
    ends = graph.V("person", [0]).with_(w=plan).w.ids[0, :, 2]

    # No edge leads back, so 1 is as likely as its edges; each draw is kept with 1e-9.
    assert abs((ends == 2).mean() - 1 / 4) < 0.02


def test_a_bias_is_a_number():
    with pytest.raises(ConfigError, match="must be above 0"):
        Bias(p=float("inf"))


def test_after_a_restart_a_walk_minds_nothing():
    # 0 and 1 know each other and 0 knows 2 and 3. A tiny p leads back to where a walk
    # came from, but not where it was before it began again.
    graph = friends([(0, 1), (1, 0), (0, 2), (0, 3), (2, 2), (3, 3)])
    plan = tg.walk("knows", times=9_000, length=2).restart(0.999).biased(p=0.001)
    steps = graph.V("person", [0]).with_(w=plan).w.ids[0]

    from_two = steps[steps[:, 1] == 2][:, 2]
    assert abs((from_two == 2).mean() - 1 / 3) < 0.03


def probabilities(pairs, length, restart, p, q) -> dict[tuple[int, ...], float]:
    """Every walk from 0 and how likely it is, by the definition of node2vec."""
    held = {((0,), 0, -1): 1.0}
    for step in range(length):
        grown: Counter[tuple] = Counter()
        for (walk, here, came), share in held.items():
            ways = [(here, came, share)]
            if step:
                ways = [(here, came, share * (1 - restart)), (0, -1, share * restart)]
            for at, before, part in ways:
                ends = [b for a, b in pairs if a == at]
                near = [b for a, b in pairs if a == before]
                bias = [
                    1.0
                    if before < 0
                    else 1 / p
                    if end == before
                    else 1.0
                    if end in near
                    else 1 / q
                    for end in ends
                ]
                for end, weight in zip(ends, bias, strict=True):
                    key = ((*walk, end), end, at)
                    grown[key] += part * weight / sum(bias)
        held = grown
    found: Counter[tuple[int, ...]] = Counter()
    for (walk, _, _), share in held.items():
        found[walk] += share
    return dict(found)


@pytest.mark.parametrize(("restart", "p", "q"), [(0.5, 0.001, 1000), (0.3, 0.25, 4)])
def test_walks_with_restarts_and_a_bias_are_as_likely_as_their_definition(
    restart, p, q
):
    pairs = [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2), (0, 2)]
    want = probabilities(pairs, 3, restart, p, q)
    plan = tg.walk("knows", times=40_000, length=3).restart(restart).biased(p, q)

    drawn = friends(pairs).V("person", [0]).with_(w=plan, seed=3).w.ids[0]
    seen = Counter(map(tuple, drawn.tolist()))

    assert set(seen) <= set(want)
    off = [abs(seen[walk] / len(drawn) - share) for walk, share in want.items()]
    # Four standard deviations of a share are 0.01 at most.
    assert max(off) < 0.01


def test_a_biased_walk_can_respect_time_and_no_walk_both_does_and_does_not():
    graph = friends([(0, 1), (1, 2), (2, 3)], times=[9, 5, 7])
    plan = tg.walk("knows", times=50, length=3).biased(2.0, 0.5).respecting_time()

    steps = graph.V("person", [0]).before(10).with_(w=plan).w.ids[0]

    assert np.unique(steps, axis=0).tolist() == [[0, 1, 2, -1]]
    with pytest.raises(ConfigError, match="cannot respect time"):
        tg.walk("knows").respecting_time().all_time()


def test_a_bias_needs_one_type_on_the_whole_path():
    graph = friends([(0, 1)]).nodes("item", {"item": [0]}, key="item")
    graph.edges("likes", {"id": [1], "item": [0]}, "id -> item")
    with pytest.raises(ConfigError, match="between nodes of one type"):
        graph.V("person", [0]).with_(p=tg.walk("knows", "likes").biased(2.0))


@pytest.mark.parametrize(("p", "q"), [(0.25, 1.0), (4.0, 1.0), (1.0, 4.0)])
def test_between_two_types_only_the_way_back_is_another(p, q):
    """No edge joins two people or two items, so who does not return is 2 away."""
    graph = friends([(0, 1)]).nodes("item", {"item": [0, 1, 2]}, key="item")
    likes = {"id": [0, 0, 1, 2, 3], "item": [0, 1, 0, 0, 0]}
    graph.edges("likes", likes, "id -> item")
    plan = tg.walk("likes", "~likes", times=40_000, length=2).biased(p, q)

    steps = graph.V("person", [1]).with_(w=plan).w.ids[0]

    # From 1 by item 0, which 0, 1, 2 and 3 like.
    back = (1 / p) / (1 / p + 3 / q)
    assert abs((steps[:, 2] == 1).mean() - back) < 0.015
    # 0 has come from item 0 to itself, and may go back there or on to item 1.
    came = steps[steps[:, 2] == 0]
    back = (1 / p) / (1 / p + 1 / q)
    assert abs((came[:, 3] == 0).mean() - back) < 0.03
