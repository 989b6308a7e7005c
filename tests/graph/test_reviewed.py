"""What broke once, by the oracle that broke it."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, USERS, answers, graph_of, same, table
from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph import interop
from tidegraph.graph.live import Graph
from tidegraph.graph.storage.append_only import Column
from tidegraph.graph.walks.node2vec import Bias

LIGHT = [(1, i, i, 0.1) for i in range(5)]
WEIGHTS = st.sampled_from([1e-7, 0.1, 1 / 3, 1.0, 1e10, 1e17])
HEAVY = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9), WEIGHTS),
    max_size=30,
)


def friends(pairs, times=None) -> Graph:
    size = max(max(pair) for pair in pairs) + 1
    graph = Graph().nodes("person", {"id": np.arange(size)}, key="id")
    log = {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}
    timed = {} if times is None else {"time": "t", "time_unit": "s"}
    log |= {} if times is None else {"t": times}
    return graph.edges("knows", log, "a: person -> b: person", **timed)


@given(HEAVY, st.integers(0, 11), st.integers(0, 5))
def test_a_heavy_edge_of_the_future_takes_no_draw(events, clock, seed):
    before = [e for e in events if e[2] < clock]
    plans = (
        tg.hop("click").sample(4, by="w"),
        tg.hop("click").importance(4, by="w"),
        tg.walk("click", "~click", times=2, length=2).weighted("w"),
    )
    nodes = list(range(USERS))
    for plan in plans:
        one, other = (
            graph_of(log).V("user", nodes).before(clock).with_(seed=seed, p=plan).p
            for log in (events, before)
        )
        assert np.array_equal(one.ids[-1], other.ids[-1])


def test_every_draw_finds_an_edge_beside_a_heavy_row():
    plan = tg.hop("click").sample(50, by="w")
    graph = graph_of([*LIGHT, (0, 0, 99, 1e17)])

    found = graph.V("user", [1]).before(50).with_(p=plan).p

    assert found.mask[1].all()
    assert set(found.ids[1][0].tolist()) == set(range(5))


def test_what_fades_to_nothing_is_no_edge_and_harms_nobody():
    day = 86_400
    events = [(u, (u + d) % 5, d * day, 1) for u in range(4) for d in range(365)]

    found = tg.CoOccurrence(via="click", half_life_seconds=60.0).of(graph_of(events))

    assert len(found.weight) == 0


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


def test_a_biased_walk_can_respect_time_and_no_walk_both_does_and_does_not():
    graph = friends([(0, 1), (1, 2), (2, 3)], times=[9, 5, 7])
    plan = tg.walk("knows", times=50, length=3).biased(2.0, 0.5).respecting_time()

    steps = graph.V("person", [0]).before(10).with_(w=plan).w.ids[0]

    assert np.unique(steps, axis=0).tolist() == [[0, 1, 2, -1]]
    with pytest.raises(ConfigError, match="cannot respect time"):
        tg.walk("knows").respecting_time().all_time()


def test_a_node_of_another_type_with_the_same_row_is_visited():
    graph = graph_of([(0, 0, 1, 1), (1, 0, 1, 1)])

    found = graph.V("user", [0]).before(9).with_(p=tg.walk("click", times=30).top(2)).p

    assert found.ids[1].tolist() == [[0, -1]]


def test_a_bias_needs_one_type_on_the_whole_path():
    graph = friends([(0, 1)]).nodes("item", {"item": [0]}, key="item")
    graph.edges("likes", {"id": [1], "item": [0]}, "id -> item")
    with pytest.raises(ConfigError, match="between nodes of one type"):
        graph.V("person", [0]).with_(p=tg.walk("knows", "likes").biased(2.0))


@given(EVENTS, st.integers(0, 5))
def test_the_draws_of_one_start_do_not_depend_on_those_of_another(events, seed):
    early = [e for e in events if e[2] < 5]
    plan = tg.hop("~click").sample(2)

    def drawn(log):
        query = graph_of(log).V("user", [0, 1]).before([9, 5]).out("click")
        picked = query.sample(2, seed=seed)
        mine = query.at.origin == 1
        return (
            picked.at.node[picked.at.origin == 1].tolist(),
            query.with_(seed=seed, p=plan).p.ids[1][mine].tolist(),
        )

    assert drawn(events) == drawn([*(e for e in events if e[2] < 5 or e[0] == 0)])
    assert drawn(early)[0] == drawn([*early, (0, 0, 7, 1)])[0]


def test_negatives_over_timed_edges_need_a_clock():
    users = graph_of(LIGHT).V("user", [0])
    with pytest.raises(LeakageError, match="need a clock"):
        users.with_(n=tg.negatives("item", 3, avoid="click"))
    with pytest.raises(ConfigError, match="leads to 'user', not to 'item'"):
        users.before(9).with_(n=tg.negatives("item", 3, avoid="click", via="~click"))
    ever = tg.negatives("item", 3, avoid="click", all_time=True)
    assert users.with_(n=ever).n.mask.all()


def test_the_label_is_in_no_field_of_its_own_edge():
    graph = graph_of([(0, i % 5, i, 1) for i in range(30)])
    plans = (tg.fan_out("click", counts=(9,)), tg.khop("click"))
    for batch in graph.E("click").batch(7).with_(a=plans[0], b=plans[1]):
        for field in (batch.a, batch.b):
            seen = field.mask[1] & (field.time[1] >= batch.time[:, None])
            assert not seen.any()


@given(EVENTS, st.integers(0, 11), st.integers(0, 40))
def test_a_view_of_the_past_is_a_graph_like_any_other(events, clock, seed):
    past = [e for e in events if e[2] < clock]
    view = graph_of(events).snapshot().until(clock)
    more = [(0, 1, 50, 3), (1, 2, 60, 4)]
    grown = Graph(view).append("click", table(more))
    whole = graph_of([*past, *more])

    assert all(same(a, b) for a, b in zip(answers(grown), answers(whole), strict=True))
    log = interop.to_scipy(view, "click") - interop.to_scipy(graph_of(past), "click")
    assert abs(log).sum() == 0
    assert interop.to_networkx(view).number_of_edges() == len(past)


def test_a_view_of_the_past_can_be_saved(tmp_path):
    events = [(0, 0, 9, 1), (0, 1, 1, 7), (1, 1, 2, 5)]
    Graph(graph_of(events).snapshot().until(5)).save(tmp_path / "g")

    again = Graph.open(tmp_path / "g")

    found = again.V("user").all_time().out("click").frame("item_id", "ts", "w")
    assert sorted(found.rows()) == [(1, 1, 7.0), (1, 2, 5.0)]


def test_edges_of_one_second_keep_their_finer_order():
    graph = tg.Graph().nodes("u", {"u": [1]}, key="u")
    graph.nodes("i", {"i": ["late", "early"]}, key="i")
    base = 1_714_521_600_000
    log = {"u": [1, 1], "i": ["late", "early"], "t": [base + 900, base + 100]}
    graph.edges("met", log, "u -> i", time="t")

    assert graph.V("u", 1).before("2024-05-02").out("met").ids().to_list() == [
        *("early", "late")
    ]


def test_two_that_extend_one_column_at_once_share_nothing():
    for _ in range(200):
        base = Column(np.zeros(64, np.float32)).extended(np.zeros(1, np.float32))
        found: dict[int, Column] = {}
        start = threading.Barrier(2)

        def extend(who: int, base=base, found=found, start=start) -> None:
            start.wait()
            found[who] = base.extended(np.full(40, who, np.float32))

        pair = [threading.Thread(target=extend, args=(who,)) for who in (1, 2)]
        for one in pair:
            one.start()
        for one in pair:
            one.join()
        assert all((found[who].values[65:] == who).all() for who in (1, 2))


def test_unique_states_draw_anew_each_epoch_and_know_what_each_child_counts_for():
    graph = graph_of([(u, i, u + i, 1 + i) for u in range(4) for i in range(5)])
    plan = tg.unique(tg.hop("click").sample(3).hop("~click").sample(2))
    epochs = [
        next(iter(graph.E("click").shuffle(seed).batch(20).with_(s=plan))).s
        for seed in range(6)
    ]
    weighed = tg.unique(tg.hop("click").importance(2, by="w"))
    states = graph.V("user", [0, 1]).before(99).with_(s=weighed).s
    field = (
        graph.V("user", [0, 1])
        .before(99)
        .with_(s=tg.hop("click").importance(2, by="w"))
    )

    drawn = {
        tuple(map(tuple, e.child[1][np.argsort(e.edge[1])].tolist())) for e in epochs
    }
    assert len(drawn) > 1
    assert np.array_equal(states.share[0], field.s.weight[1])
    assert states.weight[1].tolist() == [1.0 + i for i in states.ids[1]]


def test_a_window_of_a_query_is_not_silently_dropped():
    query = graph_of(LIGHT).V("user", [1]).before(9).within(seconds=3)
    with pytest.raises(ConfigError, match="Say it in the plan"):
        query.with_(p=tg.hop("click").recent(3))


def test_nodes_and_clocks_of_a_plan_may_be_plain_lists():
    plan = tg.hop("click").recent(1)
    graph = graph_of(LIGHT)

    assert plan.sample(graph, [1], [3]).ids[1].tolist() == [[2]]
    assert plan.sample(graph, [1], "1970-01-01T00:00:03").ids[1].tolist() == [[2]]
    with pytest.raises(RequestError, match="not a list of rows"):
        plan.sample(graph, [[1]], [3])
    with pytest.raises(RequestError, match="year 5138"):
        plan.sample(graph, [1], [1_714_521_600_000])
