"""Walks along a path of edges, against walks counted one by one."""

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.errors import ConfigError, TidegraphError
from tidegraph.kernels.ragged import owners
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.heuristics.meta_path import MetaPath
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws, requests_at


class TestMetaPath(RetrieverLaws):
    retriever = MetaPath(("~action", "action"))


class TestMetaPathWithFewNeighbors(RetrieverLaws):
    variant_of = "TestMetaPath"
    retriever = MetaPath(("~action", "action"), neighbors=9, half_life_days=2.0)
    unmoved = 0.8  # Ties for the last place that is kept break on the item.


def beside(log, late=0):
    """Makers of items, and friends, who are users; views until after the log."""
    rng = np.random.default_rng(4)
    items, users = log.items.ids.to_list(), log.users.ids.to_list()
    graph = tg.Graph().nodes("item", {"item": items}, key="item")
    graph.nodes("user", {"user": users}, key="user")
    graph.nodes("maker", {"maker": range(6)}, key="maker")
    made = {"item": items, "maker": rng.integers(0, 6, len(items))}
    graph.edges("made_by", made, "item -> maker")
    friends = {"a": rng.choice(users, 80), "b": rng.choice(users, 80)}
    graph.edges("friend", friends, "a: user -> b: user")
    views = {"user": rng.choice(users, 300), "item": rng.choice(items, 300)}
    views["ts"] = np.sort(rng.integers(log.time[0], log.time[-1] + late + 1, 300))
    return graph.edges("view", views, "user -> item", time="ts")


def steps_of(graph, edge):
    """From each node to those its edges lead to, one for each edge."""
    here, there = graph.ends(edge)
    step = np.zeros((len(graph.typed(here)), len(graph.typed(there))))
    side = graph[edge]
    np.add.at(step, (side.owners(), side.node[side.slots()]), 1)
    return step / np.maximum(step.sum(axis=1, keepdims=True), 1)


@pytest.mark.parametrize(
    "path", [("made_by", "~made_by"), ("~action", "friend", "~friend", "view")]
)
def test_a_score_adds_up_the_walks_from_different_items_of_the_history(path):
    log = draw_log()
    model = Pipeline(MetaPath(path, neighbors=None)).fit(log, graph=beside(log))
    channel, graph = model.channels()["MetaPath"], model.graph.snapshot()
    requests = requests_at(log)

    walked = np.eye(len(graph.items))
    for edge in path:
        walked = walked @ steps_of(graph, edge)
    np.fill_diagonal(walked, 0)
    walked[:, np.bincount(log.item, minlength=len(graph.items)) == 0] = 0
    own = np.zeros((len(requests), len(graph.items)))
    own[owners(requests.history.ptr), requests.history.node] = 1
    expected = own @ walked

    found = channel.scores(requests)
    known = expected[:, : found.shape[1]]
    assert known.any()
    np.testing.assert_allclose(np.where(np.isneginf(found), 0, found), known, rtol=1e-5)


def test_edges_later_than_the_log_are_not_walked_along():
    log, path = draw_log(), ("~view", "view")
    early, late = log.before(int(log.time[300])), beside(log)
    past = late.snapshot().before(int(early.time[-1]) + 1)

    whole = Pipeline(MetaPath(path)).fit(early, graph=late).recommend_all(k=9)
    cut = Pipeline(MetaPath(path)).fit(early, graph=past).recommend_all(k=9)

    assert whole.height > 0
    assert whole.equals(cut)


def test_makers_find_what_nobody_took_together():
    log = tg.interactions(["a", "b", "c"], ["x", "y", "z"], [1, 2, 3])
    made = {"item": ["x", "y", "z"], "maker": ["m", "m", "n"]}
    graph = tg.Graph().nodes("item", {"item": ["x", "y", "z"]}, key="item")
    graph.nodes("maker", {"maker": ["m", "n"]}, key="maker")
    graph.edges("made_by", made, "item -> maker")
    model = Pipeline(MetaPath(("made_by", "~made_by")), repeat=False).fit(
        log, graph=graph
    )

    answer = model.recommend("a", k=3)

    # From x to its maker, and from there to y half the time.
    assert answer.select("item", "score").rows() == [("y", 0.5)]
    assert answer["why"].to_list() == ["reached from x by made_by, ~made_by"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("made_by",), "ends at 'maker'"),
        (("action",), "is at 'item' when it comes to 'action'"),
        (("made_by", "friend"), "is at 'maker' when it comes to 'friend'"),
        ((), "has no path"),
    ],
)
def test_a_path_that_does_not_lead_from_items_to_items_is_refused(path, said):
    log = draw_log()

    with pytest.raises(ConfigError, match=said):
        Pipeline(MetaPath(path)).fit(log, graph=beside(log))


def test_an_edge_that_is_not_there_is_said_with_those_that_are():
    with pytest.raises(TidegraphError, match=r"made_by.*action"):
        MetaPath(("made_by", "~made_by")).fit(Fold(draw_log()))
