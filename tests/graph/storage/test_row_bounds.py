import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.graph.storage import row_bounds
from tidegraph.graph.storage.row_bounds import Journal, RowBounds

NODES = 6
CHANGES = st.lists(
    st.lists(st.integers(0, NODES - 1), min_size=1, max_size=4), max_size=20
)
"""Which nodes change together, time after time."""


def line(changes) -> list[tuple[RowBounds, np.ndarray, np.ndarray]]:
    """Each value of a line, with the bounds that it must always see."""
    start, stop = np.arange(NODES) * 10, np.arange(NODES) * 10 + 1
    journal = Journal(NODES, 100)
    first = RowBounds(start.copy(), stop.copy(), NODES, journal)
    values = [(first, start.copy(), stop.copy())]
    for number, nodes in enumerate(changes):
        rows = np.array(nodes, np.int32)
        start[rows], stop[rows] = 1000 + number, 2000 + number
        journal.add(rows, (start, stop))
        value = RowBounds(first.first, first.last, NODES, journal, journal.used)
        values.append((value, start.copy(), stop.copy()))
    return values


@given(CHANGES)
def test_each_value_sees_the_changes_before_it_and_none_after(changes):
    some = np.array([3, -1, 0, NODES, 5], np.int32)
    there = (some >= 0) & (some < NODES)
    for value, start, stop in line(changes):
        low, high = value.at(some)

        assert low[there].tolist() == start[some[there]].tolist()
        assert high[there].tolist() == stop[some[there]].tolist()
        assert not low[~there].any()
        assert not high[~there].any()
        assert value.whole[0].tolist() == start.tolist()
        assert value.whole[1].tolist() == stop.tolist()
        assert value.at(some)[0].tolist() == low.tolist()


def test_a_value_far_behind_writes_its_bounds_down(monkeypatch):
    monkeypatch.setattr(row_bounds, "_BEHIND", 3)
    (value, start, _), *_ = line([[0], [1, 2], [3], [0]])

    assert value.at(np.arange(NODES, dtype=np.int32))[0].tolist() == start.tolist()
    assert "whole" in value.__dict__


def test_readers_follow_changes_while_a_writer_adds_some():
    journal = Journal(NODES, 40_000)
    zeros = np.zeros(NODES, np.int64)
    shared, wrong, done = (
        [RowBounds(zeros, zeros, NODES, journal)],
        [],
        threading.Event(),
    )
    nodes = np.arange(NODES, dtype=np.int32)

    def read() -> None:
        while not done.is_set():
            value = shared[0]
            low, high = value.at(nodes)
            # The n-th batch of changes writes n and -n for every node.
            if set(low.tolist()) != {value.changes // NODES} or (low != -high).any():
                wrong.append((value.changes, low, high))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 5_000):
        rows = np.full(NODES, number)
        journal.add(nodes, (rows, -rows))
        shared[0] = RowBounds(zeros, zeros, NODES, journal, journal.used)
    done.set()
    for reader in readers:
        reader.join()

    assert wrong == []
