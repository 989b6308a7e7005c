import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import model
from tidegraph.config import build, to_table
from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError, DataError
from tidegraph.retrieval import ease, item_knn, popular, rp3beta, slim, user_knn
from tidegraph.retrieval.ease import EASE, FittedEASE
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    HALF_LIVES,
    FromLog,
    settle_on_log,
    value_of,
)
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.knn.similarity import BM25, TFIDF, Cosine, Jaccard
from tidegraph.retrieval.popular import FittedPopular, Popular
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.scoring import trial
from tidegraph.retrieval.slim import SLIM
from tidegraph.retrieval.user_knn import FittedUserKNN, UserKNN
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws, requests_at, same

DAY = 86_400
METHODS = [
    (Popular(), popular.QUESTIONS),
    (ItemKNN(), item_knn.QUESTIONS),
    (UserKNN(), user_knn.QUESTIONS),
    (RP3beta(), rp3beta.QUESTIONS),
    (SLIM(), slim.QUESTIONS),
    (EASE(), ease.QUESTIONS),
]
NAMES = [type(method).__name__ for method, _ in METHODS]


def moments_of(method):
    return popular.MOMENTS if isinstance(method, Popular) else 1


def drifting(seed=0, events=3_000, days=200):
    """A log in which each month has its own items."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, days * DAY, events))
    item = time // (30 * DAY) * 10 + np.minimum(rng.geometric(0.4, events), 10)
    return interactions(rng.integers(0, 300, events), item, time + 1_600_000_000)


def lasting(seed=0, events=3_000, days=200):
    """A log in which the same items are chosen all the time."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, days * DAY, events))
    item = np.minimum(rng.geometric(0.05, events), 80)
    return interactions(rng.integers(0, 800, events), item, time + 1_600_000_000)


SEEN = []


@dataclass(frozen=True, eq=False, repr=False)
class Watched(FittedPopular):
    """A fitted method that notes what it learnt from and which requests it got."""

    learnt: Any = None

    def retrieve(self, requests, k):
        SEEN.append((self.learnt, requests))
        return super().retrieve(requests, k)


@dataclass(frozen=True)
class Spy:
    size: int | FromLog = FROM_LOG
    half_life_days: float | None = None

    def fit(self, train):
        known = Popular(half_life_days=None).fit(train)
        return Watched(known.score, known.order, learnt=train.log)


def test_each_alternative_knows_only_what_came_before_its_requests():
    SEEN.clear()
    log = lasting()
    settle_on_log(Spy(), [({"size": 1}, {"size": 2})], log)

    assert len(SEEN) == 2
    for train, requests in SEEN:
        owner = np.repeat(np.arange(len(requests)), np.diff(requests.history.ptr))
        assert train.time.max() < requests.time.min()
        assert (requests.history.time < requests.time[owner]).all()
        assert requests.time.max() <= log.time.max()
        assert len(train) == pytest.approx(0.9 * len(log), rel=0.01)


