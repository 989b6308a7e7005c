import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import graph_of
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.ego.hop_sampling import Step
from tidegraph.ego.hops import hop
from tidegraph.errors import ConfigError, DataError, RequestError
from tidegraph.graph.sampling.gather import NO_NODE
from tidegraph.graph.sampling.samplers import recent
from tidegraph.graph.sampling.seeds import Seeds, check_plan
from tidegraph.graph.snapshot import Snapshot

LOG = [(0, 0, 10, 1.0), (0, 1, 20, 2.0), (1, 1, 20, 1.0), (0, 2, 30, 1.0)]
LIGHT = [(1, i, i, 0.1) for i in range(5)]

DSG = hop("action").recent(3).hop("~action").recent(2)
EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


def log_of(events: list[tuple[int, int, int]]) -> Interactions:
    user, item, time = zip(*events, strict=True)
    return interactions(list(user), list(item), np.asarray(time))


def latest(log: Interactions, side: str, row: int, clock: int, count: int):
    """Brute force: the last of all events of a node that are earlier than the clock."""
    here, there = (log.user, log.item) if side == "user" else (log.item, log.user)
    earlier = [
        (int(there[e]), int(log.time[e]))
        for e in range(len(log))
        if here[e] == row and log.time[e] < clock
    ]
    return earlier[-count:]


@given(EVENTS, st.integers(-1, 6), st.integers(0, 11))
def test_a_dynamic_sequential_graph_is_what_brute_force_finds(events, user, clock):
    log = log_of(events)
    # As seeds, which may be of nodes that an older snapshot does not hold.
    seeds = Seeds.of(np.array([user], np.int32), np.array([clock], np.int64))
    ego = DSG.sample(Snapshot.of(log), seeds)

    first = latest(log, "user", user, clock, 3)
    assert ego.mask[1][0].tolist() == [True] * len(first) + [False] * (3 - len(first))
    for place, (item, time) in enumerate(first):
        assert (ego.ids[1][0, place], ego.time[1][0, place]) == (item, time)
        assert ego.dt[1][0, place] == clock - time > 0
        second = latest(log, "item", item, time, 2)
        there = ego.mask[2][0, place]
        assert ego.ids[2][0, place][there].tolist() == [u for u, _ in second]
        assert ego.time[2][0, place][there].tolist() == [t for _, t in second]
    gone = ~ego.mask[2]
    assert (ego.ids[2][gone] == NO_NODE).all()
    assert not ego.time[2][gone].any()
    assert not ego.dt[2][gone].any()


@given(EVENTS, st.integers(0, 10), st.integers(0, 9))
def test_rewriting_the_future_never_changes_an_answer(events, clock, shift):
    log = log_of(events)
    late = log.time >= clock
    # Edges at or after the clock are shuffled around.
    item = np.where(late, (log.item + shift) % len(log.items), log.item)
    other = replace(log, item=item.astype(np.int32))
    nodes = np.arange(len(log.users), dtype=np.int32)
    clocks = np.full(len(nodes), clock, np.int64)

    before, after = (DSG.sample(Snapshot.of(x), nodes, clocks) for x in (log, other))
    for depth in range(3):
        for a, b in zip(before, after, strict=True):
            assert np.array_equal(a[depth], b[depth])


