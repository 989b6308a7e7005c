import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

from conftest import draw_log
from retrieval.recipes_log import two_groups
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import model
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.retrieval.filters import Chebyshev, Hop, LowPass
from tidegraph.retrieval.filters.history import single_item_histories
from tidegraph.retrieval.graph_filter import FittedGraphFilter, GraphFilter
from tidegraph.retrieval.heuristics.proximity import PersonalizedPageRank
from tidegraph.retrieval.recipes.graph_filters import cheby_cf, gf_cf, pure_svd
from tidegraph.run import Run
from tidegraph.stages import Requests
from tidegraph.testing.retrievers import RetrieverLaws, requests_at

HOP = GraphFilter(filters=(Hop(),), half_life_days=None)
KINDS = {"FittedGraphFilter": FittedGraphFilter}


class TestHop(RetrieverLaws):
    retriever = HOP


class TestFromLog(RetrieverLaws):
    retriever = GraphFilter()


class TestPureSVD(RetrieverLaws):
    retriever = pure_svd(5)
    tolerance = 2e-3  # The decomposition starts from what is drawn row by row.


class TestGFCF(RetrieverLaws):
    variant_of = "TestPureSVD"
    retriever = gf_cf(5)
    tolerance = 2e-2  # The decomposition starts from what is drawn row by row.


class TestChebyCF(RetrieverLaws):
    retriever = GraphFilter("Chebyshev", (Chebyshev(5, 1.5, 0.4),), half_life_days=3.0)


def dense(log):
    """Pairs, each once, and both degrees."""
    pairs = (Matrix.of(log).csr().toarray() > 0).astype(float)
    return pairs, pairs.sum(axis=1), pairs.sum(axis=0)


def normalised(log):
    pairs, n, d = dense(log)
    return pairs / np.sqrt(np.maximum(n, 1))[:, None] / np.sqrt(np.maximum(d, 1))


def found(method, log):
    scores = method.fit(log).scores(requests_at(log))
    return np.where(np.isneginf(scores), 0, scores)


def rebuilt(pairs, rank):
    _, _, right = np.linalg.svd(pairs)
    return right[:rank].T @ right[:rank]


def test_a_hop_is_its_formula():
    log = draw_log()
    pairs, n, d = dense(log)
    want = (pairs * d**-0.8) @ pairs.T * n**-0.75 @ pairs * d**-0.2

    np.testing.assert_allclose(
        found(GraphFilter(filters=(Hop(0.8, 0.75, 0.2),)), log), want, rtol=1e-4
    )


def test_a_hop_counts_the_walks_of_pagerank():
    log = draw_log()
    walks = PersonalizedPageRank(neighbors=None, restart=0.999, tolerance=1e-3).fit(log)
    hop = found(GraphFilter(filters=(Hop(1.0, 1.0, 0.0),)), log)
    scores = walks.scores(requests_at(log))
    unseen = dense(log)[0] == 0

    share = scores[unseen] / np.maximum(hop[unseen], 1e-12)
    both = hop[unseen] > 0
    np.testing.assert_allclose(share[both], share[both][0], rtol=1e-2)


def test_pure_svd_projects_on_the_singular_vectors():
    log = draw_log()
    pairs, _, _ = dense(log)

    np.testing.assert_allclose(
        found(pure_svd(4), log), pairs @ rebuilt(pairs, 4), atol=1e-3
    )


