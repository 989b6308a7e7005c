"""The nodes that short walks visit most."""

import tidegraph as tg
from graph.brute import graph_of


def test_a_node_of_another_type_with_the_same_row_is_visited():
    graph = graph_of([(0, 0, 1, 1), (1, 0, 1, 1)])

    found = graph.V("user", [0]).before(9).with_(p=tg.walk("click", times=30).top(2)).p

    assert found.ids[1].tolist() == [[0, -1]]
