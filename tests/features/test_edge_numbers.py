"""What was known just before the events of a graph, read once and kept."""

import tracemalloc
from copy import deepcopy
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from threading import Barrier, Thread

import numpy as np
import pytest

from conftest import draw_log
from features.test_events import alone
from tidegraph.data.interactions import Interactions
from tidegraph.features.columns import Features
from tidegraph.features.edge_numbers import EdgeNumbers, Events
from tidegraph.graph.from_log import ACTION, USER
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.testing.rankers import split_examples

LOG = draw_log(events=1200)


@pytest.fixture(scope="module")
def features():
    return Features.fit(split_examples(LOG)[0], "category")


def handed_over(numbers: EdgeNumbers) -> EdgeNumbers:
    return ForkingPickler.loads(ForkingPickler.dumps(numbers))


def events_of(graph) -> Events:
    """All actions of a graph, by their numbers."""
    user, item, time = graph.edge(ACTION).columns()
    return Events(np.arange(len(user)), user, item, time)


def one_event(user: int, item: int, time: int) -> Interactions:
    return replace(
        LOG.take(slice(0, 1)),
        user=np.array([user], np.int32),
        item=np.array([item], np.int32),
        time=np.array([time]),
    )


def test_edges_are_read_once_and_stay_known_when_more_happens(features):
    graph = Snapshot.of(LOG)
    rows = np.array([5, 900, 5])
    events = Events(rows, LOG.user[rows], LOG.item[rows], LOG.time[rows])
    numbers = EdgeNumbers(features)

    first = numbers.of(graph, events)

    for n, row in enumerate(rows):
        one = alone(features, graph, LOG.user[row], LOG.item[row], LOG.time[row])
        np.testing.assert_allclose(first[n], one, rtol=1e-3, atol=1e-4)
    # Asked of a past without these events, it answers what it has read.
    empty = graph.before(int(LOG.time[0]))
    np.testing.assert_array_equal(numbers.of(empty, events), first)


def test_graphs_that_share_no_past_are_read_each_on_its_own(features):
    graph, numbers = Snapshot.of(LOG), EdgeNumbers(features)
    item = LOG.item.copy()
    # Who first names an item keeps it, so that items have the same rows.
    again = np.setdiff1d(np.arange(400), np.unique(item, return_index=True)[1])
    item[again] = item[again[::-1]]
    other = Snapshot.of(replace(LOG, item=item))
    first = numbers.of(graph, events_of(graph))

    found = numbers.of(other, events_of(other))

    expected = EdgeNumbers(features).of(other, events_of(other))
    np.testing.assert_array_equal(found, expected)
    assert (expected[400:] != first[400:]).any()
    np.testing.assert_array_equal(numbers.of(graph, events_of(graph)), first)


def test_graphs_that_go_on_from_one_past_are_told_apart(features):
    end = int(LOG.time[-1]) + 100
    whole, numbers = Snapshot.of(LOG), EdgeNumbers(features)
    first, second = (Graph(whole, late_seconds=None) for _ in range(2))
    before = numbers.of(whole, events_of(whole))
    for graph, item in ((first, 5), (second, 6)):
        for n in range(3):
            graph.observe(one_event(4, item, end + n))
        graph.observe(one_event(3, 5, end + 10))

    for _ in range(2):
        for graph in (first, second):
            now = graph.snapshot()
            expected = EdgeNumbers(features).of(now, events_of(now))
            found = numbers.of(now, events_of(now))
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(numbers.of(whole, events_of(whole)), before)


def test_a_graph_that_goes_on_otherwise_from_an_earlier_day_is_told_apart(features):
    whole, numbers = Snapshot.of(LOG), EdgeNumbers(features)
    before = numbers.of(whole, events_of(whole))
    clock = int(LOG.time[900])
    rest = LOG.since(clock)
    item = rest.item.copy()
    item[:20] = item[:20][::-1]
    graph = Graph(whole.before(clock), late_seconds=None)

    graph.observe(replace(rest, item=item))

    now = graph.snapshot()
    expected = EdgeNumbers(features).of(now, events_of(now))
    assert (expected[-200:] != before[-200:]).any()
    np.testing.assert_array_equal(numbers.of(now, events_of(now)), expected)


def test_an_edge_that_has_another_event_is_read_anew(features):
    graph, numbers = Snapshot.of(LOG), EdgeNumbers(features)
    one, other = np.array([5]), np.array([900])
    numbers.of(graph, Events(one, LOG.user[one], LOG.item[one], LOG.time[one]))

    found = numbers.of(
        graph, Events(one, LOG.user[other], LOG.item[other], LOG.time[other])
    )

    expected = alone(features, graph, LOG.user[900], LOG.item[900], LOG.time[900])
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-4)


