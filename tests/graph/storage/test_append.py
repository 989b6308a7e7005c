"""What it costs to append, in bytes held by the arrays of a graph."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from conftest import draw_log
from graph.brute import EVENTS, answers, graph_of, same, table
from tidegraph.artifact.room import roomy
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage import append


def held(snapshot: Snapshot) -> int:
    """Bytes of the slots of both directions that were written on or kept to grow.

    Room behind them takes memory only when it is written on.
    """
    edges = snapshot.edges[ACTION]
    return sum(
        side.used * array.itemsize
        for side in (edges.out, edges.back)
        for array in (side.node, side.time, side.edge)
    )


def one(log, k: int):
    """An event of the log again, ``k`` seconds after its end."""
    again = log.take(np.arange(len(log)) == k % len(log))
    return replace(again, time=log.time[-1:] + k)


def test_appending_to_what_is_not_the_newest_costs_a_copy_and_no_growth_on_growth():
    log = draw_log(events=2_000)
    base = Snapshot.of(log)
    newest, older = base, base
    for k in range(60):
        # Each time the other of the two newest is written on.
        newest, older = older.observed(one(log, k)), newest

    assert held(newest) <= 3 * held(base)


def test_a_chain_of_appends_to_forks_stays_a_few_times_the_events():
    log = draw_log(events=2_000)
    now = Snapshot.of(log)
    for k in range(60):
        now.observed(one(log, k))  # Taken by somebody else, who is the newest then.
        now = now.observed(one(log, k + 1))

    assert len(now.edges[ACTION]) == 2_060
    assert held(now) <= 3 * held(Snapshot.of(log))


def test_late_edges_leave_a_bounded_number_of_places_behind():
    graph = Graph(Snapshot.of(draw_log()), late_seconds=None)
    log = draw_log(events=500, users=2, items=2)
    for k in np.random.default_rng(1).permutation(500):
        graph.observe(one(log, int(k)))

    edges = graph.snapshot().edges[ACTION]
    size = len(edges) + len(edges.out) + len(edges.back)
    assert len(edges) == 1_100
    # The writer cleans up at 12 times, and the arrays are half as long again.
    assert edges.slack <= 20 * size
    assert held(graph.snapshot()) <= 12 * 40 * size


def test_appending_to_an_old_snapshot_answers_as_one_built_at_once():
    first = [(0, 0, 1, 1), (1, 2, 2, 3), (0, 1, 3, 2)]
    base = Graph(graph_of(first).snapshot())
    old = base.snapshot()
    base.append("click", table([(2, 2, 4, 1)]))
    for k in range(5):
        more = [(k % 4, k, 5 + k, 1)]
        fork = Graph(old).append("click", table(more))

        for found, wanted in zip(
            answers(fork), answers(graph_of([*first, *more])), strict=True
        ):
            assert same(found, wanted)


@given(EVENTS)
def test_bounds_that_are_written_down_ahead_are_those_of_each_moment(events):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(append, "_MANY_NODES", 0)
        patch.setattr(append, "_LEAST_CHANGES", 4)
        graph, seen = graph_of([], late_seconds=None), []
        for stop, event in enumerate(events, 1):
            graph.append("click", table([event]))
            seen.append((stop, graph.snapshot()))

        for stop, snapshot in seen[::7]:
            whole = answers(graph_of(events[:stop]))
            for found, wanted in zip(answers(snapshot), whole, strict=True):
                assert same(found, wanted)


def test_a_writer_rarely_copies_what_it_holds():
    log = draw_log(events=2_000)
    graph = Graph(Snapshot.of(log))
    graph.observe(one(log, 0))
    held, copies = graph["action"].node, 0
    for k in range(1, 500):
        graph.observe(one(log, k))
        now = graph["action"].node
        copies += not np.shares_memory(held, now)
        held = now

    assert copies <= 2


def test_a_time_too_far_for_four_bytes_leaves_earlier_values_and_their_room():
    first = [(0, 0, 1, 1), (1, 2, 2, 3), (0, 1, 3, 2)]
    graph = graph_of(first)
    graph.append("click", table([(0, 2, 5, 1)]))
    before, far = graph.snapshot(), [(0, 1, 2**33, 1), (1, 1, 2**33 + 1, 1)]

    graph.append("click", table(far[:1]))
    graph.append("click", table(far[1:]))

    assert graph["click"].time.dtype == np.int64
    for moment, events in ((before, []), (graph, far)):
        whole = graph_of([*first, (0, 2, 5, 1), *events])
        for found, wanted in zip(answers(moment), answers(whole), strict=True):
            assert same(found, wanted)


def test_where_a_system_gives_no_room_for_many_times_there_is_room_for_some():
    asked = []

    def make(size: int) -> np.ndarray:
        asked.append(size)
        if size > 400:
            raise MemoryError
        return np.empty(size)

    assert len(roomy(make, 100)) == 300
    assert asked == [1600, 300]