def test_gf_cf_is_its_formula():
    log = draw_log()
    pairs, _, d = dense(log)
    scaled = normalised(log)
    want = pairs @ scaled.T.dot(scaled)
    want += 0.3 * (pairs * d**-0.5) @ rebuilt(scaled, 5) * d**0.5

    np.testing.assert_allclose(found(gf_cf(5), log), want, rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_a_chebyshev_filter_is_a_function_of_the_eigenvalues(order):
    log = draw_log()
    method = Chebyshev(order, 1.5, 0.4)
    pairs, _, d = dense(log)
    scaled = normalised(log)
    value, vector = np.linalg.eigh(np.eye(len(d)) - 2 * scaled.T @ scaled)
    passed = np.polynomial.chebyshev.chebval(value, method.coefficients)
    want = (pairs * d**-0.4) @ (vector * passed) @ vector.T * d**0.4

    np.testing.assert_allclose(
        found(GraphFilter(filters=(method,)), log), want, rtol=1e-3, atol=1e-5
    )


def test_the_plateau_passes_low_frequencies_and_stops_high_ones():
    passed = np.polynomial.chebyshev.Chebyshev(Chebyshev(8, 1.5).coefficients)

    assert passed(-1.0) == pytest.approx(1, abs=0.05)
    assert passed(0.0) == pytest.approx(0.5, abs=1e-9)
    assert passed(1.0) == pytest.approx(0, abs=0.05)
    flat, line = passed.deriv()(0.0), -0.5
    assert abs(flat) < abs(line)


def test_cheby_cf_adds_an_ideal_filter_to_the_plateau():
    log = draw_log()
    parts = [
        found(GraphFilter("ChebyCF", (part,)), log)
        for part in (Chebyshev(8, 1.5, 0.4), LowPass(5, 0.4, steps=7))
    ]

    whole = found(cheby_cf(rank=5), log)

    np.testing.assert_allclose(whole, parts[0] + 0.2 * parts[1], rtol=1e-4, atol=1e-6)


def test_a_run_decides_where_a_decomposition_begins():
    log = draw_log()
    rough = replace(pure_svd(5), filters=(LowPass(5, 0.0, steps=0),))
    first, again, other = (
        rough.fit(log, run=Run(np.random.default_rng(seed))).solved[0]["vectors"]
        for seed in (0, 0, 1)
    )

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    own = replace(rough, filters=(LowPass(5, 0.0, steps=0, seed=3),))
    one, two = (
        own.fit(log, run=Run(np.random.default_rng(s))).solved[0]["vectors"]
        for s in (0, 1)
    )
    np.testing.assert_array_equal(one, two)


def test_the_reason_lets_most_through():
    log = draw_log()
    fitted = HOP.fit(log)
    pairs, n, d = dense(log)
    between = (pairs.T / np.maximum(n, 1)) @ pairs / np.sqrt(np.outer(d, d))
    requests = requests_at(log)
    answer = fitted.retrieve(requests, 5)

    reason = fitted.because(requests, answer.item)

    for row in range(len(requests)):
        history = set(requests.history.rows(row, row + 1).node.tolist())
        for item, why in zip(answer.item[row], reason[row], strict=True):
            others = [h for h in history if h != item]
            if item >= 0 and others:
                best = max(others, key=lambda h: between[h, item])
                assert between[why, item] == pytest.approx(between[best, item])


def test_similar_items_share_most():
    log = draw_log()
    fitted = HOP.fit(log)
    pairs, n, d = dense(log)
    between = (pairs.T / np.maximum(n, 1)) @ pairs / np.sqrt(np.outer(d, d))
    np.fill_diagonal(between, 0)

    item = fitted.similar(np.array([3, 0, 10_000], np.int32), 4).item

    for row, i in enumerate((3, 0)):
        np.testing.assert_allclose(
            between[i, item[row]], np.sort(between[i])[::-1][:4], rtol=1e-4
        )
    assert (item[2] == -1).all()


def test_an_erased_user_leaves_no_walk():
    log = draw_log()
    fitted = HOP.fit(log)
    kept = log.take(log.user != 4)

    without = fitted.without_users(np.array([4, 9_999], np.int32))

    few = requests_at(log).rows(0, 4)
    want = HOP.fit(kept)
    # The rows of a log that is cut are the same here: user 4 brought no item first.
    np.testing.assert_allclose(
        without.scores(few), want.scores(few)[:, : without.graph.size("item")], 1e-5
    )


@dataclass(frozen=True)
class Twice:
    factor: float = 2.0

    def precomputed(self, graph):
        return {}

    def scores(self, graph, solved, history):
        return self.factor * history.csr().toarray()


def test_a_filter_of_ones_own_is_saved_and_opened_by_its_class(tmp_path):
    log = draw_log()
    fitted = GraphFilter("mine", (Twice(3.0),)).fit(log)
    save(fitted, tmp_path / "model")

    back = load(tmp_path / "model", KINDS, kinds=[Twice])

    assert isinstance(back, FittedGraphFilter)
    assert back.settings == fitted.settings
    found, expected = (one.retrieve(requests_at(log), 3) for one in (back, fitted))
    np.testing.assert_array_equal(found.item, expected.item)


def test_a_filter_that_is_no_dataclass_works_and_cannot_be_saved():
    class Plain:
        factor = 2.0
        precomputed = Twice.precomputed
        scores = Twice.scores

    log = draw_log()
    fitted = GraphFilter("mine", (Plain(),)).fit(log)

    assert fitted.retrieve(requests_at(log), 3).present.any()
    with pytest.raises(ConfigError, match="a Plain is no dataclass"):
        fitted.state()


def test_filters_are_named_in_a_recipe(tmp_path):
    table = {
        "model": "GraphFilter",
        "filters": [{"type": "Hop", "item": 1.0}, "Chebyshev"],
        "weights": [1.0, 0.5],
    }

    method = model(table, "retrieve", "retrieve")

    assert method == GraphFilter(filters=(Hop(1.0), Chebyshev()), weights=(1.0, 0.5))
    fitted = method.fit(draw_log())
    save(fitted, tmp_path / "model")
    back = load(tmp_path / "model", KINDS)
    assert back.settings == fitted.settings


def test_filters_without_a_weight_each_are_refused():
    with pytest.raises(ConfigError, match="no filter"):
        GraphFilter(filters=())
    with pytest.raises(ConfigError, match="1 filters and 2 weights"):
        GraphFilter(filters=(Hop(),), weights=(1.0, 2.0))
    with pytest.raises(ConfigError, match="at most 30 singular vectors"):
        pure_svd(500).fit(draw_log())


def test_an_event_that_counts_nothing_takes_no_room():
    log = draw_log()
    item = np.tile(log.item[:1], 400)
    graph = HOP.fit(log).graph
    history = SparseRows(
        np.array([0, 400]), item, np.zeros(400, np.float32), graph.size("item")
    )

    assert not Hop().scores(graph, {}, history).any()


def test_an_old_event_counts_less():
    log = draw_log()
    time = np.array([log.time[-1] + 1])
    requests = Requests.of_users(Snapshot.of(log), np.array([2], np.int32), time)
    far = GraphFilter(filters=(Hop(),), half_life_days=1e9).fit(log).scores(requests)
    near = GraphFilter(filters=(Hop(),), half_life_days=1e-6).fit(log).scores(requests)
    newest = requests.history.node[-1:]
    alike = HOP.fit(log)

    np.testing.assert_allclose(far, alike.scores(requests), rtol=1e-4)
    one = alike._scores(single_item_histories(newest, len(log.items)))
    top = np.argsort(-one[0])[:3]
    np.testing.assert_array_equal(np.argsort(-near[0])[:3], top)


def test_the_log_chooses_what_ranks_its_newest_events_highest():
    """Users go round in two rings, of which the graph knows nothing but neighbours."""
    log = two_groups(3_000)

    fitted = GraphFilter().fit(log)

    (one,) = fitted.settings.filters
    assert isinstance(one, Hop | LowPass)
    assert repr(one) in repr(fitted)
    assert fitted.chosen == {
        "filters": repr(one),
        "half_life_days": fitted.settings.half_life_days,
    }
    again = GraphFilter(filters=(one,), half_life_days=fitted.settings.half_life_days)
    np.testing.assert_array_equal(
        fitted.scores(requests_at(log)), again.fit(log).scores(requests_at(log))
    )


def test_what_is_written_is_not_said_to_be_chosen():
    assert HOP.fit(draw_log()).chosen == {}


def test_what_a_filter_returns_is_not_written_to():
    kept = np.ones((30, 40), np.float32)

    class Same:
        def precomputed(self, graph):
            return {}

        def scores(self, graph, solved, history):
            return kept[: len(history)]

    log = draw_log()
    same = GraphFilter("same", (Same(),), (0.5,), None).fit(log)
    same.scores(requests_at(log))

    assert (kept == 1).all()


def test_a_filter_that_does_not_fit_a_small_log_is_not_chosen():
    log = draw_log(events=400, users=12, items=10)

    fitted = GraphFilter().fit(log)  # LowPass would need ranks of 32 and more.

    assert isinstance(fitted.settings.filters[0], Hop)


def test_without_the_extra_a_hop_is_chosen(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.utils.extmath", None)

    fitted = GraphFilter().fit(two_groups(3_000))

    assert isinstance(fitted.settings.filters[0], Hop)


def test_weights_of_filters_that_the_log_chooses_are_refused():
    with pytest.raises(ConfigError, match="Name the filters, or leave the weights out"):
        GraphFilter(weights=(1.0,))


def test_a_saved_model_keeps_what_the_log_has_chosen(tmp_path):
    log = draw_log(events=900)
    fitted = GraphFilter().fit(log)

    save(fitted, tmp_path / "model")

    back = load(tmp_path / "model", KINDS)
    assert (back.settings, back.chosen) == (fitted.settings, fitted.chosen)


@pytest.mark.parametrize(
    ("recipe", "name"), [(pure_svd, "PureSVD"), (gf_cf, "GF-CF"), (cheby_cf, "ChebyCF")]
)
def test_what_is_wrong_with_a_recipe_is_said_by_its_name(recipe, name):
    with pytest.raises(ConfigError, match=f"{name} rank is 0; it must be at least 1"):
        recipe(rank=0)
    with pytest.raises(ConfigError, match=f"{name}: LowPass has rank=5"):
        recipe(rank=500).fit(draw_log())


@pytest.mark.parametrize("recipe", [gf_cf, cheby_cf])
def test_a_rank_that_nobody_wrote_is_cut_to_what_a_small_log_has(recipe):
    log = draw_log(events=400, users=30, items=20)
    every = len(np.unique(log.actions().item))

    same = found(recipe(rank=every), log)

    np.testing.assert_allclose(found(recipe(), log), same, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match=rf"at most {every} .* Lower rank"):
        recipe(rank=every + 1).fit(log)
