"""Every plan is asked alike, and about nodes that there are."""

import inspect

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from graph.brute import graph_of
from tidegraph.ego.hops import Hops
from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.sampling.seeds import Seeds

LOG = [(0, 1, 1, 1.0), (0, 2, 2, 1.0), (1, 2, 3, 1.0), (1, 0, 4, 1.0), (2, 1, 5, 1.0)]
WALK = tg.walk("click", "~click", times=3, length=2)
NEAR = tg.near("click", type="user", of="item", count=3)
PLANS = {
    "hops": tg.hop("click").recent(2),
    "drawn": tg.hop("click").sample(3).hop("~click").recent(2),
    "fan_out": tg.fan_out("click", "~click", counts=(2, 2)),
    "khop": tg.khop("click"),
    "unique": tg.unique(tg.hop("click").recent(2)),
    "walk": WALK,
    "top": WALK.top(2),
    "near": NEAR,
    "cluster": tg.local_cluster("click", type="user", size=4),
    "negatives": tg.negatives("item", 2, avoid="click"),
    "weighted": tg.negatives("item", 2, via="click", by="degree"),
    "hard": tg.hard(NEAR, 1, ranks=(0, 2), avoid="click"),
}


def flat(found):
    """Every array of what a plan took."""
    for part in found:
        yield from part if isinstance(part, tuple) else (part,)


def same(one, other):
    pairs = list(zip(flat(one), flat(other), strict=True))
    assert pairs
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.fixture
def graph():
    return graph_of(LOG)


def test_every_plan_has_the_same_signature():
    ways = {
        str(inspect.signature(type(plan).sample).replace(return_annotation=None))
        for plan in PLANS.values()
    }

    assert len(ways) == 1


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_rows_and_moments_are_the_seeds_that_they_make(plan, graph):
    seeds = Seeds.of(np.array([2, 0], np.int32), np.array([9, 3]), seed=7)
    expected = plan.sample(graph.snapshot(), seeds)

    assert same(plan.sample(graph, [2, 0], [9, 3], seed=7), expected)
    assert same(
        plan.sample(graph, pl.Series([2, 0]), np.array([9, 3]), seed=7), expected
    )


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("wrong", [12, -2, 2**33, -(2**33)])
def test_a_row_outside_the_graph_is_named_with_the_way_to_rows(plan, wrong, graph):
    size = len(graph.snapshot().users)

    with pytest.raises(RequestError) as error:
        plan.sample(graph, [0, wrong], 9)

    assert str(error.value) == (
        f"node 1 is {wrong}, and there are {size} nodes 'user': rows from 0, or -1 for "
        "nobody. Rows of raw ids are "
        "graph.snapshot().nodes['user'].vocabulary.encode(pl.Series(ids))."
    )


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_nobody_changes_nothing_for_others_and_has_nothing_around(plan, graph):
    alone = plan.sample(graph, [1], 9)
    found = plan.sample(graph, [1, -1], 9)

    if plan is not PLANS["unique"]:
        assert same([part[:1] for part in flat(found)], flat(alone))
    if isinstance(plan, Hops):
        assert not found.mask[1][1].any()
    if plan in (NEAR, PLANS["top"]):
        assert found.ids[1][1].max() == -1
    if plan in (WALK, PLANS["cluster"]):
        assert not found.mask[1].any()


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_what_is_no_list_of_rows_is_refused(plan, graph):
    for wrong in ([[1]], ["u1"], [0.5], 1):
        with pytest.raises(RequestError, match=r"not a list of rows\. Rows of raw ids"):
            plan.sample(graph, wrong, 9)
    with pytest.raises(LeakageError, match="clock"):
        plan.sample(graph, [0])


def test_seeds_may_be_of_nodes_that_came_after_an_older_snapshot(graph):
    old = graph.snapshot()
    graph.observe(tg.interactions([77], [1], [20]))
    late = np.array([len(graph.snapshot().users) - 1], np.int32)
    assert late[0] >= len(old.users)
    plan = tg.hop("click").recent(2)

    found = plan.sample(old, Seeds.of(late, np.array([30])))

    assert not found.mask[1].any()
    assert plan.sample(graph, late, 30).ids[0].tolist() == late.tolist()
    with pytest.raises(RequestError, match="node 0 is"):
        plan.sample(old, late, 30)


@pytest.mark.parametrize("count", [0, -1])
def test_a_hop_that_takes_nothing_is_refused_as_it_is_described(count):
    step = tg.hop("click")

    for take in (step.recent, step.sample, step.top, step.importance):
        with pytest.raises(ConfigError, match=rf"\({count}\) draws nothing"):
            take(count)
    with pytest.raises(ConfigError, match="draws nothing"):
        tg.parse(str(step.recent(5)).replace("count=5", f"count={count}"))
    with pytest.raises(ConfigError, match="draws nothing"):
        tg.fan_out("click", counts=(count,))
