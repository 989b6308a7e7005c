import itertools
from collections import Counter
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, USERS, graph_of, looks_like
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError, DataError, LeakageError
from tidegraph.graph.live import Graph
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.random_walks import Habit, walks
from tidegraph.kernels.keyed_rng import root_keys

ROUND = walk("click", "~click", times=3, length=3)


def walked(plan, graph, nodes, clock=None, seed=0):
    nodes = np.asarray(nodes, np.int32)
    clocks = None if clock is None else np.full(len(nodes), clock)
    return plan.sample(graph.snapshot(), Seeds.of(nodes, clocks, seed=seed))


@given(EVENTS, st.integers(0, 3), st.integers(0, 11), st.booleans(), st.integers(0, 9))
def test_every_step_is_an_edge_before_the_clock(events, user, clock, weighted, seed):
    plan = ROUND.weighted("w") if weighted else ROUND
    found = walked(plan, graph_of(events), [user], clock, seed).ids[0]

    linked = {(e[0], e[1]) for e in events if e[2] < clock and (e[3] or not weighted)}
    for steps in found.tolist():
        for step, (a, b) in enumerate(itertools.pairwise(steps)):
            ways = {p[::-1] for p in linked} if step % 2 else linked
            if b < 0:
                assert a < 0 or all(one != a for one, _ in ways)
            else:
                assert (a, b) in ways


@given(EVENTS, st.integers(0, 3), st.integers(0, 11), st.integers(0, 9))
def test_a_walk_that_respects_time_goes_back_edge_by_edge(events, user, clock, seed):
    plan = ROUND.respecting_time()
    found = walked(plan, graph_of(events), [user], clock, seed).ids[0]

    for steps in found.tolist():
        # The latest possible time at which a walk can have come here.
        limit = clock
        for step, (a, b) in enumerate(itertools.pairwise(steps)):
            ends = (a, b) if step % 2 == 0 else (b, a)
            times = [e[2] for e in events if (e[0], e[1]) == ends and e[2] < limit]
            if b < 0:
                break
            assert times
            limit = max(times)


@given(EVENTS, st.integers(0, 11), st.integers(0, 9))
def test_the_future_changes_no_walk(events, clock, seed):
    before = [e for e in events if e[2] < clock]
    for plan in (ROUND, ROUND.weighted("w"), ROUND.respecting_time()):
        one, other = (
            walked(plan, graph_of(x), range(4), clock, seed).ids
            for x in (events, before)
        )
        assert np.array_equal(one, other)


STAR = graph_of([(0, i, i, i + 1) for i in range(5)])


def test_a_step_is_uniform_or_by_weight():
    plain = walk("click", times=20_000).all_time()
    steps = walked(plain, STAR, [0]).ids[0, :, 1].tolist()
    by_weight = walked(plain.weighted("w"), STAR, [0]).ids[0, :, 1].tolist()
    early = walked(walk("click", times=20_000).weighted("w"), STAR, [0], 3).ids[0, :, 1]

    assert looks_like(Counter(steps), dict.fromkeys(range(5), 1 / 5))
    assert looks_like(Counter(by_weight), {i: (i + 1) / 15 for i in range(5)})
    assert looks_like(Counter(early.tolist()), {i: (i + 1) / 6 for i in range(3)})


def test_a_walk_begins_again_as_often_as_said():
    # 0 - 0 - 1 - 1 - 2 ...: from user 0 two rounds can reach user 2, one cannot.
    chain = graph_of([(0, 0, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1), (2, 1, 1, 1)])
    plan = walk("click", "~click", times=40_000, length=2).restart(0.25).all_time()
    ends = Counter(walked(plan, chain, [0]).ids[0, :, 4].tolist())

    # One round from 0: to 0 or 1, each 1/2. From 1: to 0 1/4, 1 1/2, 2 1/4.
    second = {0: 0.5 * 0.5 + 0.5 * 0.25, 1: 0.5 * 0.5 + 0.5 * 0.5, 2: 0.5 * 0.25}
    first = {0: 0.5, 1: 0.5, 2: 0.0}
    assert looks_like(ends, {v: 0.75 * second[v] + 0.25 * first[v] for v in range(3)})


