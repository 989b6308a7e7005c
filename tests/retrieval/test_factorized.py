from dataclasses import replace

import numpy as np
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import model
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.kernels.blas import blas_threads
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.factorized import Factorized
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.factorized import grarep, hope, netmf, prone
from tidegraph.retrieval.scoring import memory
from tidegraph.retrieval.solvers import (
    IALS,
    GraphZoom,
    GraRep,
    NetMF,
    SkipGramWalks,
    Solved,
)
from tidegraph.retrieval.solvers.proximities import (
    AdamicAdarProximity,
    CommonNeighborProximity,
    PageRankProximity,
)
from tidegraph.run import Run
from tidegraph.testing.retrievers import RetrieverLaws, requests_at
from tiers import chosen


class TestHOPE(RetrieverLaws):
    retriever = hope(embedding_size=6)


class TestHOPEOfAsymmetricProximity(RetrieverLaws):
    variant_of = "TestHOPE"
    retriever = hope(PageRankProximity(), embedding_size=6)


class TestHOPEOfItemsAlone(RetrieverLaws):
    variant_of = "TestHOPE"
    retriever = hope(CommonNeighborProximity(), embedding_size=6, on="items")


class TestNetMF(RetrieverLaws):
    retriever = netmf(embedding_size=6, window=3, rank=None)


class TestApproximateNetMF(RetrieverLaws):
    variant_of = "TestNetMF"
    retriever = netmf(embedding_size=6, window=10, rank=16)
    tolerance = 0.3  # The decomposition starts from what is drawn row by row.


class TestGraRep(RetrieverLaws):
    variant_of = "TestHOPE"
    retriever = grarep(embedding_size=4)


class TestProNE(RetrieverLaws):
    variant_of = "TestHOPE"
    retriever = prone(embedding_size=6)


@pytest.mark.parametrize(
    "method",
    chosen(
        {
            "netmf": netmf(16, rank=64),
            "of items": netmf(16, rank=None, on="items"),
            "hope": hope(embedding_size=16),
        },
        "netmf",
    ),
)
def test_the_threads_of_the_matrix_library_change_no_bit(method):
    rng, found = np.random.default_rng(0), []
    user, item = rng.integers(0, 900, 12_000), rng.integers(0, 700, 12_000)
    log = interactions(user, item, 60 * np.arange(12_000))
    for count in (1, 2):
        with blas_threads(count):
            found.append(method.fit(log))

    np.testing.assert_array_equal(found[0].item, found[1].item)
    np.testing.assert_array_equal(found[0].user, found[1].user)


ALL = pytest.mark.parametrize(
    "method",
    [
        hope(embedding_size=8),
        hope(PageRankProximity(), embedding_size=8),
        hope(CommonNeighborProximity(), embedding_size=8),
        hope(AdamicAdarProximity(), embedding_size=8),
        netmf(embedding_size=8),
        netmf(embedding_size=8, rank=8),
        grarep(embedding_size=8),
        prone(embedding_size=8),
    ],
    ids=lambda method: str(method.solver),
)