def test_events_after_a_late_one_are_read_anew(features):
    graph = Graph(Snapshot.of(LOG), late_seconds=None)
    numbers, before = EdgeNumbers(features), graph.snapshot()
    first = numbers.of(before, events_of(before))

    late = int(LOG.time[400])
    graph.observe(one_event(3, 5, late))
    now = graph.snapshot()
    found = numbers.of(now, events_of(now))

    expected = EdgeNumbers(features).of(now, events_of(now))
    np.testing.assert_array_equal(found, expected)
    changed = (found[:-1] != first).any(1)
    assert changed[LOG.time > late].any()
    assert not changed[LOG.time <= late].any()
    # A request that holds the graph of before still gets what was known there.
    np.testing.assert_array_equal(numbers.of(before, events_of(before)), first)
    np.testing.assert_array_equal(numbers.of(now, events_of(now)), expected)


def test_events_that_come_in_order_are_read_beside_those_that_are_kept(
    features, monkeypatch
):
    graph = Graph(Snapshot.of(LOG), late_seconds=None)
    numbers = EdgeNumbers(features)
    numbers.of(graph.snapshot(), events_of(graph.snapshot()))
    read = list[int]()
    whole = EdgeNumbers._read_inputs
    monkeypatch.setattr(
        EdgeNumbers,
        "_read_inputs",
        lambda self, graph, events: (
            read.append(len(events.number)) or whole(self, graph, events)
        ),
    )

    for n in range(3):
        graph.observe(one_event(3, 5, int(LOG.time[-1]) + n))
        now = graph.snapshot()
        found = numbers.of(now, events_of(now))
        assert read == [1] * (n + 1)

    expected = EdgeNumbers(features).of(now, events_of(now))
    np.testing.assert_array_equal(found, expected)


def test_what_was_read_with_the_events_of_an_erased_user_is_forgotten(features):
    graph = Graph(Snapshot.of(LOG), late_seconds=None)
    numbers = EdgeNumbers(features)
    numbers.of(graph.snapshot(), events_of(graph.snapshot()))

    graph.erase(USER, [graph.snapshot().users.ids[3]])
    now = graph.snapshot()

    np.testing.assert_array_equal(
        numbers.of(now, events_of(now)), EdgeNumbers(features).of(now, events_of(now))
    )


def test_after_a_thousand_late_events_nothing_old_is_answered(features):
    graph = Graph(Snapshot.of(LOG), late_seconds=None)
    numbers, end = EdgeNumbers(features), int(LOG.time[-1])
    numbers.of(graph.snapshot(), events_of(graph.snapshot()))

    for n in range(1003):
        graph.observe(one_event(n % 20, n % 30, end - 3000 + n))
    now = graph.snapshot()

    np.testing.assert_array_equal(
        numbers.of(now, events_of(now)), EdgeNumbers(features).of(now, events_of(now))
    )


@pytest.mark.parametrize("copied", [deepcopy, handed_over])
def test_a_copy_answers_as_the_first(features, copied):
    graph = Snapshot.of(LOG)
    numbers = EdgeNumbers(features)
    found = numbers.of(graph, events_of(graph))

    np.testing.assert_array_equal(copied(numbers).of(graph, events_of(graph)), found)


def test_one_event_of_a_long_log_takes_room_for_few(features):
    times = 300
    long = replace(
        LOG,
        user=np.tile(LOG.user, times),
        item=np.tile(LOG.item, times),
        time=np.sort(np.tile(LOG.time, times)),
        label=np.tile(LOG.label, times),
        weight=np.tile(LOG.weight, times),
    )
    graph = Snapshot.of(long)
    last, numbers = (
        events_of(graph).at(np.array([len(long) - 1])),
        EdgeNumbers(features),
    )
    numbers.of(graph, last)  # What is compiled takes room, too.
    numbers = EdgeNumbers(features)

    tracemalloc.start()
    numbers.of(graph, last)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    whole = len(long) * len(features.event_names) * 4
    assert most < whole / 2


def test_threads_that_read_the_same_events_find_the_same(features):
    graph = Snapshot.of(LOG)
    events = events_of(graph)
    numbers, expected = EdgeNumbers(features), EdgeNumbers(features).of(graph, events)
    together, found = Barrier(4), list[np.ndarray]()

    def read(seed: int) -> None:
        rows = np.random.default_rng(seed).permutation(len(LOG))
        together.wait()
        out = np.empty_like(expected)
        for some in np.array_split(rows, 20):
            out[some] = numbers.of(graph, events.at(some))
        found.append(out)

    threads = [Thread(target=read, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    for out in found:
        np.testing.assert_array_equal(out, expected)
