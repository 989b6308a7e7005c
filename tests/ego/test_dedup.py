from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ego.unfolded import expanded
from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.ego.dedup import unique
from tidegraph.ego.hops import hop
from tidegraph.errors import ConfigError
from tidegraph.graph.sampling import distinct_picks
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.kernels.jit import use_threads

DSG = hop("click").recent(3).hop("~click").recent(2).hop("click").recent(2)


@given(EVENTS, st.lists(st.tuples(st.integers(-1, USERS), st.integers(0, 11))))
def test_unique_states_unfold_to_the_tree(events, queries):
    graph = graph_of(events).snapshot()
    nodes = np.array([u for u, _ in queries], np.int32)
    clocks = np.array([t for _, t in queries], np.int64)
    # As seeds, since some are of nodes that the graph does not hold yet.
    tree = DSG.sample(graph, Seeds.of(nodes, clocks))
    states = unique(DSG).sample(graph, Seeds.of(nodes, clocks))

    for depth in range(4):
        for name in ("ids", "time", "weight", "edge"):
            found = expanded(states, name, depth)
            assert np.array_equal(found, getattr(tree, name)[depth])
    for depth in range(1, 4):
        assert len(set(states.edge[depth].tolist())) == len(states.edge[depth])
        gaps = states.dt[depth - 1]
        assert np.array_equal(gaps > 0, states.child[depth - 1] >= 0)


def test_the_gap_of_a_child_is_to_the_clock_of_its_parent():
    graph = graph_of([(0, 0, 1, 1), (1, 0, 4, 1)]).snapshot()
    plan = unique(hop("~click").recent(2))
    states = plan.sample(graph, Seeds.of(np.zeros(2, np.int32), np.array([5, 9])))

    # Item 0 has edges at 1 and 4; both rows share the two states.
    assert states.edge[1].tolist() == [0, 1]
    assert states.child[0].tolist() == [[0, 1], [0, 1]]
    assert states.dt[0].tolist() == [[4, 1], [8, 5]]


def test_a_state_drawn_by_chance_is_the_same_in_any_batch():
    rng = np.random.default_rng(0)
    events = [tuple(map(int, e)) for e in rng.integers(0, [4, 5, 9, 5], (300, 4))]
    graph = graph_of(events).snapshot()
    plan = unique(hop("click").recent(5).hop("~click").sample(3).hop("click").sample(2))
    nodes, clocks = np.arange(4, dtype=np.int32), np.full(4, 9)
    whole = plan.sample(graph, Seeds.of(nodes, clocks))
    part = plan.sample(graph, Seeds.of(nodes[2:], clocks[2:], first=2))

    # What the last two rows drew deep down, by the edge that led there.
    for depth in (1, 2):
        known = dict(zip(whole.edge[depth].tolist(), whole.child[depth], strict=True))
        for edge, child in zip(
            part.edge[depth].tolist(), part.child[depth], strict=True
        ):
            one = whole.edge[depth + 1][known[edge]][known[edge] >= 0]
            other = part.edge[depth + 1][child][child >= 0]
            assert np.array_equal(one, other)


@pytest.mark.parametrize("by", [None, "w"])
def test_what_is_drawn_of_the_past_minds_no_row_of_the_future(by):
    rng = np.random.default_rng(0)
    past = [tuple(map(int, e)) for e in rng.integers(0, [4, 5, 9, 5], (120, 4))]
    later = [(user, item, 20, 1) for user, item, *_ in past[:50]]
    plan = unique(hop("click").recent(3).hop("~click").sample(2, by=by))
    nodes, clocks = np.arange(4, dtype=np.int32), np.full(4, 9)

    def around(events):
        """The times of who is drawn around each neighbour of each user."""
        states = plan.sample(graph_of(events).snapshot(), Seeds.of(nodes, clocks))
        near = states.child[0]
        far = np.where(near[..., None] >= 0, states.child[1][near], -1)
        return np.where(far >= 0, states.time[2][far], -1)

    assert np.array_equal(around(past), around(past + later))
    assert np.array_equal(around(past), around(later + past))


