import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from graph.brute import EVENTS, answers, graph_of, same, table
from tidegraph.errors import DataError, MissingExtraError
from tidegraph.graph import interop
from tidegraph.graph.live import Graph

SHOP = [(0, 0, 1, 5), (0, 2, 3, 1), (1, 2, 2, 2), (1, 2, 5, 3), (0, 4, 8, 9)]


def shop() -> Graph:
    graph = graph_of(SHOP)
    return graph.edges("knows", {"a": [0, 1], "b": [1, 2]}, "a: user -> b: user")


@given(EVENTS.filter(bool))
def test_networkx_keeps_everything(events):
    graph = graph_of(events)
    peer = interop.to_networkx(graph.snapshot())

    again = interop.from_networkx(peer)

    assert peer.number_of_edges() == len(events)
    assert all(same(a, b) for a, b in zip(answers(graph), answers(again), strict=True))
    assert again.V("item").frame("price").equals(graph.V("item").frame("price"))


def test_networkx_gets_no_node_that_was_erased_and_the_tick_without_an_edge():
    graph = shop().erase("user", [1, 2]).erase("item", [2])
    again = interop.from_networkx(interop.to_networkx(graph))

    assert again.V("user").ids().to_list() == [0, 3]
    assert again.V("item").frame("item_id", "price").rows() == [
        *((0, 0.0), (1, 2.0), (3, 6.0), (4, 8.0))
    ]
    clicks = again.V("user").all_time().out("click").frame("start", "item_id")
    assert clicks.rows() == [(0, 0), (0, 4)]
    fine = Graph(tick="ms").nodes("user", {"u": [1]}, key="u")
    assert interop.from_networkx(interop.to_networkx(fine)).snapshot().tick == "ms"


def test_pyg_keeps_the_features_of_nodes_that_were_not_erased():
    pytest.importorskip("torch_geometric")
    peer = interop.to_pyg(shop().erase("item", [2]))

    assert peer["item"].price.tolist() == [0, 2, 0, 6, 8]


def test_scipy_adds_parallel_edges():
    matrix = interop.to_scipy(shop().snapshot(), "click")

    assert matrix.shape == (4, 5)
    assert matrix.toarray()[:2].tolist() == [[5, 0, 1, 0, 9], [0, 0, 5, 0, 0]]
    assert (interop.to_scipy(shop().snapshot(), "~click") - matrix.T).nnz == 0


def test_a_scipy_matrix_becomes_a_graph():
    matrix = interop.to_scipy(shop().snapshot(), "click")
    graph = interop.from_scipy(matrix, "click")

    found = graph.V("user", [0]).out("click").frame("item", "weight")
    assert found.rows() == [(0, 5.0), (2, 1.0), (4, 9.0)]


def test_arrow_tables_go_in_and_frames_come_out():
    graph = Graph()
    graph.nodes("user", pa.table({"user_id": ["a", "b"]}), key="user_id")
    graph.nodes("item", pa.table({"item_id": [1, 2]}), key="item_id")
    log = pa.table({"user_id": ["a"], "item_id": [2], "ts": [5]})
    graph.edges("click", log, "user_id -> item_id", time="ts", time_unit="s")

    found = pa.table(graph.V("user", ["a"]).before(9).out("click").frame())

    assert found.to_pylist() == [{"start": "a", "item_id": 2, "ts": 5}]


def test_pyg_keeps_numbers_times_and_order():
    pytest.importorskip("torch_geometric", exc_type=ImportError)
    graph = shop()
    peer = interop.to_pyg(graph.snapshot())

    again = interop.from_pyg(peer)

    assert again.V("item").frame("price").equals(graph.V("item").frame("price"))
    log = again.V("user").all_time().out("click").frame("start", "item", "time", "w")
    assert sorted(log.rows()) == sorted((u, i, t, float(w)) for u, i, t, w in SHOP)
    one = next(iter(again.E("click")))
    assert np.array_equal(one.edge, np.argsort([e[2] for e in SHOP], kind="stable"))
    assert not again["knows"].is_timed


def test_pyg_keeps_matrices_and_which_feature_is_the_weight():
    geometric = pytest.importorskip("torch_geometric.data", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    peer = geometric.HeteroData()
    peer["user"].num_nodes = 2
    peer["item"].x = torch.arange(6.0).reshape(3, 2)
    peer["user", "click", "item"].edge_index = torch.tensor([[0, 1], [2, 0]])
    peer["user", "click", "item"].edge_attr = torch.ones(2, 4)

    again = interop.to_pyg(interop.from_pyg(peer))

    assert torch.equal(again["item"].x, peer["item"].x)
    kind = ("user", "click", "item")
    assert torch.equal(again[kind].edge_attr, peer[kind].edge_attr)
    assert torch.equal(again[kind].edge_index, peer[kind].edge_index)
    weighed = interop.from_pyg(interop.to_pyg(shop()))
    assert weighed.snapshot().edges["click"].weight == "w"
    peer[kind].edge_index[1, 0] = 3
    with pytest.raises(DataError, match="'click' lead to rows 0 to 3 of 'item'"):
        interop.from_pyg(peer)


def test_a_networkx_graph_of_ones_own_becomes_a_graph():
    networkx = pytest.importorskip("networkx")
    peer = networkx.MultiDiGraph()
    peer.add_edge(("user", "ana"), ("item", 7), type="click", time=5, weight=2.0)
    peer.add_edge(("user", "ana"), ("item", 8), type="click", time=3, weight=1.0)
    peer.add_edge(("user", "ana"), ("user", "bo"), key=("knows", 0))

    graph = interop.from_networkx(peer)

    found = (
        graph.V("user", "ana").before(9).out("click").frame("item", "time", "weight")
    )
    assert found.rows() == [(8, 3, 1.0), (7, 5, 2.0)]
    assert graph.V("user", "ana").out("knows").ids().to_list() == ["bo"]
    peer.add_edge(("user", "ana"), ("item", 9))
    with pytest.raises(DataError, match="has no type"):
        interop.from_networkx(peer)
    with pytest.raises(DataError, match="Graph is no networkx"):
        interop.from_networkx(networkx.Graph([(("user", 1), ("item", 2))]))


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tidegraph\[interop\]'"):
        interop.to_networkx(shop().snapshot())


def test_a_node_without_type_is_refused():
    networkx = pytest.importorskip("networkx")
    with pytest.raises(DataError, match="not a pair of type and id"):
        interop.from_networkx(networkx.path_graph(3, networkx.MultiDiGraph))


def test_a_table_without_a_row_is_a_type_without_edges():
    graph = Graph().nodes("user", {"user_id": [1]}, key="user_id")
    graph.nodes("item", {"item_id": [1]}, key="item_id")
    graph.edges("click", table([]), "user_id -> item_id", time="ts")

    assert interop.to_scipy(graph.snapshot(), "click").nnz == 0


def test_others_are_handed_ticks_and_told_so():
    graph = Graph(tick="ms").nodes("u", {"u": [0]}, key="u")
    graph.nodes("i", {"i": [0, 1]}, key="i")
    rows = {"u": [0, 0], "i": [0, 1], "t": [1_714_521_600.25, 1_714_521_600.5]}
    graph.edges("click", rows, "u -> i", time="t")

    for again in (
        interop.from_networkx(interop.to_networkx(graph)),
        interop.from_pyg(interop.to_pyg(graph)),
    ):
        assert again.snapshot().tick == "ms"
        assert again.snapshot().latest == 1_714_521_600_500
    assert "tick" not in interop.to_pyg(shop())
