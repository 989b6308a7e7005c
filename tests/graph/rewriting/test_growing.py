"""A live graph that is written anew keeps what is appended meanwhile."""

from threading import Event, Thread

import numpy as np
import pytest

from graph.brute import graph_of
from tidegraph.graph import live
from tidegraph.graph.live import Graph
from tidegraph.graph.rewriting.erasure import without_nodes

EARLIER = [(0, 0, 1, 1), (1, 0, 2, 1), (2, 1, 3, 2), (0, 2, 4, 1)]


def append(graph: Graph, user: int | str, item: int, ts: int) -> None:
    row = {"user_id": [user], "item_id": [item], "ts": [ts], "w": [1.0]}
    graph.append("click", row)


def all_of(graph: Graph) -> list[tuple]:
    out = graph.V("user").all_time().out("click").frame("start", "item_id", "ts", "w")
    back = graph.V("item").before(5).in_("click").frame("start", "user_id", "ts")
    return [*out.rows(), *back.rows()]


@pytest.mark.parametrize("count", [1, 100], ids=["one", "many"])
@pytest.mark.parametrize(
    "later",
    [[(1, 0), (3, 4)], [(9, 0), (1, 8)], [("ana", 0), (1, 3)], [(0, 1), (1, 1)]],
    ids=["known", "new", "text", "erased"],
)
def test_who_appends_amid_an_erasure_does_not_wait_and_is_kept(
    monkeypatch, later, count
):
    begun, go_on = Event(), Event()

    def slowly(graph, *which):
        found = without_nodes(graph, *which)
        begun.set()
        assert go_on.wait(10)
        return found

    events = [(*pair, ts) for ts in range(5, 5 + count) for pair in later]
    # One has appended before, one goes on from a graph that was built.
    for first in ([], [(2, 2, 5)]):
        graph, never = graph_of(EARLIER), graph_of(EARLIER)
        for event in first:
            append(graph, *event)
        with monkeypatch.context() as patch:
            patch.setattr(live, "without_nodes", slowly)
            erasing = Thread(target=graph.erase, args=("user", [0]))
            erasing.start()
            assert begun.wait(10)
            for event in events:
                append(graph, *event)
            amid = erasing.is_alive()
            go_on.set()
            erasing.join()
        for event in (*first, *events):
            append(never, *event)
        never.erase("user", [0])
        append(graph, 0, 3, 999)
        append(never, 0, 3, 999)

        assert amid
        assert all_of(graph) == all_of(never)
        begun.clear()
        go_on.clear()


def test_no_event_of_threads_is_lost_beside_erasures():
    users = np.arange(200)
    graph = Graph().nodes("user", {"user_id": users}, key="user_id")
    graph.nodes("item", {"item_id": np.arange(10)}, key="item_id")
    log = {"user_id": users, "item_id": users % 10, "ts": users}
    graph.edges("click", log, "user_id -> item_id", time="ts", time_unit="s")

    def write(first: int) -> None:
        for n in range(100):
            row = {"user_id": [1_000 + first + n % 7], "item_id": [n % 10]}
            graph.append("click", row | {"ts": [1_000]})

    lines = [Thread(target=write, args=(100 * line,)) for line in range(3)]
    for line in lines:
        line.start()
    for user in range(0, 40, 2):
        graph.erase("user", [user, user + 1])
    for line in lines:
        line.join()

    now = graph.snapshot()
    assert len(now.edges["click"]) == 160 + 300
    assert now["click"].degree().sum() == now["~click"].degree().sum() == 460
    whose = graph.V("user").all_time().out("click").group_count()
    assert whose["count"].sum() == 460