def test_states_whose_clock_is_not_their_edge_are_refused():
    graph = graph_of([(0, 0, 1, 1)]).snapshot()
    one = np.zeros(1, np.int32)
    for plan in (
        hop("click").all_time().recent(2),
        hop("click").recent(2).hop("~click").rewind().recent(2),
    ):
        with pytest.raises(ConfigError, match="unique states need hops"):
            unique(plan).sample(graph, Seeds.of(one, np.array([9])))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("width", [7, 8, 19])
def test_wide_hops_unfold_to_the_tree_whatever_threads_read_them(width, weighted):
    rng = np.random.default_rng(width)
    # A few nodes have most events, so that runs overlap, and some hold few or none.
    user, item = (rng.power(0.3, (2, 4000)) * [[USERS], [ITEMS]]).astype(int)
    weight = rng.integers(1, 5, 4000) if weighted else np.ones(4000, int)
    events = zip(user, item, np.sort(rng.integers(0, 900, 4000)), weight, strict=True)
    graph = graph_of([tuple(map(int, event)) for event in events]).snapshot()
    plan = hop("click").recent(width).hop("~click").recent(width)
    nodes, clocks = rng.integers(-1, USERS, 60), rng.integers(0, 999, 60)
    seeds = Seeds.of(nodes.astype(np.int32), clocks)

    tree, states = plan.sample(graph, seeds), unique(plan).sample(graph, seeds)

    for depth in range(3):
        for name in ("ids", "time", "weight", "edge"):
            found = expanded(states, name, depth)
            assert np.array_equal(found, getattr(tree, name)[depth])
    for threads, grain in ((1, 10**9), (3, 5)):
        with use_threads(threads, grain):
            again = unique(plan).sample(graph, seeds)
        for one, other in zip(chain(*states), chain(*again), strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("rows", ["short", "long"])
@pytest.mark.parametrize("draw", ["sample", "once", "top", "importance"])
def test_what_is_drawn_stands_once_wherever_it_lies(draw, rows, monkeypatch):
    if rows == "long":  # Beside what is drawn, as is one of a million edges.
        monkeypatch.setattr(distinct_picks, "_ROOM", 0)
        monkeypatch.delattr(distinct_picks, "_number_by_row")
    rng = np.random.default_rng(0)
    user, item = (rng.power(0.3, (2, 4000)) * [[USERS], [ITEMS]]).astype(int)
    weight = rng.integers(1, 5, 4000)
    events = zip(user, item, np.sort(rng.integers(0, 900, 4000)), weight, strict=True)
    graph = graph_of([tuple(map(int, event)) for event in events]).snapshot()
    first = hop("click").within(seconds=500)
    plan = {
        "sample": first.sample(6, by="w"),
        "once": first.sample(6, replace=False),
        "top": first.top(6, by="w"),
        "importance": first.importance(6, by="w"),
    }[draw]
    seeds = Seeds.of(
        rng.integers(-1, USERS, 20).astype(np.int32), rng.integers(0, 999, 20), seed=3
    )

    tree, states = plan.sample(graph, seeds), unique(plan).sample(graph, seeds)

    # The roots have the keys of the tree, so what they draw is the same.
    for name in ("ids", "time", "edge"):
        assert np.array_equal(expanded(states, name, 1), getattr(tree, name)[1])
    assert np.array_equal(states.share[0], tree.weight[1])
    assert np.array_equal(states.dt[0], tree.dt[1])
    assert len(set(states.edge[1].tolist())) == len(states.edge[1])
    for threads, grain in ((1, 10**9), (3, 5)):
        with use_threads(threads, grain):
            again = unique(plan).sample(graph, seeds)
        for one, other in zip(chain(*states), chain(*again), strict=True):
            assert np.array_equal(one, other)