def friends(edges: list[tuple[int, int]], times: list[int] | None = None) -> Graph:
    graph = Graph().nodes("person", {"id": np.arange(6)}, key="id")
    both = edges + [(b, a) for a, b in edges]
    table = {
        "a": [a for a, _ in both],
        "b": [b for _, b in both],
        "t": (times or [1] * len(edges)) * 2,
        "w": [1.0 + (a * b) % 3 for a, b in both],
    }
    ends = "a: person -> b: person"
    return graph.edges("knows", table, ends, time="t", weight="w", time_unit="s")


HOUSE = [(0, 1), (1, 2), (2, 3), (3, 0), (2, 4), (3, 4), (4, 5)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.5), (1.0, 1.0)])
def test_node2vec_has_the_second_order_probabilities(p, q, weighted):
    graph = friends(HOUSE)
    plan = walk("knows", times=60_000, length=2).biased(p, q).all_time()
    plan = plan.weighted() if weighted else plan
    steps = walked(plan, graph, [2], seed=4).ids[0]

    peer = nx.Graph(HOUSE)
    for v in peer[2]:
        came = steps[steps[:, 1] == v][:, 2]
        share = {
            x: (1 / p if x == 2 else 1 if peer.has_edge(2, x) else 1 / q)
            * ((1.0 + (v * x) % 3) if weighted else 1)
            for x in peer[v]
        }
        expected = {x: s / sum(share.values()) for x, s in share.items()}
        assert looks_like(Counter(came.tolist()), expected)


def test_node2vec_does_not_know_of_friendships_to_come():
    # 0 and 3 become friends at 9; before, 3 is far from 0.
    graph = friends([(0, 1), (1, 3), (0, 3)], [1, 1, 9])
    plan = walk("knows", times=20_000, length=2).biased(p=1.0, q=0.25)
    steps = walked(plan, graph, [0], 5).ids[0]

    # From 0 to 1, then back to 0 with weight 1 or out to 3 with weight 4.
    assert looks_like(Counter(steps[:, 2].tolist()), {0: 1 / 5, 3: 4 / 5})


@given(EVENTS, st.integers(0, 4), st.integers(0, 11), st.integers(0, 9))
def test_visits_are_counted_as_a_counter_does(events, item, clock, seed):
    plan = walk("~click", "click", times=30, length=3)
    graph = graph_of(events)
    field = walked(plan.top(3), graph, [item], clock, seed)

    ends = walked(plan, graph, [item], clock, seed).ids[0][:, 2::2].ravel()
    counts = Counter(int(v) for v in ends if v >= 0 and v != item)
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    total = sum(counts.values())
    assert field.ids[1][0].tolist() == [v for v, _ in best] + [-1] * (3 - len(best))
    assert np.allclose(field.weight[1][0][: len(best)], [n / total for _, n in best])
    assert not field.weight[1][0][len(best) :].any()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_and_batch_splits_change_no_walk(monkeypatch, threads):
    rng = np.random.default_rng(0)
    events = [tuple(map(int, e)) for e in rng.integers(0, [4, 5, 9, 5], (200, 4))]
    snapshot, plan = graph_of(events).snapshot(), walk("click", "~click", times=700)
    plans = (plan, plan.weighted("w").restart(0.3), plan.respecting_time(), plan.top(2))
    nodes = rng.integers(0, 4, 40).astype(np.int32)
    clocks = rng.integers(0, 11, 40)
    whole = Seeds.of(nodes, clocks, seed=1)
    expected = [one.sample(snapshot, whole) for one in plans]
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: threads)

    for one, together in zip(plans, expected, strict=True):
        parts = [
            one.sample(
                snapshot,
                Seeds.of(nodes[a : a + 13], clocks[a : a + 13], seed=1, first=a),
            )
            for a in range(0, 40, 13)
        ]
        ids = [p.ids[1] if isinstance(p.ids, tuple) else p.ids for p in parts]
        held = together.ids[1] if isinstance(together.ids, tuple) else together.ids
        assert np.array_equal(np.concatenate(ids), held)


