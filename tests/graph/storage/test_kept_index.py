"""Indexes that are kept up with a growing graph answer as those of one built at once.

Who draws between appends extends them; who draws later finds several steps at once.
"""

import itertools
import threading
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, ITEMS, USERS, graph_of, past, table
from tidegraph.artifact import room
from tidegraph.ego.hops import hop
from tidegraph.ego.negative_plans import in_batch, negatives
from tidegraph.errors import DataError
from tidegraph.graph.live import Graph
from tidegraph.graph.negatives.distribution import Seen, distribution
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage import active_nodes, has_edge


@distribution("kept_index_fresh")
def fresh(seen: Seen) -> np.ndarray:
    return 1 / (1 + seen.clock - seen.last)


DRAWS = (
    hop("click").sample(3, by="w"),
    hop("click").sample(3),
    hop("click").sample(3, replace=False, by="w"),
    hop("click").all_time().sample(3, by="w"),
    hop("click").within(seconds=4).sample(2, by="w"),
    tg.walk("click", "~click", times=2, length=2).weighted("w"),
    tg.walk("click", "~click", times=2, length=2).weighted("w").all_time(),
    negatives("item", 3, via="click"),
    negatives("item", 3, by="degree", avoid="click"),
    negatives("item", 3, by="degree", power=0.5, avoid="click"),
    negatives("item", 3, by=fresh(), avoid="click"),
    negatives("item", 3, by="degree", avoid="click", all_time=True),
)


def drawn(graph: Graph | Snapshot) -> list[np.ndarray]:
    """What every plan draws for every user at every clock."""
    now = graph.snapshot()
    users = Seeds.of(
        np.repeat(np.arange(USERS, dtype=np.int32), 6),
        np.tile(np.arange(0, 12, 2), USERS),
        seed=7,
    )
    chosen = users._replace(other=(users.node % ITEMS).astype(np.int32))
    found = [flat(plan.sample(now, users)) for plan in DRAWS]
    found.append(flat(in_batch(3, via="click").sample(now, chosen)))
    return [array for answer in found for array in answer]


