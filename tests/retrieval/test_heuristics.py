import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.retrieval.heuristics.proximity import (
    AdamicAdar,
    CommonNeighbors,
    Katz,
    PersonalizedPageRank,
)
from tidegraph.stages import Requests
from tidegraph.testing.retrievers import RetrieverLaws, requests_at

seeds = given(seed=st.integers(0, 10_000), events=st.integers(20, 200))
few = settings(max_examples=15)


class TestCommonNeighbors(RetrieverLaws):
    retriever = CommonNeighbors()


class TestCommonNeighborsOfItems(RetrieverLaws):
    variant_of = "TestCommonNeighbors"
    retriever = CommonNeighbors(on="items", least_users=2)


class TestAdamicAdar(RetrieverLaws):
    retriever = AdamicAdar()


class TestAdamicAdarOfItems(RetrieverLaws):
    variant_of = "TestAdamicAdar"
    retriever = AdamicAdar(on="items", least_users=2)


class TestKatz(RetrieverLaws):
    retriever = Katz()


class TestKatzOfItems(RetrieverLaws):
    variant_of = "TestKatz"
    retriever = Katz(on="items")


class TestPersonalizedPageRank(RetrieverLaws):
    retriever = PersonalizedPageRank()


class TestPersonalizedPageRankOfItems(RetrieverLaws):
    variant_of = "TestPersonalizedPageRank"
    retriever = PersonalizedPageRank(on="items")


def seen_by(log: Interactions) -> np.ndarray:
    return Matrix.of(log).csr().sign().toarray().astype(float)


def bipartite(log: Interactions) -> nx.Graph:
    """Nodes are items, then users."""
    seen = seen_by(log)
    users, items = seen.shape
    graph = nx.Graph()
    graph.add_nodes_from(range(items + users))
    graph.add_edges_from((i, items + u) for u, i in np.argwhere(seen))
    return graph


def between_items(log: Interactions, weighted: bool) -> nx.Graph:
    together = seen_by(log).T @ seen_by(log)
    np.fill_diagonal(together, 0)
    return nx.from_numpy_array(together if weighted else np.sign(together))


def summed(log: Interactions, pair: np.ndarray) -> np.ndarray:
    """Sum a table of item pairs over each user's distinct items."""
    np.fill_diagonal(pair, 0)
    return seen_by(log) @ pair


def found(retriever, log: Interactions) -> np.ndarray:
    scores = retriever.fit(log).scores(requests_at(log))
    return np.where(np.isneginf(scores), 0, scores)


def table(index, graph: nx.Graph, items: int) -> np.ndarray:
    pairs = np.zeros((items, items))
    every = [(i, j) for i in range(items) for j in range(i)]
    for i, j, value in index(graph, every):
        pairs[i, j] = pairs[j, i] = value
    return pairs


def count_common(graph, pairs):
    return [(i, j, len(list(nx.common_neighbors(graph, i, j)))) for i, j in pairs]


@few
@seeds
def test_common_neighbours_are_those_of_networkx(seed, events):
    log = draw_log(seed, events)
    items = len(log.items)

    users = table(count_common, bipartite(log), items)
    thirds = table(count_common, between_items(log, weighted=False), items)

    np.testing.assert_allclose(found(CommonNeighbors(), log), summed(log, users))
    np.testing.assert_allclose(
        found(CommonNeighbors(on="items"), log), summed(log, thirds)
    )


@few
@seeds
def test_adamic_adar_is_that_of_networkx(seed, events):
    log = draw_log(seed, events)
    items = len(log.items)

    users = table(nx.adamic_adar_index, bipartite(log), items)
    thirds = table(nx.adamic_adar_index, between_items(log, weighted=False), items)

    np.testing.assert_allclose(found(AdamicAdar(), log), summed(log, users), rtol=1e-5)
    np.testing.assert_allclose(
        found(AdamicAdar(on="items"), log), summed(log, thirds), rtol=1e-5
    )