def planted(groups=4, users=80, items=40, rng=None):
    """Users who act on items of their own group, some of which are held out."""
    rng = np.random.default_rng(0) if rng is None else rng
    log = draw_log(events=12 * users, users=users, items=items)
    user = np.repeat(np.arange(users), 12)
    own = rng.random(len(user)) < 0.9
    item = rng.integers(0, items, len(user))
    item = np.where(own, item // groups * groups + user % groups, item)
    names = {"user": user.astype(np.int32), "item": item.astype(np.int32)}
    return type(log)(**{**vars(log), **names})


@ALL
def test_planted_groups_are_told_apart(method):
    log = planted()
    fitted = method.fit(log)
    answer = fitted.retrieve(requests_at(log), 5)
    alike = fitted.similar(np.arange(40, dtype=np.int32), 5)

    group = np.arange(len(log.users))[:, None] % 4
    assert (answer.item % 4 == group)[answer.present].mean() > 0.9
    group = np.arange(40)[:, None] % 4
    assert (alike.item % 4 == group)[alike.present].mean() > 0.9


@ALL
def test_a_saved_model_holds_both_vectors(method, tmp_path):
    log = draw_log()
    fitted = method.fit(log)
    save(fitted, tmp_path / "model")
    back = load(tmp_path / "model", {"FittedEmbedding": FittedEmbedding})
    requests = requests_at(log)

    np.testing.assert_array_equal(back.scores(requests), fitted.scores(requests))
    item = fitted.retrieve(requests, 5).item
    np.testing.assert_array_equal(
        back.because(requests, item), fitted.because(requests, item)
    )


def test_an_unknown_user_is_the_mean_of_the_sources_of_their_history():
    log = draw_log()
    fitted = hope(PageRankProximity(), embedding_size=6).fit(log)
    requests = requests_at(log)
    stranger = replace(requests, user=np.full(len(requests), -1, np.int32))
    found = fitted.vectors(stranger)

    for row in range(5):
        items = sorted(set(requests.history.rows(row, row + 1).node.tolist()))
        mean = fitted.given[items].mean(axis=0)
        np.testing.assert_allclose(found[row], mean, rtol=1e-5, atol=1e-7)


def test_a_user_without_a_vector_is_their_history():
    fitted = hope(CommonNeighborProximity(), embedding_size=6).fit(draw_log())

    assert not len(fitted.user)
    assert fitted.retrieve(requests_at(draw_log()), 5).present.all()


def test_users_and_items_without_a_pair_have_no_vector():
    log = draw_log()
    label = np.where((log.user == 3) | (log.item == 4), 0, 1).astype(np.int8)
    fitted = hope(embedding_size=6).fit(replace(log, label=label))

    assert not fitted.user_known[3]
    assert not fitted.item_known[4]
    assert fitted.user_known[[0, 1, 2]].all()
    assert np.isneginf(fitted.scores(requests_at(log))[:, 4]).all()


def test_what_sets_nothing_apart_is_said():
    log = draw_log(events=60, users=2, items=2)

    with pytest.raises(DataError, match="nothing that sets items apart"):
        netmf(embedding_size=1, negatives=100.0).fit(log)


@pytest.mark.parametrize("solver", [GraRep(4), NetMF(4, window=2)])
def test_what_does_not_fit_is_said_before_any_channel_is_trained(solver):
    tight = replace(solver, memory_limit_gb=1e-6)
    trained = []

    class Watched(Popular):
        def fit(self, train):
            trained.append(train)
            return super().fit(train)

    with pytest.raises(ConfigError, match=r"on 70 nodes needs 0\.0 GB"):
        Pipeline((Watched(), Factorized("dense", tight))).fit(draw_log())
    assert not trained
    Factorized("dense", solver).check(draw_log())
    hope().check(draw_log())


def test_a_solver_of_ones_own_refuses_before_it_solves():
    class Small:
        def check(self, pairs):
            raise ConfigError(f"{pairs.shape[1]} items are too many.")

        def solve(self, pairs):
            raise AssertionError

    with pytest.raises(ConfigError, match="items are too many"):
        Factorized("own", Small()).fit(draw_log())


def many_items(users=200, items=600, each=100):
    """A log whose item graph has many more edges than there are events."""
    rng = np.random.default_rng(0)
    item = np.concatenate([rng.permutation(items)[:each] for _ in range(users)])
    return tg.interactions(np.repeat(np.arange(users), each), item)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (tg.EASE(), "EASE on 600 items needs .* Keep at most 316 items"),
        (tg.grarep(4), "GraRep on 800 nodes needs .* Take NetMF"),
        (
            tg.netmf(4, window=2),
            "NetMF on 800 nodes needs .* Take window = 1, or give a rank",
        ),
        (tg.netmf(4, rank=128), "NetMF on 800 nodes needs .* Lower rank"),
        (tg.hope(embedding_size=128), "HOPE on 800 nodes needs .* Lower embedding"),
        (tg.ials(300), "IALS on 800 nodes needs .* Lower embedding"),
        (
            Factorized("walks", SkipGramWalks(300, walks=1, length=4)),
            "SkipGramWalks on 800 nodes needs .* Lower embedding",
        ),
        (tg.pure_svd(128), "LowPass on 800 nodes needs .* Lower rank"),
        *(
            (method, f"the item graph of {name}, of about 3[56].,... edges of 600 item")
            for method, name in (
                (tg.hope(embedding_size=4, on="items"), "HOPE"),
                (tg.prone(4), "ProNE"),
                (tg.netmf(4, on="items"), "NetMF"),
                (tg.graphzoom(tg.solvers.HOPE(embedding_size=4, on="items")), "HOPE"),
                (tg.CommonNeighbors(on="items"), "CommonNeighbors"),
                (tg.PersonalizedPageRank(on="items"), "PersonalizedPageRank"),
            )
        ),
    ],
)
def test_what_a_machine_has_not_is_said_before_the_work(method, said, monkeypatch):
    log = many_items()
    monkeypatch.setattr(memory, "machine_bytes", lambda: 1.2e6)

    with pytest.raises(ConfigError, match=f"{said}.*") as error:
        method.fit(log)
    assert "this machine has 0.0" in str(error.value)


