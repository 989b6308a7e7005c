"""A history that the graph does not hold, against a user who has it in the graph."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from conftest import draw_log
from ego.unfolded import expanded
from tidegraph.data.interactions import interactions
from tidegraph.ego.dedup import unique
from tidegraph.ego.hops import hop
from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories
from tidegraph.pipeline.requests import history_request
from tidegraph.stages import Requests

DSG = hop("action").recent(3).hop("~action").recent(2).hop("action").recent(2)
DRAWN = hop("action").sample(3).hop("~action").sample(2, replace=False)
RULES = {
    "recent": DSG,
    "all": hop("action").all().hop("~action").recent(2),
    "uniform": DRAWN,
    "weighted": hop("action").sample(4, replace=False).hop("~action").recent(1),
    "top": hop("action").top(2).hop("~action").top(2),
    "within": hop("action").within(seconds=4).recent(3).hop("~action").recent(2),
}
EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(0, 9)),
    min_size=1,
    max_size=30,
)
NOTHING = Histories(
    np.zeros(2, np.int64),
    np.zeros(0, np.int32),
    np.zeros(0, np.int64),
    np.zeros(0, "f4"),
)
OWN = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 9), st.sampled_from([1.0, 2.0, 0.5])),
    max_size=6,
    # The user themself is at no other depth: an item stands once in a history.
    unique_by=lambda event: event[0],
)


def two_graphs(events, own):
    """The graph of some events, and that with one more user; and their history."""
    everything = [*((f"u{u}", f"i{i}", t, 1.0) for u, i, t in events)]
    item = [f"i{i}" for i in range(8)]
    everything += [("all", i, 0, 1.0) for i in item]
    user, item, time, weight = zip(*everything, strict=True)
    log = interactions(list(user), list(item), np.array(time), weight=np.array(weight))
    graph = Snapshot.of(log)
    own = sorted(own, key=lambda event: event[1])
    if not own:
        return graph, graph, None, NOTHING
    more = interactions(
        ["me"] * len(own),
        [f"i{i}" for i, _, _ in own],
        np.array([t for _, t, _ in own]),
        weight=np.array([w for _, _, w in own]),
    )
    row = graph.items.encode(more.items.ids)[more.item]
    history = Histories(np.array([0, len(own)]), row, more.time, more.weight)
    held = graph.observed(graph.numbered(more))
    return graph, held, held.users.row("me"), history


@pytest.mark.parametrize("rule", RULES)
@given(events=EVENTS, own=OWN, clock=st.integers(0, 12))
def test_it_has_the_receptive_field_of_a_user_who_has_it(rule, events, own, clock):
    graph, held, row, history = two_graphs(events, own)
    if row is None:
        return
    # Beside a user of the graph, who is a seed too.
    pair = Histories(
        np.array([0, 0, len(own)]), history.node, history.time, history.weight
    )
    clocks = np.full(2, clock)

    found = RULES[rule].sample(graph, [0, -1], clocks, given={ACTION: pair})
    expected = RULES[rule].sample(held, [0, row], clocks)
    alone = RULES[rule].sample(
        graph, [-1], clocks[:1], first=1, given={ACTION: history}
    )

    for name in ("ids", "time", "dt", "weight", "edge", "mask"):
        for depth in range(1, found.depth + 1):
            one, other, third = (
                getattr(tree, name)[depth] for tree in (found, expected, alone)
            )
            size = min(one.shape[1], other.shape[1], third.shape[1])
            # What a hop along all edges has room for is up to the widest row.
            assert not found.mask[depth][1, size:].any()
            np.testing.assert_array_equal(one[1, :size], other[1, :size])
            np.testing.assert_array_equal(one[1, :size], third[0, :size])


@given(events=EVENTS, own=OWN, clock=st.integers(0, 12))
def test_its_unique_states_unfold_to_its_tree(events, own, clock):
    graph, _, row, history = two_graphs(events, own)
    if row is None:
        return
    three = Histories(
        np.array([0, 0, len(own), len(own)]), history.node, history.time, history.weight
    )
    nodes, clocks = np.array([0, -1, 1], np.int32), np.full(3, clock)

    tree = DSG.sample(graph, nodes, clocks, given={ACTION: three})
    states = unique(DSG).sample(graph, Seeds.of(nodes, clocks, given={ACTION: three}))

    for depth in range(4):
        assert len(set(states.edge[depth][states.edge[depth] >= 0])) == len(
            states.edge[depth][states.edge[depth] >= 0]
        )
        for name in ("ids", "time", "weight", "edge"):
            found = expanded(states, name, depth)
            np.testing.assert_array_equal(found, getattr(tree, name)[depth])


@given(EVENTS, OWN, st.integers(0, 10))
def test_what_is_given_at_the_clock_or_later_changes_nothing(events, own, clock):
    graph, _, _, history = two_graphs(events, own)
    late = history.time >= clock
    other = replace(history, node=np.where(late, (history.node + 1) % 8, history.node))

    one, two = (
        DSG.sample(graph, [-1], clock, given={ACTION: given})
        for given in (history, replace(other, node=other.node.astype(np.int32)))
    )

    for left, right in zip(one, two, strict=True):
        for depth in range(4):
            np.testing.assert_array_equal(left[depth], right[depth])


def test_requests_are_what_plans_start_from_with_a_history_or_as_a_user():
    log = interactions(list("aabbc"), list("xyxzy"), [1, 2, 3, 4, 5])
    graph = Snapshot.of(log)
    plan = tg.hop("action").recent(5).hop("~action").recent(5)
    somebody = history_request(["x", "y"], graph, 9, len(graph.items), repeat=True)
    known = Requests.of_users(graph, np.array([0, 2], np.int32), np.array([9, 9]))

    field = plan.sample(graph, somebody.seeds())
    same = plan.sample(graph, known.seeds())

    names = graph.users.decode(field.ids[2][field.mask[2]]).to_list()
    assert graph.items.decode(field.ids[1][field.mask[1]]).to_list() == ["x", "y"]
    assert names == ["a", "b", "a", "c"]
    np.testing.assert_array_equal(same.ids[2], plan.sample(graph, [0, 2], 9).ids[2])


def test_the_history_of_a_request_is_the_first_hop_of_a_plan():
    log = draw_log()
    graph = Snapshot.of(log)
    user = np.array([3, 0, 7], np.int32)
    known = Requests.of_users(graph, user, log.time[[100, 300, 599]])
    strange = replace(known, user=np.array([-1, 0, -1], np.int32))

    for requests in (known, strange):
        field = tg.hop("action").all().sample(graph, requests.seeds())

        np.testing.assert_array_equal(field.mask[1].sum(1), np.diff(known.history.ptr))
        np.testing.assert_array_equal(field.ids[1][field.mask[1]], known.history.node)
        np.testing.assert_array_equal(field.time[1][field.mask[1]], known.history.time)


@pytest.mark.parametrize("kind", [np.int64, np.uint32, np.int16])
def test_rows_of_another_width_are_the_same_rows(kind):
    graph, _, _, _ = two_graphs([(u, i, 3) for u in range(3) for i in range(8)], [])
    # From eight neighbours on, kernels copy several at once.
    plan = hop("action").recent(9).hop("~action").recent(8)
    own = Histories(
        np.array([0, 8]),
        np.arange(8, dtype=np.int32),
        np.arange(8),
        np.arange(1, 9, dtype=np.float32),
    )
    wide = replace(own)
    kinds = {"ptr": np.int32, "node": kind, "time": np.int32, "weight": np.float64}
    for name, other in kinds.items():
        # As callers may, whose annotations nobody checks.
        object.__setattr__(wide, name, getattr(own, name).astype(other))

    one, other = (plan.sample(graph, [-1], 9, given={ACTION: h}) for h in (own, wide))

    for left, right in zip(one, other, strict=True):
        for depth in range(3):
            np.testing.assert_array_equal(left[depth], right[depth])


def test_what_does_not_fit_is_refused_in_one_sentence():
    graph, _, _, _ = two_graphs([(0, 0, 1)], [])
    one = Histories(
        np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.int64), np.ones(1, "f4")
    )

    with pytest.raises(RequestError, match="1 given rows of 'action' for 2 nodes"):
        DSG.sample(graph, [-1, -1], 9, given={ACTION: one})
    with pytest.raises(RequestError, match="'action' do not fit together"):
        DSG.sample(graph, [-1], 9, given={ACTION: replace(one, ptr=np.array([0, 7]))})
    three = Histories(
        np.array([0, 1, 3]),
        np.zeros(3, np.int32),
        np.array([9, 5, 4]),
        np.ones(3, np.float32),
    )
    with pytest.raises(RequestError, match="row 1 of 'action' is not oldest first"):
        DSG.sample(graph, [-1, -1], 9, given={ACTION: three})
    beyond = replace(one, node=np.array([90], np.int32))
    with pytest.raises(RequestError, match="lead to nodes 90 to 90, and there are 8"):
        DSG.sample(graph, [-1], 9, given={ACTION: beyond})
    with pytest.raises(ConfigError, match="have a weight alone"):
        hop("action").top(2, by="price").sample(graph, [-1], 9, given={ACTION: one})
    object.__setattr__(one, "node", np.array([2**32]))
    with pytest.raises(RequestError, match="lead to nodes"):
        DSG.sample(graph, [-1], 9, given={ACTION: one})
