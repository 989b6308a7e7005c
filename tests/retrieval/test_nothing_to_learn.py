"""What nothing could be learnt from is refused, and nothing of it is answered."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.kernels.tables.noise import Noise
from tidegraph.nn.conv import GraphSAGE, TwoTables
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.factorized import Factorized
from tidegraph.retrieval.filters import LowPass
from tidegraph.retrieval.index import InvertedLists
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import SkipGram
from tidegraph.retrieval.solvers import HOPE, GraRep, NetMF, ProNE, SkipGramWalks
from tidegraph.testing.logs import draw_log
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

ONCE = Training(1, 64, patience=None)


def apart(users: int = 12):
    """One event of each user, of an item that is theirs alone."""
    row = np.arange(users)
    return interactions(row, row, 1_000_000 * row)


@pytest.mark.parametrize(
    "method",
    [
        tg.bge(embedding_size=4),
        tg.item2vec(embedding_size=4),
        tg.item2vec(embedding_size=4, training=ONCE),
    ],
    ids=["bge", "item2vec", "item2vec by AdamW"],
)
def test_a_log_in_which_nothing_follows_anything_is_refused(method):
    with pytest.raises(DataError, match=r"learns from (what|items)"):
        method.fit(apart())


def test_walks_of_items_are_refused_where_no_pause_is_short_enough():
    log = draw_log()
    log = replace(log, time=log.time[0] + 86_400 * np.arange(len(log)))

    with pytest.raises(DataError, match="Raise session_seconds=3600, or set it to"):
        tg.eges(("category",), embedding_size=4).fit(log)
    assert len(
        tg.bge(embedding_size=4, session_seconds=1e300, training=ONCE_SGD).fit(log).item
    )


def test_where_all_is_one_session_no_longer_pause_is_advised():
    log = interactions(np.arange(9), np.arange(9), 1_000 * np.arange(9))

    with pytest.raises(DataError, match=r"nothing did\. Give it more interactions\."):
        tg.bge(embedding_size=4, session_seconds=None).fit(log)


ONCE_SGD = replace(tg.bge().training, epochs=1)


@pytest.mark.parametrize(("users", "items"), [(6, 1), (1, 6)])
def test_the_spectrum_of_one_node_says_nothing(users, items):
    row = np.arange(max(users, items))
    log = interactions(row % users, row % items, row)

    fitted = tg.softmax_mf(embedding_size=4, negatives=8, training=ONCE).fit(log)

    assert np.isfinite(fitted.item).all()


def test_vectors_that_are_no_numbers_are_refused():
    walks = SkipGramWalks(embedding_size=4, walks=2, length=6, learning_rate=100.0)

    with pytest.raises(DataError, match="are no numbers"), np.errstate(all="ignore"):
        Factorized("walks", walks).fit(draw_log(events=900))


def one_step(rate):
    return Training(1, 10**6, Adam(rate), patience=None)


@pytest.mark.parametrize(
    "method",
    [
        lambda rate: tg.bpr_mf(4, training=one_step(rate)),
        lambda rate: tg.lightgcn(2, 4, training=one_step(rate)),
        lambda rate: tg.NextItem(embedding_size=4, training=one_step(rate)),
        lambda rate: tg.NeuralRanker(training=one_step(rate)),
    ],
    ids=["bpr_mf", "lightgcn", "next_item", "ranker"],
)
def test_a_single_step_that_explodes_is_refused_by_the_name_of_the_method(method):
    broken = method(1e38)
    stages = {"retrieve": tg.Popular(), "rank": broken}
    stages = stages if isinstance(broken, tg.NeuralRanker) else {"retrieve": broken}

    with pytest.raises(ConfigError, match=f"^{broken.name}: a weight is .*e of 1e.38"):
        tg.Pipeline(**stages).fit(draw_log(events=300))


@pytest.mark.parametrize(
    ("method", "rate"),
    [
        # Weights are numbers, and what comes out of two layers is none.
        (tg.gcn(embedding_size=4, training=one_step(1e15)), 1e15),
        (tg.NextItem(embedding_size=4, training=one_step(1e12)), 1e12),
    ],
    ids=lambda part: getattr(part, "name", part),
)
def test_a_network_whose_vectors_are_no_numbers_is_refused(method, rate):
    with pytest.raises(DataError, match=f"^{method.name} finds vectors that are no n"):
        method.fit(draw_log(events=300))


@pytest.mark.parametrize("value", ["a", 3.5, None], ids=str)
def test_features_that_tell_no_two_items_apart_are_refused(value):
    log = draw_log()
    ids = log.items.ids
    table = pl.DataFrame({"item": ids, "same": [value] * len(ids)})
    log = replace(log, items=log.items.with_features(table, "item"))
    sage = Embedding(encoder=GraphSAGE(features=("same",), ids=False), training=ONCE)

    for method in (sage, tg.graphzoom(HOPE(embedding_size=4), features=("same",))):
        with pytest.raises(DataError, match="tells no two apart"):
            method.fit(log)


def test_a_user_of_a_vector_of_zeros_is_their_history():
    rng = np.random.default_rng(0)
    user = np.concatenate([np.repeat(np.arange(30), 6), np.full(20, 30)])
    item = np.concatenate([rng.integers(0, 20, 180), np.arange(20)])
    log = interactions(user, item, np.arange(200))

    fitted = tg.netmf(embedding_size=4, window=10, negatives=3.0).fit(log)

    length = np.abs(fitted.user).max(axis=1)
    assert not fitted.user_known.all()
    assert (length[fitted.user_known] > 1e-6).all()


def test_histories_are_answered_by_vectors_that_were_learnt():
    rng = np.random.default_rng(0)
    user = np.tile(np.arange(80), 25)
    item = user % 4 * 15 + rng.integers(0, 15, 2000)
    log = interactions(user, item, np.arange(2000))
    training = Training(30, 256, Adam(1e-2), patience=None)
    objective = Objective(loss=SkipGram(5))
    two = Embedding("two", TwoTables(), objective, 8, training)

    model = tg.Pipeline(two).fit(log)

    found = [
        int(i) // 15 == group % 4
        for group in range(20)
        for i in model.recommend(history=item[user == group].tolist(), k=10)["item"]
    ]
    assert np.mean(found) > 0.6


def test_ranks_without_an_item_are_refused_before_the_first_epoch():
    training = replace(ONCE, epochs=2)

    with pytest.raises(ConfigError, match="hold no item"):
        tg.pinsage(embedding_size=4, hard_ranks=(2000, 5000), training=training).fit(
            draw_log()
        )


@pytest.mark.parametrize(
    "solver",
    [HOPE(embedding_size=8), GraRep(8), ProNE(8), NetMF(8), NetMF(8, window=2)],
)
def test_the_order_of_rows_changes_no_product(solver):
    log = draw_log(events=1500, users=60, items=60)
    order = np.random.default_rng(1).permutation(len(log))
    ids = log.users.decode(log.user), log.items.decode(log.item)
    other = interactions(*(side.gather(order) for side in ids), log.time)

    left, right = (
        products(Factorized("it", solver).fit(one), one) for one in (log, other)
    )

    np.testing.assert_allclose(left, right, atol=1e-4 * np.abs(left).max())


def products(fitted, log):
    """Products of items by items of a history, in the order of their ids."""
    given = fitted.item if fitted.given is None else fitted.given
    order = np.argsort(log.items.ids.to_numpy())
    return given[order] @ fitted.item[order].T


def test_numbers_that_a_library_cannot_take_are_refused():
    for build in (lambda: InvertedLists(seed=2**31), lambda: LowPass(seed=2**32)):
        with pytest.raises(ConfigError, match="must be below 2"):
            build()


def test_the_noise_of_a_huge_power_is_what_is_most_frequent():
    noise = Noise.of(np.array([0.0, 3.0, 40.0, 40.0]), 1000.0)

    np.testing.assert_allclose(noise.share, [0, 0, 0.5, 0.5])