def test_the_event_to_predict_is_never_inside_its_own_field():
    log = log_of([(u % 7, (u * u) % 5, u // 3) for u in range(60)])
    ego = DSG.sample(Snapshot.of(log), log.user, log.time)

    assert (ego.time[1] < log.time[:, None])[ego.mask[1]].all()
    assert (ego.time[2] < ego.time[1][:, :, None])[ego.mask[2]].all()


def test_any_split_of_a_batch_gives_the_same_bits(monkeypatch):
    rng = np.random.default_rng(0)
    size = 20_000
    log = interactions(
        rng.integers(0, 500, size), rng.integers(0, 300, size), np.arange(size) // 4
    )
    graph = Snapshot.of(log)
    together = DSG.sample(graph, log.user, log.time)
    parts = [
        DSG.sample(graph, log.user[a : a + 333], log.time[a : a + 333])
        for a in range(0, size, 333)
    ]
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: 1)
    alone = DSG.sample(graph, log.user, log.time)

    for field in range(6):
        for depth in range(3):
            whole = np.concatenate([part[field][depth] for part in parts])
            assert np.array_equal(together[field][depth], whole)
            assert np.array_equal(together[field][depth], alone[field][depth])


def test_a_plan_is_data():
    again = hop("action").recent(3).hop("~action").recent(2)

    assert again == DSG
    assert len({DSG, again, DSG.flip()}) == 2
    assert DSG.flip().steps == (Step("~action", recent(3)), Step("action", recent(2)))
    assert DSG.flip().flip() == DSG
    assert str(DSG) == (
        "hop('action').using('recent', count=3).hop('~action').using('recent', count=2)"
    )


def test_the_other_side_of_an_edge_is_the_flipped_plan():
    log = log_of([(0, 0, 1), (1, 0, 2), (1, 1, 3), (0, 1, 4)])
    ego = DSG.flip().sample(
        Snapshot.of(log), np.array([1], np.int32), np.array([4], np.int64)
    )

    # Before 4 item 1 has user 1, at 3; before 3 user 1 has item 0, at 2.
    assert ego.ids[1].tolist() == [[1, NO_NODE, NO_NODE]]
    assert ego.ids[2][0, 0].tolist() == [0, NO_NODE]
    assert ego.dt[2][0, 0].tolist() == [1, 0]


def test_what_cannot_be_sampled_is_said():
    graph = Snapshot.of(log_of([(0, 0, 1)]))
    one, two = np.zeros(1, np.int32), np.zeros(2, np.int64)

    with pytest.raises(ConfigError, match=r"recent\(0\) draws nothing"):
        hop("action").recent(0).sample(graph, one, two[:1])
    with pytest.raises(RequestError, match="2 times for 1 rows"):
        DSG.sample(graph, one, two)
    with pytest.raises(DataError, match=r"no edge 'buys'. It has: action, ~action"):
        hop("buys").recent(1).sample(graph, one, two[:1])


def test_the_example_of_the_page_is_true():
    log = interactions(
        ["ana", "bo", "bo", "ana"], ["tea", "tea", "jam", "jam"], np.array([1, 2, 3, 4])
    )
    plan = hop("action").recent(2).hop("~action").recent(2)
    levels = plan.sample(Snapshot.of(log), log.user[-1:], log.time[-1:])

    assert levels.ids[1].tolist() == [[0, NO_NODE]]
    assert levels.time[1].tolist() == [[1, 0]]
    assert not levels.mask[2].any()


def test_half_said_and_contradictory_plans_are_refused():
    graph = graph_of(LOG)
    with pytest.raises(ConfigError, match="needs to be told which neighbours"):
        check_plan("a", tg.hop("click"))
    with pytest.raises(ConfigError, match="all time and at a window"):
        tg.hop("click").within(days=1).all_time()
    with pytest.raises(ConfigError, match="looks back from a clock"):
        graph.V("user").all_time().within(days=1)
    with pytest.raises(ConfigError, match="1 counts"):
        tg.fan_out("click", "~click", counts=(3,))
    with pytest.raises(ConfigError, match="'source' or 'target'"):
        graph.E("click").shuffle(together="user")
    with pytest.raises(RequestError, match="cannot name a plan"):
        graph.V("user").with_(**{"class": tg.identity()})


def test_a_hop_without_time_keeps_the_clock_of_its_parent():
    graph = graph_of(LOG).edges("made", {"a": [0], "b": [3]}, "a: item -> b: item")
    plan = tg.hop("click").recent(1).hop("made").all()
    field = graph.V("user", [0]).before(15).with_(a=plan).a

    # Item 0 was clicked at 10; what it leads to has that clock too.
    assert field.ids[2].tolist() == [[[3]]]
    assert field.time[2].tolist() == [[[10]]]
    assert field.dt[2].tolist() == [[[0]]]


def _sampled_elsewhere(queue, graph) -> None:
    rows = np.zeros(20_000, np.int32)
    field = tg.hop("click").recent(2).sample(graph, rows, np.full(20_000, 99))
    queue.put(int(field.mask[1].sum()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_samples_as_its_parent():
    graph, rows = graph_of(LOG), np.zeros(20_000, np.int32)
    tg.hop("click").recent(2).sample(graph, rows, np.full(20_000, 99))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_sampled_elsewhere, args=(queue, graph))
    child.start()

    assert queue.get(timeout=60) == 40_000
    child.join(timeout=60)
    assert child.exitcode == 0


def test_numbers_that_make_no_sense_are_refused():
    graph = graph_of(LOG)
    with pytest.raises(ConfigError, match="seed is -1"):
        graph.V("user", [0]).before(9).with_(seed=-1, p=tg.hop("click").sample(2))
    with pytest.raises(ConfigError, match="seed is -1"):
        graph.E("click").shuffle(-1)
    for endless in (float("inf"), 1e15, 0):
        with pytest.raises(ConfigError, match="holds nothing or everything"):
            tg.hop("click").within(days=endless)
    with pytest.raises(ConfigError, match="of at least 1"):
        tg.local_cluster("click", type="user", size=-5)


def test_nodes_and_clocks_of_a_plan_may_be_plain_lists():
    plan = tg.hop("click").recent(1)
    graph = graph_of(LIGHT)

    assert plan.sample(graph, [1], [3]).ids[1].tolist() == [[2]]
    assert plan.sample(graph, [1], "1970-01-01T00:00:03").ids[1].tolist() == [[2]]
    with pytest.raises(RequestError, match="not a list of rows"):
        plan.sample(graph, [[1]], [3])
    with pytest.raises(RequestError, match="year 5138"):
        plan.sample(graph, [1], [1_714_521_600_000])