def test_adamic_adar_by_hand():
    # x and y share the users a (with 2 items) and b (with 3).
    log = interactions(["a", "a", "b", "b", "b"], [*"xyxyz"], [1, 2, 3, 4, 5])

    scores = found(AdamicAdar(), log)

    # The score of z for a, who has x and y: z shares b with each of them.
    assert scores[0, 2] == pytest.approx(2 / math.log(3))
    assert scores[0, 1] == pytest.approx(1 / math.log(2) + 1 / math.log(3))


@few
@seeds
def test_katz_on_the_bipartite_graph_is_the_inverse_of_the_whole_matrix(seed, events):
    log = draw_log(seed, events)
    adjacency = nx.to_numpy_array(bipartite(log))
    items = len(log.items)
    beta = 0.4 / np.linalg.eigvalsh(adjacency).max()
    katz = np.linalg.inv(np.eye(len(adjacency)) - beta * adjacency)

    scores = found(Katz(beta=float(beta), tolerance=1e-9, neighbors=None), log)

    # A walk from u first goes to one of its items: K_ui = b * sum over them of K_hi.
    np.testing.assert_allclose(scores, katz[items:, :items], rtol=1e-4, atol=1e-8)


@few
@seeds
def test_katz_on_the_item_graph_is_a_dense_inverse(seed, events):
    log = draw_log(seed, events)
    adjacency = nx.to_numpy_array(between_items(log, weighted=True))
    radius = np.linalg.eigvalsh(adjacency).max()
    beta = 0.4 / radius if radius > 0 else 0.1
    katz = np.linalg.inv(np.eye(len(adjacency)) - beta * adjacency)
    lone = adjacency.sum(axis=0) == 0

    scores = found(
        Katz(on="items", beta=float(beta), tolerance=1e-9, neighbors=None), log
    )

    expected = beta * seen_by(log) @ katz
    expected[:, lone] = 0
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-8)


@few
@seeds
def test_pagerank_of_a_user_of_the_graph_is_that_of_networkx(seed, events):
    log = draw_log(seed, events)
    graph = bipartite(log)
    items = len(log.items)

    fine = PersonalizedPageRank(restart=0.3, tolerance=1e-8, neighbors=None)
    scores = found(fine, log)

    for user in range(0, len(log.users), 7):
        peer = nx.pagerank(
            graph, alpha=0.7, personalization={items + user: 1}, tol=1e-12
        )
        expected = [graph.degree(items + user) * peer[i] for i in range(items)]
        np.testing.assert_allclose(scores[user], expected, rtol=1e-4, atol=1e-7)