def test_what_ranks_the_newest_events_highest_is_chosen_as_a_loop_finds_it():
    log = drifting()
    later = log.since(int(log.time[int(len(log) * 0.9)]))
    pairs = len(set(zip(log.user.tolist(), log.item.tolist(), strict=True)))
    repeat = pairs < 0.9 * len(log)
    moments = [int(later.time[len(later) * part // 10]) for part in range(10)]
    value = {}
    for days in (None, 365.0, 90.0, 30.0, 7.0):
        orders = {moment: order_at(log, moment, days) for moment in moments}
        value[days] = 0.0
        for user, item, time in zip(later.user, later.item, later.time, strict=True):
            order = orders[max(moment for moment in moments if moment <= time)]
            seen = set(log.item[(log.user == user) & (log.time < time)].tolist())
            left = [i for i in order if repeat or i not in seen][:50]
            if item in left:
                value[days] += 1 / math.log2(left.index(item) + 2)

    fitted = Popular().fit(log)

    assert fitted.chosen == {"half_life_days": max(value, key=value.__getitem__)}
    assert value[fitted.chosen["half_life_days"]] > 2 * value[None]
    same(fitted, Popular(**fitted.chosen).fit(log), requests_at(log))


def order_at(log, moment, days):
    """The items before a moment, by how much they were chosen with a half-life."""
    known = log.before(moment)
    age = (known.time[-1] - known.time) / DAY
    weight = np.ones(len(known)) if days is None else 0.5 ** (age / days)
    score = np.bincount(known.item, weight, minlength=len(log.items))
    return [i for i in np.argsort(-score, kind="stable") if score[i] > 0]


def test_each_moment_knows_all_that_came_before_it_and_nothing_else():
    SEEN.clear()
    log = lasting()
    settle_on_log(Spy(), [({"size": 1}, {"size": 2})], log, moments=4)
    cut = int(log.time[int(len(log) * 0.9)])

    parts = {}
    for train, requests in SEEN:
        owner = np.repeat(np.arange(len(requests)), np.diff(requests.history.ptr))
        assert train.time.max() < requests.time.min()
        assert (requests.history.time < requests.time[owner]).all()
        parts.setdefault(len(train), []).append(requests.time)
    asked = [np.unique(np.concatenate(times)) for _, times in sorted(parts.items())]
    assert len(parts) == 4
    assert np.array_equal(np.concatenate(asked), np.unique(log.time[log.time >= cut]))
    for known, times in zip(sorted(parts), asked, strict=True):
        assert known == (log.time < times[0]).sum()


@pytest.mark.parametrize(("method", "questions"), METHODS, ids=NAMES)
def test_a_default_is_fitted_as_what_it_chose_would_be(method, questions):
    log = drifting()
    chosen = settle_on_log(method, questions, log, moments=moments_of(method))

    assert FROM_LOG not in vars(chosen).values()
    same(method.fit(log), chosen.fit(log), requests_at(log))


@pytest.mark.parametrize(("method", "questions"), METHODS, ids=NAMES)
def test_the_same_log_chooses_the_same(method, questions):
    assert settle_on_log(method, questions, drifting()) == settle_on_log(
        method, questions, drifting()
    )


@pytest.mark.parametrize(
    "written",
    [
        Popular(half_life_days=None),
        Popular(half_life_days=3.0),
        ItemKNN(similarity=TFIDF()),
        ItemKNN(shrinkage=3.0),
        ItemKNN(half_life_days=None),
        UserKNN(similarity=Jaccard()),
        UserKNN(half_life_days=2.0),
        RP3beta(beta=0.9),
        RP3beta(alpha=0.7, half_life_days=None),
        SLIM(half_life_days=5.0),
        EASE(half_life_days=5.0),
    ],
    ids=repr,
)
def test_a_written_value_is_never_chosen_over(written):
    questions = {type(method): them for method, them in METHODS}[type(written)]
    chosen = settle_on_log(written, questions, drifting())

    for name, value in vars(written).items():
        if value is not FROM_LOG:
            assert getattr(chosen, name) == value


def test_nothing_is_tried_where_all_is_written(monkeypatch):
    monkeypatch.setattr(trial.Trial, "of", lambda *_: pytest.fail("tried"))

    RP3beta(alpha=1.0, beta=0.0, half_life_days=None).fit(drifting())


@pytest.mark.parametrize(("method", "questions"), METHODS, ids=NAMES)
def test_a_saved_model_reopens_with_what_was_chosen(method, questions, tmp_path):
    log = drifting()
    fitted = method.fit(log)
    save(fitted, tmp_path / "model")
    kinds = (FittedEASE, FittedItemModel, FittedPopular, FittedUserKNN)
    classes = {kind.__name__: kind for kind in kinds}

    back = load(tmp_path / "model", classes)

    assert back.chosen == fitted.chosen != {}
    assert repr(back) == repr(fitted)
    for name, value in fitted.chosen.items():
        assert value is None or f"{name}={value}" in repr(back)
    same(fitted, back, requests_at(log))


@dataclass(frozen=True)
class Reversing(Spy):
    """The popular first, or last."""

    def fit(self, train):
        fitted = super().fit(train)
        if self.size == 2:
            fitted = replace(fitted, order=fitted.order[::-1].copy())
        return replace(fitted, learnt=self.size)


def test_what_is_as_good_is_tried_on_every_held_out_event():
    SEEN.clear()
    log = lasting(events=25_000)
    later = log.since(int(log.time[22_500]))
    settle_on_log(Spy(), [({"size": 1}, {"size": 2})], log)
    of_one = [requests for _, requests in SEEN[::2]]

    assert [len(requests) for requests in of_one] == [1_000, 1_000, 500]
    asked = [zip(r.user.tolist(), r.time.tolist(), strict=True) for r in of_one]
    told = zip(later.user.tolist(), later.time.tolist(), strict=True)
    assert sorted(pair for part in asked for pair in part) == sorted(told)


def test_what_is_clearly_behind_is_tried_on_a_thousand_events_only():
    SEEN.clear()
    chosen = settle_on_log(
        Reversing(), [({"size": 1}, {"size": 2})], lasting(events=25_000)
    )

    assert chosen.size == 1
    assert [(size, len(requests)) for size, requests in SEEN] == [(1, 1000), (2, 1000)]


@dataclass(frozen=True)
class Turning:
    """Ranks by popularity, of two kinds; one is best with old events, one without."""

    kind: str | FromLog = FROM_LOG
    half_life_days: float | FromLog | None = FROM_LOG

    def fit(self, train):
        lately = {("a", None): 90.0, ("b", 30.0): 7.0}
        days = lately.get((self.kind, self.half_life_days), 365.0)
        TRIED.append((self.kind, self.half_life_days))
        return Popular(half_life_days=days).fit(train)


TRIED = []


def test_an_alternative_that_is_best_with_a_half_life_wins_though_poor_without():
    TRIED.clear()
    kinds = [{"kind": "a"}, {"kind": "b"}]

    chosen = settle_on_log(Turning(), [kinds, HALF_LIVES], drifting())

    assert chosen == Turning("b", 30.0)
    # Of the kind that lost only the ends are tried, and nothing is tried twice.
    ends = [("a", None), ("a", 30.0), ("b", None), ("b", 30.0)]
    assert [*ends, ("b", 365.0), ("b", 90.0)] == TRIED


def test_settings_are_tried_on_the_most_frequent_items_as_if_there_were_no_others():
    SEEN.clear()
    log = lasting()
    count = np.bincount(log.item)
    frequent = np.flatnonzero(np.argsort(np.argsort(-count, kind="stable")) < 10)
    few = log.take(np.isin(log.item, frequent))
    few = interactions(few.user, log.items.ids.gather(few.item), few.time)
    settle_on_log(Spy(), [({"size": 1}, {"size": 2})], few)
    settle_on_log(Spy(), [({"size": 1}, {"size": 2})], log, items=10)
    (expected, held_out), _, (known, requests), _ = SEEN

    assert len(known.items) == 10
    assert (known.time == expected.time).all()
    assert (requests.time == held_out.time).all()
    assert (np.unique(known.item) == np.arange(10)).all()
    found, meant = (part.items.ids.gather(part.item) for part in (known, expected))
    assert found.to_list() == meant.to_list()


def test_a_log_that_says_too_little_gets_the_first_of_each_question():
    few = draw_log(events=400)

    assert settle_on_log(ItemKNN(), item_knn.QUESTIONS, few) == ItemKNN(
        similarity=Cosine(), shrinkage=10.0, half_life_days=None
    )
    assert Popular().fit(few).chosen == {"half_life_days": None}


def test_events_of_one_second_get_the_first_of_each_question():
    log = drifting()
    at_once = replace(log, time=np.zeros(len(log), np.int64))

    assert RP3beta().fit(at_once).chosen == {
        "alpha": 0.4,
        "beta": 0.2,
        "half_life_days": None,
    }


def test_a_log_without_times_chooses_by_events_at_random_and_no_half_life():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(300), 12)
    # Two worlds of 30 items, and one item that all users of both have.
    item = user % 2 * 30 + rng.integers(0, 30, len(user))
    item[::12] = 99
    pairs = interactions(user, item)

    fitted = RP3beta().fit(pairs)

    known, later = pairs.random_split(fractions=(0.8,), rng=0)
    values = [
        _value(RP3beta(**dict(way), half_life_days=None), known, later)
        for way in rp3beta.QUESTIONS[0]
    ]
    best = rp3beta.QUESTIONS[0][int(np.argmax(values))]
    assert fitted.chosen == {**best, "half_life_days": None}
    assert RP3beta().fit(Matrix.of(pairs)).chosen["half_life_days"] is None


def _value(method, known, later) -> float:
    """The mean gain of held-out items, from all scores, by a loop."""
    log = known.followed_by(later)
    rows = np.random.default_rng(0)
    rows.permutation(len(log))  # What the random split draws first.
    held_out = later.take(np.sort(rows.permutation(len(later))[:2_000]))
    pairs = len(np.unique(log.user.astype(np.int64) * 1000 + log.item))
    scores = method.fit(known).scores(requests_at(known))
    total = 0.0
    for user, item in zip(held_out.user, held_out.item, strict=True):
        row = scores[user].copy()
        if pairs >= 0.9 * len(log):
            row[known.item[known.user == user]] = -np.inf
        rank = int((row > row[item]).sum())
        total += 1 / math.log2(rank + 2) if rank < 50 and row[item] > -np.inf else 0.0
    return total


def test_positions_hold_out_the_last_of_each_user_and_choose_no_half_life():
    SEEN.clear()
    log = replace(lasting(), clock="order")
    settle_on_log(Spy(), [({"size": 1}, {"size": 2})], log)
    train, requests = SEEN[0]

    assert len(train) == len(log) - (np.bincount(log.user) > 1).sum()
    assert len(np.unique(requests.user)) == len(requests)
    assert ItemKNN().fit(log).chosen["half_life_days"] is None


def test_a_half_life_that_never_ends_is_none_at_all():
    log, pairs = drifting(), interactions([1, 1, 2], ["a", "b", "a"])

    same(
        Popular(half_life_days=math.inf).fit(log),
        Popular(half_life_days=None).fit(log),
        requests_at(log),
    )
    assert model({"model": "SLIM", "half_life_days": math.inf}, "", "retrieve").fit(
        pairs
    )


def test_a_recipe_leaves_to_the_log_what_it_leaves_out():
    made = model({"model": "ItemKNN", "shrinkage": 2}, "recipe", "retrieve")

    assert (made.similarity, made.shrinkage) == (FROM_LOG, 2.0)


def test_an_alternative_that_does_not_go_with_what_is_written_is_left_out():
    chosen = settle_on_log(
        UserKNN(similarity=Jaccard()), user_knn.QUESTIONS, drifting()
    )

    assert chosen.half_life_days is None


def test_a_value_of_another_type_is_refused_by_what_it_may_be():
    @settings
    class Own:
        size: float | FromLog | None = FROM_LOG

    with pytest.raises(ConfigError, match="must be a number or FROM_LOG or None"):
        Own(size="long")


def test_a_setting_that_is_still_open_is_no_value():
    with pytest.raises(ConfigError, match="left to the log"):
        value_of(RP3beta().alpha)


def test_a_log_with_nothing_to_learn_from_is_refused_before_the_trial():
    log = drifting()

    with pytest.raises(DataError, match="nothing to learn"):
        ItemKNN().fit(replace(log, label=np.zeros(len(log), np.int8)))


def test_a_written_none_comes_back_from_a_table():
    written = UserKNN(similarity=BM25(), shrinkage=1.0, half_life_days=None)

    assert build(UserKNN, to_table(written), "UserKNN") == written


class TestLawsWhereTheLogChooses(RetrieverLaws):
    retriever = ItemKNN()

    @pytest.fixture(autouse=True)
    def _chooses_on_little(self, monkeypatch):
        monkeypatch.setattr(trial, "LEAST", 10)


class TestLawsOfPopularWhereTheLogChooses(TestLawsWhereTheLogChooses):
    variant_of = "TestLawsWhereTheLogChooses"
    retriever = Popular()
    needs_history = False
