import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph.brute import graph_of
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.storage.with_edges import with_edges

NODES = 5
EVENTS = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, 6), st.integers(0, 9)),
    max_size=40,
)

ENDS = "user_id -> item_id"


def build(events: list[tuple[int, int, int]], nodes: int = NODES) -> TemporalCSR:
    ordered = sorted(events, key=lambda event: event[2])
    source, target, time = np.array(ordered, np.int64).reshape(-1, 3).T
    weight = np.arange(len(ordered), dtype=np.float32)
    return TemporalCSR.build(
        source.astype(np.int32), target.astype(np.int32), time, nodes, weight
    )


@given(EVENTS, st.integers(-1, NODES), st.integers(-1, 11))
def test_eq_19_3_before_is_what_a_loop_over_the_log_finds(events, node, clock):
    ordered = sorted(events, key=lambda event: event[2])
    expected = [e[1:] for e in ordered if e[0] == node and e[2] < clock]

    found = build(events).histories(np.array([node], np.int32), np.array([clock]))

    assert list(zip(found.node, found.time, strict=True)) == expected


@given(EVENTS, EVENTS)
def test_adding_events_equals_building_anew(old, new):
    nodes = NODES + 2
    later = sorted(new, key=lambda event: event[2])
    source, target, time = np.array(later, np.int64).reshape(-1, 3).T
    number = np.arange(len(old), len(old) + len(new))

    ends = source.astype(np.int32), target.astype(np.int32)
    grown = with_edges(build(old), *ends, time, number, nodes)
    whole = build([*sorted(old, key=lambda event: event[2]), *later], nodes)

    slots, others = grown.slots(), whole.slots()
    np.testing.assert_array_equal(grown.degree(), whole.degree())
    np.testing.assert_array_equal(grown.node[slots], whole.node[others])
    np.testing.assert_array_equal(grown.time_at(slots), whole.time_at(others))


@given(EVENTS, st.integers(0, 9))
def test_events_at_or_after_the_clock_change_nothing(events, clock):
    past = [event for event in events if event[2] < clock]
    nodes = np.arange(NODES, dtype=np.int32)
    clocks = np.full(NODES, clock)

    whole, cut = (
        build(events).histories(nodes, clocks),
        build(past).histories(nodes, clocks),
    )

    np.testing.assert_array_equal(whole.ptr, cut.ptr)
    np.testing.assert_array_equal(whole.node, cut.node)


def test_many_queries_on_many_threads_agree_with_one():
    rng = np.random.default_rng(0)
    side = TemporalCSR.build(
        rng.integers(0, 50, 5000).astype(np.int32),
        rng.integers(0, 9, 5000).astype(np.int32),
        np.sort(rng.integers(0, 1000, 5000)),
        50,
    )
    nodes = rng.integers(-1, 51, 20_000).astype(np.int32)
    clocks = rng.integers(0, 1100, 20_000)
    start, stop = side.span_before(nodes, clocks)

    for q in range(0, 20_000, 997):
        one = side.span_before(nodes[q : q + 1], clocks[q : q + 1])
        assert (start[q], stop[q]) == (one[0][0], one[1][0])


def test_rows_of_histories_are_cut_without_copying():
    found = build([(0, 1, 1), (1, 2, 2), (1, 3, 3)]).histories(
        np.array([0, 1, 2], np.int32), np.array([9, 9, 9])
    )

    part = found.rows(1, 3)

    assert list(part.ptr) == [0, 2, 2]
    assert list(part.node) == [2, 3]
    assert np.shares_memory(part.node, found.node)


def test_edges_weighted_by_a_feature_keep_what_they_have_looked_up():
    graph = graph_of([(0, 1, 5, 2), (0, 2, 6, 3), (1, 1, 7, 4)])
    edges = graph.snapshot().edges["click"]
    graph.edges("view", {"user_id": [0], "item_id": [1], "v": [1.0]}, ENDS)
    views = graph.snapshot().edges["view"]

    one = views.along(back=False, by="v")
    sums = one.prefix_sums

    assert views.along(back=False, by="v").prefix_sums is sums
    assert views.along(back=True, by="v").weight is one.weight
    assert edges.along(back=False, by="w") is edges.out
    graph.append("view", {"user_id": [0], "item_id": [2], "v": [7.0]})
    later = graph.snapshot().edges["view"].along(back=False, by="v")
    assert later.weight.tolist() == [1, 7]
    assert one.weight.tolist() == [1]
