"""What it costs to append, in bytes held by the arrays of a graph."""

from dataclasses import replace

import numpy as np

from conftest import draw_log
from graph.brute import answers, graph_of, same, table
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot


def held(snapshot: Snapshot) -> int:
    """Bytes of the slots of both directions, whoever may read or write them."""
    edges = snapshot.edges[ACTION]
    return sum(
        array.nbytes
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
