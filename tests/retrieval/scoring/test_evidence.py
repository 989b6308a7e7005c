"""Weights below zero: a pair that adds up to 0 or less is as if it had never been."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError
from tidegraph.graph.storage.histories import Histories
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.heuristics.meta_path import MetaPath
from tidegraph.retrieval.heuristics.proximity import AdamicAdar, CommonNeighbors
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import BM25, Cosine, Pearson
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.scoring.evidence import evidence, evident_log
from tidegraph.retrieval.slim import SLIM
from tidegraph.retrieval.user_knn import UserKNN
from tidegraph.stages.evidence import evident_history
from tidegraph.testing.retrievers import requests_at, same

METHODS = [
    Popular(),
    Popular(half_life_days=5.0),
    Repeat(),
    Repeat(half_life_days=None),
    ItemKNN(),
    ItemKNN(similarity=BM25()),
    ItemKNN(similarity=Cosine()),
    ItemKNN(similarity=Pearson(), half_life_days=5.0),
    UserKNN(),
    UserKNN(similarity=BM25()),
    UserKNN(half_life_days=5.0),
    RP3beta(),
    SLIM(l1=0.0, l2=1.0),
    EASE(l2=5.0),
    CommonNeighbors(),
    AdamicAdar(),
    MetaPath(("~action", "action")),
]


def with_returns(seed: int) -> tuple[Interactions, Interactions]:
    """A log in which pairs are returned or disliked, and the log without them."""
    log = draw_log(seed)
    rng = np.random.default_rng(seed)
    weight = rng.choice([-3.0, -1.0, 1.0, 2.0], len(log), p=[0.1, 0.2, 0.5, 0.2])
    log = Interactions(
        log.user,
        log.item,
        log.time,
        log.label,
        weight.astype(np.float32),
        log.users,
        log.items,
    )
    total: dict[tuple[int, int], float] = {}
    for user, item, worth in zip(log.user, log.item, weight, strict=True):
        total[user, item] = total.get((user, item), 0.0) + worth
    kept = [total[pair] > 0 for pair in zip(log.user, log.item, strict=True)]
    return log, log.take(np.array(kept))


@pytest.mark.parametrize("method", METHODS, ids=repr)
@settings(max_examples=3)
@given(seed=st.integers(0, 50))
def test_a_pair_that_adds_up_to_nothing_is_as_if_it_had_never_been(method, seed):
    returned, without = with_returns(seed)
    # The end of training and of histories is where ages are counted from.
    end = int(returned.time[-1]) + 1

    whole = method.fit(returned)
    clean = method.fit(without)

    a, b = requests_at(returned, at=end), requests_at(without, at=end)
    left, right = whole.retrieve(a, 10), clean.retrieve(b, 10)
    np.testing.assert_array_equal(left.item, right.item)
    finite = np.isfinite(right.score)
    # Ages count from the newest evidence, so scores are the same too.
    np.testing.assert_allclose(left.score[finite], right.score[finite], rtol=1e-6)
    np.testing.assert_array_equal(
        whole.because(a, left.item), clean.because(b, right.item)
    )


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_no_score_has_the_sign_of_a_return(method):
    returned, _ = with_returns(7)

    answer = method.fit(returned).retrieve(requests_at(returned), 10)

    if not isinstance(method, EASE):
        assert (answer.score[answer.present] > 0).all()
    assert np.isfinite(answer.score[answer.present]).all()


def test_the_pairs_that_are_left_are_those_of_a_loop():
    returned, _ = with_returns(3)
    total: dict[tuple[int, int], float] = {}
    for user, item, worth in zip(
        returned.user.tolist(),
        returned.item.tolist(),
        returned.weight.tolist(),
        strict=True,
    ):
        total[user, item] = total.get((user, item), 0.0) + worth
    expected = {pair: worth for pair, worth in total.items() if worth > 0}

    rows = evidence(returned, "Any").csr().tocoo()

    user, item = rows.coords
    pairs = zip(user.tolist(), item.tolist(), strict=True)
    assert dict(zip(pairs, rows.data.tolist(), strict=True)) == expected
    log = evident_log(returned, "Any")
    assert set(zip(log.user.tolist(), log.item.tolist(), strict=True)) == set(expected)


def test_a_history_says_what_is_left_of_it_at_its_own_time():
    # x is bought, y is bought and returned, z is disliked and then bought twice.
    history = Histories(
        np.array([0, 6, 6, 7], np.int64),
        np.array([0, 1, 1, 2, 2, 2, 1], np.int32),
        np.arange(7),
        np.array([1, 1, -1, -1, 1, 1, 1], np.float32),
    )

    left = evident_history(history)

    assert left.ptr.tolist() == [0, 4, 4, 5]
    assert left.node.tolist() == [0, 2, 2, 2, 1]


def test_a_returned_item_does_not_vote_for_its_neighbours():
    log = interactions([*"bbccaa"], [*"xyxyxx"], range(6), weight=[1, 1, 1, 1, 1, -1])
    a = log.users.row("a")

    for at, voted in ((5, True), (6, False)):
        requests = requests_at(log, at=at).rows(a, a + 1)
        assert ItemKNN().fit(log).retrieve(requests, 5).present.any() == voted


def test_a_decayed_sum_below_zero_is_not_recommended():
    # x was bought three times long ago and returned once now: 3/1024 - 1.
    log = interactions(
        ["a"] * 5, [*"xxxyx"], [0, 0, 0, 0, 864_000], weight=[1, 1, 1, 1, -1]
    )

    answer = Repeat(half_life_days=1.0).fit(log).retrieve(requests_at(log), 5)
    popular = Popular(half_life_days=1.0).fit(log)

    assert answer.item[0].tolist()[:2] == [1, -1]
    assert popular.order.tolist() == [1]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_log_of_returns_only_is_refused(method):
    log = interactions(["a", "b"], ["x", "y"], [1, 2], weight=[-1.0, 0.0])

    with pytest.raises(DataError, match="add up to 0 or less"):
        method.fit(log)


def test_weights_above_zero_are_taken_as_they_are():
    log = draw_log()

    history = requests_at(log).history
    assert evident_history(history) is history
    same(ItemKNN().fit(log), ItemKNN().fit(Matrix.of(log)), requests_at(log))


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_money_that_was_wholly_paid_back_is_no_evidence(parts):
    # In cents, each adds up to 0; in binary, about one in ten would not.
    rng = np.random.default_rng(parts)
    cents, users = rng.integers(1, 20_000, (2_000, parts)), np.arange(2_000)
    weight = np.c_[cents, -cents.sum(axis=1)] / 100
    log = interactions(
        np.repeat(users, parts + 1),
        np.repeat(users % 50, parts + 1),
        np.arange(weight.size),
        weight=weight.ravel(),
    )

    assert not (Matrix.of(log).weight > 0).any()
    with pytest.raises(DataError, match="nothing to learn from"):
        evidence(log, "Test")
    history = requests_at(log, at=weight.size).history
    assert len(history.node) == weight.size
    assert len(evident_history(history).node) == 0


def test_a_cent_that_is_left_of_a_fortune_is_evidence():
    # A single cent of 4,000 that were paid, and paid back but for it.
    log = interactions(list("uu"), list("aa"), [0, 1], weight=[4000.01, -4000.00])

    assert (Matrix.of(log).weight > 0).all()