@pytest.mark.parametrize(
    "solver",
    [
        NetMF(4, rank=16),
        SkipGramWalks(4, walks=1, length=4),
        GraphZoom(NetMF(4, rank=8)),
        IALS(4, iterations=1),
    ],
    ids=lambda solver: type(solver).__name__,
)
def test_a_run_decides_what_a_solver_draws(solver):
    method, log = Factorized("solved", solver), draw_log()
    runs = None, *(Run(np.random.default_rng(seed)) for seed in (0, 0, 1))
    plain, first, again, other = (method.fit(log, run=run).item for run in runs)

    np.testing.assert_array_equal(plain, first)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    own = replace(method, solver=replace(solver, seed=7))
    if not isinstance(solver, GraphZoom):  # What it embeds by draws, too.
        one, two = (
            own.fit(log, run=Run(np.random.default_rng(seed))).item for seed in (0, 1)
        )
        np.testing.assert_array_equal(one, two)


def test_a_solver_draws_the_same_alone_and_in_company():
    method, log = Factorized("solved", NetMF(4, rank=16)), draw_log()
    alone = method.fit(log, run=Run(np.random.default_rng(5)))
    model = Pipeline((Popular(), method)).fit(log, rng=5)

    company = model.retriever.only({"solved"})["solved"]
    np.testing.assert_array_equal(company.item, alone.item)


def test_recipes_are_written_in_a_table():
    table = {
        "model": "hope",
        "proximity": {"type": "PageRankProximity", "restart": 0.3},
        "embedding_size": 4,
        "on": "items",
    }
    solver = {"type": "NetMF", "embedding_size": 5, "rank": 9}
    own = {"model": "Factorized", "name": "mine", "solver": solver}

    assert model(table, "recipe", "retrieve") == hope(
        PageRankProximity(0.3), 4, "items"
    )
    built = model(own, "recipe", "retrieve")
    assert (built.name, built.solver.embedding_size, built.solver.rank) == (
        "mine",
        5,
        9,
    )
    with pytest.raises(ConfigError, match="Did you mean 'NetMF'"):
        model(own | {"solver": {"type": "NetMff"}}, "recipe", "retrieve")


def test_a_solver_of_your_own_needs_one_method():
    class Counts:
        def solve(self, pairs):
            both = np.eye(pairs.shape[1], dtype=np.float32)
            return Solved(pairs.toarray(), both, both)

    log = draw_log()
    fitted = Factorized("counts", Counts()).fit(log)

    assert fitted.retrieve(requests_at(log), 1).present.all()
