"""The nodes that short walks visit most."""

import numpy as np
import pytest

import tidegraph as tg
from graph.brute import graph_of


def test_a_node_of_another_type_with_the_same_row_is_visited():
    graph = graph_of([(0, 0, 1, 1), (1, 0, 1, 1)])

    found = graph.V("user", [0]).before(9).with_(p=tg.walk("click", times=30).top(2)).p

    assert found.ids[1].tolist() == [[0, -1]]


@pytest.mark.parametrize("start", range(5))
def test_shares_of_visits_are_those_of_all_walks(start):
    rng = np.random.default_rng(3)
    events = [tuple(map(int, e)) for e in rng.integers(0, [4, 5, 9, 5], (25, 4))]
    table = np.zeros((4, 5))
    np.add.at(table, tuple(np.array(events)[:, :2].T), 1)
    assert table.any(axis=0).all()
    step = (table / table.sum(axis=0)).T @ (table / table.sum(axis=1, keepdims=True))
    want = (step + step @ step)[start]  # Ends of the first round, and of the second.
    want[start] = 0  # Nobody is their own neighbour.
    want /= want.sum()
    plan = tg.walk("~click", "click", times=40_000, length=2).top(4)

    found = graph_of(events).V("item", [start]).before(9).with_(p=plan).p

    shares = np.zeros(5)
    shares[found.ids[1][0]] = found.weight[1][0]
    np.testing.assert_allclose(shares, want, atol=0.01)
    assert (np.diff(found.weight[1][0]) <= 0).all()


def test_a_top_beyond_all_visits_takes_memory_for_those_there_can_be():
    graph, walks = graph_of([(0, 0, 1, 1), (1, 0, 1, 1)]), tg.walk("click", times=30)
    some, every = (
        graph.V("user", [0]).before(9).with_(p=walks.top(top)).p for top in (2, 10**8)
    )

    assert every.ids[1].shape == (1, 1024)
    assert every.ids[1][:, :2].tolist() == some.ids[1].tolist()