def test_walks_that_cannot_be_taken_are_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        walk("click", times=0)
    with pytest.raises(LeakageError, match="needs a clock"):
        walked(ROUND, STAR, [0])
    with pytest.raises(ConfigError, match="must lead back"):
        walked(walk("click", length=2).all_time(), STAR, [0])
    with pytest.raises(ConfigError, match=r"restart is 1\.0; it must be"):
        ROUND.restart(1.0)
    with pytest.raises(ConfigError, match="it must be above 0"):
        ROUND.biased(p=0.0)
    with pytest.raises(ConfigError, match="keeps nothing"):
        ROUND.top(0)
    assert replace(ROUND) == ROUND


@given(EVENTS, st.sampled_from([0.0, 0.4]), st.integers(0, 2**32), st.integers(1, 3))
def test_whole_walks_are_those_that_go_step_by_step(events, restart, seed, rounds):
    graph = graph_of(events).snapshot()
    path = (graph["click"], graph["~click"])
    starts = np.array([-1, 0, 1, 2, 3, USERS, 0], np.int32)
    question = (starts, root_keys(seed, 0, 7), 2 * rounds, Habit(restart=restart))

    for edges in path:
        edges.packing_pays(1.0)
    whole = walks(path, *question)
    # Rows too long to be packed are walked a step at a time.
    for edges in path:
        assert edges.__dict__["packed_rows"] is not None
        edges.__dict__["packed_rows"] = None

    assert np.array_equal(walks(path, *question), whole)


@pytest.mark.parametrize("weighted", [False, True])
def test_few_steps_after_a_new_edge_draw_as_many_without_tables_of_all(weighted):
    rng = np.random.default_rng(0)
    live, ends = Graph(), rng.integers(0, 200, (2, 3000))
    live.nodes("user", {"user": np.arange(200)}, key="user")
    live.nodes("item", {"item": np.arange(200)}, key="item")
    edges = {"user": ends[0], "item": ends[1], "w": rng.integers(0, 3, 3000)}
    live.edges("click", edges, "user -> item", weight="w")
    for item in range(40):
        live.append_rows("click", [3], [item], None, {"w": [1.0]})
    graph = live.snapshot()
    path = (graph["click"], graph["~click"])
    question = (np.array([-1, 3, 3, 7], np.int32), root_keys(1, 0, 4), 4)
    habit = Habit(weighted=weighted, restart=0.3)

    few = walks(path, *question, habit)
    made = [{*edges.__dict__, *edges.bounds.__dict__} for edges in path]
    for edges in path:
        assert edges.indexes.sums.pays(1.0) if weighted else edges.packing_pays(1.0)

    assert not any({"prefix_sums", "packed_rows", "whole"} & names for names in made)
    assert np.array_equal(walks(path, *question, habit), few)
    assert (few[1:] >= 0).all()


def test_more_walks_than_are_taken_at_once_are_those_taken_alone():
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 50, (2, 400)).astype(np.int32)
    side = TemporalCSR.build(source, target, None, 50)
    starts = rng.integers(0, 50, 20_000).astype(np.int32)
    keys = root_keys(3, 0, 20_000)

    whole = walks((side,), starts, keys, 5, Habit())
    part = walks((side,), starts[777:779], keys[777:779], 5, Habit())
    last = walks((side,), starts[-1:], keys[-1:], 5, Habit())

    assert np.array_equal(whole[777:779], part)
    assert np.array_equal(whole[-1:], last)


def test_a_weight_below_zero_stops_a_weighted_walk_that_comes_after_it():
    graph, plan = graph_of([(0, 0, 1, -1)]), tg.walk("click").weighted()
    with pytest.raises(DataError, match="a weight of 'click' is below 0"):
        graph.V("user").before(2).with_(a=plan)

    assert graph.V("user").before(1).with_(a=plan).a.ids[0, 0, 1] == -1
    with pytest.raises(DataError, match="a weight of 'click' is below 0"):
        graph.V("user").with_(a=plan.all_time())