def flat(answer: tuple) -> list[np.ndarray]:
    """The arrays of an answer, one after the other."""
    lists = [part if isinstance(part, (tuple, list)) else [part] for part in answer]
    return [array for part in lists for array in part]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let what happens in long rows happen in short ones."""
    monkeypatch.setattr(active_nodes, "_RECENT", 4)
    monkeypatch.setattr(has_edge, "_LEAST_RUN", 2)


@given(EVENTS, st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=6))
def test_draws_from_a_graph_that_grew_are_those_of_one_built_at_once(events, cuts):
    # Late events find their place: parts may overlap in time in any way.
    steps = {min(cut, len(events)): read for cut, read in cuts} | {len(events): True}
    grown, seen = graph_of([], late_seconds=100), []
    for start, stop in itertools.pairwise([0, *sorted(steps)]):
        grown.append("click", table(events[start:stop]))
        if steps[stop]:
            drawn(grown)
        seen.append((stop, grown.snapshot()))
    # The newest first: the others are then older than the indexes.
    for stop, snapshot in reversed(seen):
        whole = drawn(graph_of(events[:stop]))
        for one, other in zip(drawn(snapshot), whole, strict=True):
            np.testing.assert_array_equal(one, other)


@settings(max_examples=20)
@given(EVENTS, EVENTS, EVENTS)
def test_two_lines_that_fork_keep_indexes_of_their_own(first, left, right):
    base = graph_of([], late_seconds=None).append("click", table(first))
    drawn(base)
    for more in (left, right):
        fork = Graph(base.snapshot(), late_seconds=None)
        drawn(fork.append("click", table(more)))

        whole = drawn(graph_of([*first, *more]))
        for one, other in zip(drawn(fork), whole, strict=True):
            np.testing.assert_array_equal(one, other)


@given(EVENTS, st.lists(st.integers(0, 40), max_size=3), st.sets(st.integers(0, 39)))
def test_a_weight_below_zero_stops_a_graph_that_grew_where_it_is_in_the_past(
    events, cuts, below
):
    events = [(*e[:3], -1 if n in below else e[3]) for n, e in enumerate(events)]
    cuts = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    grown = graph_of([], late_seconds=100)
    window = hop("click").within(seconds=3).sample(2, by="w")
    for start, stop in itertools.pairwise(cuts):
        grown.append("click", table(events[start:stop]))
        for user, clock in itertools.product(range(USERS), range(0, 12, 3)):
            seeds = (np.array([user], np.int32), np.array([clock]))
            for plan, seconds in ((DRAWS[0], None), (DRAWS[2], None), (window, 3)):
                seen = past(events[:stop], "click", user, clock, seconds)
                stops = any(weight < 0 for _, _, weight, _ in seen)
                with pytest.raises(DataError) if stops else nullcontext():
                    plan.sample(grown.snapshot(), *seeds)


def test_a_weight_below_zero_elsewhere_makes_no_draw_read_the_whole_past():
    size, users = 20_000, np.zeros(500, np.int32)
    graph = graph_of([(0, 0, n, 1) for n in range(size)] + [(1, 0, size, -1)])
    plan, clocks = DRAWS[0], np.full(len(users), size)
    plan.sample(graph.snapshot(), users, clocks)

    tracemalloc.start()
    plan.sample(graph.snapshot(), users, clocks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # The pasts of all queries are ten million edges, of eight bytes a slot.
    assert peak < 1_000_000


def test_a_heavy_edge_of_the_future_changes_no_draw_about_the_past():
    events = [(0, 0, 1, 1), (0, 1, 2, 2), (1, 2, 3, 1)]
    graph = graph_of(events)
    clocks, users = np.full(64, 4), np.zeros(64, np.int32)
    plans = (DRAWS[0], negatives("item", 3, by="degree", via="click"))
    first = [flat(p.sample(graph.snapshot(), Seeds.of(users, clocks))) for p in plans]
    for k in range(20):
        graph.append("click", table([(0, 3, 10 + k, 10**6)]))

        for plan, before in zip(plans, first, strict=True):
            after = flat(plan.sample(graph.snapshot(), Seeds.of(users, clocks)))
            for one, other in zip(before, after, strict=True):
                np.testing.assert_array_equal(one, other)


def test_draws_after_an_append_take_memory_for_what_came_in_and_not_for_the_graph():
    rng = np.random.default_rng(0)
    size = 100_000
    graph = Graph()
    graph.nodes("user", {"user_id": np.arange(3_000)}, key="user_id")
    graph.nodes("item", {"item_id": np.arange(1_000)}, key="item_id")
    events = {
        "user_id": rng.integers(0, 3_000, size),
        "item_id": rng.integers(0, 1_000, size),
        "ts": np.arange(size),
        "w": rng.random(size),
    }
    graph.edges("click", events, "user_id -> item_id", time="ts", weight="w")
    users, plans = np.arange(8, dtype=np.int32), (DRAWS[0], DRAWS[9])

    def step(k: int) -> None:
        new = {"user_id": [k % 8], "item_id": [k], "ts": [size + k], "w": [1.0]}
        graph.append("click", new)
        for plan in plans:
            plan.sample(graph.snapshot(), Seeds.of(users, np.full(8, 2 * size)))

    for k in range(20):
        step(k)
    tracemalloc.start()
    for k in range(20, 40):
        step(k)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # An index of all edges would take 8 bytes for each at least.
    assert peak < 4 * size


def test_readers_draw_while_a_writer_appends():
    graph, wrong, done = graph_of([(0, 0, 0, 1)]), [], threading.Event()
    plan = negatives("item", 8, by="degree", via="click")

    def read() -> None:
        users = np.zeros(4, np.int32)
        while not done.is_set():
            now = graph.snapshot()
            ids = plan.sample(now, Seeds.of(users, np.full(4, 10**6))).ids
            seen = now["~click"].degree() > 0
            picked = hop("click").sample(8, by="w").sample(now, users, 10**6)
            if not seen[ids].all() or not picked.mask[1].all():
                wrong.append(ids)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for k in range(1, 120):
        graph.append("click", table([(k % USERS, k % ITEMS, k, 1 + k % 3)]))
    done.set()
    for reader in readers:
        reader.join()

    assert wrong == []


def test_an_index_takes_less_room_where_the_system_has_not_that_of_the_slots(
    monkeypatch,
):
    events = [(n % USERS, n * 3 % ITEMS, n // 20, n % 4) for n in range(100)]
    graph, other = graph_of(events), graph_of(events)
    for one in (graph, other):
        one.append("click", table([(0, 1, 6, 2), (3, 2, 7, 1)]))
    wanted = drawn(graph)
    # So many times what is used no machine has.
    monkeypatch.setattr(room, "_ROOM", 1 << 45)

    found = drawn(other)

    side = other.snapshot().edges["click"].out
    assert len(side.neighbor_index.run) == 3 * side.used < len(side.node)
    assert all(map(np.array_equal, found, wanted))