def test_pagerank_on_the_item_graph_starts_at_the_history():
    log = draw_log()
    graph = between_items(log, weighted=True)
    seen = seen_by(log)

    fine = PersonalizedPageRank(on="items", restart=0.3, tolerance=1e-8, neighbors=None)
    scores = found(fine, log)

    for user in range(len(log.users)):
        home = dict(enumerate(seen[user]))
        peer = nx.pagerank(graph, alpha=0.7, personalization=home, tol=1e-12)
        linked = sum(home[i] for i in home if graph.degree(i))
        expected = [0.7 * linked * peer[i] for i in range(len(log.items))]
        np.testing.assert_allclose(scores[user], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("restart", [0.7, 0.1])
@pytest.mark.parametrize("tolerance", [0.3, 0.01])
def test_pagerank_falls_short_by_no_more_than_the_tolerance(restart, tolerance):
    log = draw_log()
    rough = found(PersonalizedPageRank(restart=restart, tolerance=tolerance), log)
    fine = found(PersonalizedPageRank(restart=restart, tolerance=1e-9), log)

    assert (rough <= fine + 1e-7).all()
    assert ((fine - rough).sum(axis=1) <= tolerance * seen_by(log).sum(axis=1)).all()


@pytest.mark.parametrize("on", ["bipartite", "items"])
def test_the_shortest_walk_still_reaches_items_new_to_the_user(on):
    log = draw_log()
    hasty = PersonalizedPageRank(on=on, restart=0.95, tolerance=0.9).fit(log)

    assert hasty.retrieve(requests_at(log, repeat=False), 3).present.all()


def test_katz_keeps_to_its_stated_error():
    log = draw_log()
    gap = found(Katz(tolerance=0.05), log) - found(Katz(tolerance=1e-9), log)

    # beta is half of the bound, so beta * radius is one half.
    beta = 0.5 / np.linalg.eigvalsh(nx.to_numpy_array(bipartite(log))).max()
    length = np.sqrt(seen_by(log).sum(axis=1))
    error = np.linalg.norm(gap, axis=1)
    assert (error > 0).any()
    assert (error <= 0.05 * beta * length / 0.5).all()


@pytest.mark.parametrize("on", ["bipartite", "items"])
def test_katz_refuses_steps_whose_sum_is_infinite_and_names_the_bound(on):
    log = interactions(["a", "b", "a", "b"], ["x", "x", "y", "y"], [1, 2, 3, 4])

    # Four nodes in a ring have radius 2; two items shared by two users also.
    with pytest.raises(ConfigError, match=r"below 0\.5, one over"):
        Katz(on=on, beta=0.6).fit(log)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (CommonNeighbors, {"neighbors": 0}),
        (AdamicAdar, {"neighbors": -1}),
        (CommonNeighbors, {"least_users": 0}),
        (Katz, {"tolerance": 0.0}),
        (Katz, {"beta": -0.1}),
        (PersonalizedPageRank, {"restart": 1.0}),
        (PersonalizedPageRank, {"tolerance": 2.0}),
    ],
)
def test_a_setting_out_of_range_is_refused(method, settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        method(**settings)


@pytest.mark.parametrize(
    "retriever",
    [
        CommonNeighbors(neighbors=1000),
        AdamicAdar(neighbors=1000),
        Katz(),
        Katz(on="items"),
        PersonalizedPageRank(),
        PersonalizedPageRank(on="items"),
    ],
)
def test_the_reason_is_the_history_item_that_adds_most(retriever):
    log = draw_log()
    fitted = retriever.fit(log)
    requests = requests_at(log, repeat=False)
    answer = fitted.retrieve(requests, 5)

    reason = fitted.because(requests, answer.item)

    lone = single_item_scores(fitted, log)
    for row in range(len(requests)):
        mine = np.unique(requests.history.rows(row, row + 1).node)
        for place in np.flatnonzero(answer.present[row]):
            added = lone[mine, answer.item[row, place]]
            told = lone[reason[row, place], answer.item[row, place]]
            assert told == pytest.approx(added.max(), rel=1e-4)


def single_item_scores(fitted, log: Interactions) -> np.ndarray:
    """Scores for requesters who know one item each."""
    items = len(log.items)
    one_each = Interactions(
        np.arange(items, dtype=np.int32),
        np.arange(items, dtype=np.int32),
        np.zeros(items, np.int64),
        np.ones(items, np.int8),
        np.ones(items, np.float32),
        log.items,
        log.items,
    )
    everyone = np.arange(items, dtype=np.int32)
    time = np.ones(items, np.int64)
    return fitted.scores(Requests.of_users(Snapshot.of(one_each), everyone, time))


def test_each_item_votes_only_for_those_it_is_closest_to():
    log = draw_log()
    full = AdamicAdar(neighbors=1000).fit(log).csr().toarray()
    cut = AdamicAdar(neighbors=3).fit(log).csr().toarray()

    assert ((cut > 0).sum(axis=1) <= 3).all()
    for row in range(len(full)):
        kept = np.sort(cut[row])[::-1][:3]
        np.testing.assert_allclose(kept, np.sort(full[row])[::-1][:3])


def test_two_kinds_of_user_are_told_apart():
    # Even users like even items, odd users odd ones; the diagonal is held out.
    pairs = [(u, i) for u in range(20) for i in range(20) if (u - i) % 2 == 0 != u - i]
    users, items = zip(*pairs, strict=True)
    log = interactions(users, items, range(len(pairs)))
    held = log.items.encode(log.users.ids)

    for retriever in (CommonNeighbors(), AdamicAdar(), Katz(), PersonalizedPageRank()):
        answer = retriever.fit(log).retrieve(requests_at(log, repeat=False), 1)
        np.testing.assert_array_equal(answer.item[:, 0], held)
