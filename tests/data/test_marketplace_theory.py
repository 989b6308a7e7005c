"""Recommenders whose scores on a simulated marketplace follow from its truth.

Under a uniform policy whoever clicks at time t clicks item i with probability
p_i / sum_j p_j, for p the true click probabilities of that user and time, because
chance and not the item decides what is shown and at which place. So a list L that is
made before the click has, for a metric that gives w_r to finding the item at rank r,

    E[metric] = mean over clicks of sum_r w_r p_{L_r} / sum_j p_j,

which is (w_1 + ... + w_k) / n for a random list out of n items.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from tidegraph.data.synthetic import (
    Lifecycle,
    Marketplace,
    Policy,
    Tastes,
    Truth,
    World,
)
from tidegraph.data.synthetic.attraction import START
from tidegraph.durations import DAY
from tidegraph.evaluation.answers import lists_of_model
from tidegraph.evaluation.metrics.ranking import hit_rate, hits, ndcg, reciprocal_rank
from tidegraph.evaluation.protocol import Recommender, Task, at_each_event
from tidegraph.retrieval.popular import Popular
from tidegraph.stages import Candidates, Requests

ITEMS, K = 80, 10
UNIFORM = Policy(slate=5, top_exploration=1.0, bottom_exploration=1.0)
BIASED = Policy(slate=5, top_exploration=0.2, bottom_exploration=0.6)
MARKET = Marketplace(
    users=300,
    items=ITEMS,
    days=12,
    visits=3_000,
    lifecycle=Lifecycle(lifetime_days=math.inf, freshness=0.0),
    policy=UNIFORM,
)
SAME_TASTE = Tastes(profiles=1, spread=0.0, drift=0.0)
DISCOUNTS = {
    "hit": np.ones(K),
    "ndcg": 1 / np.log2(np.arange(2, K + 2)),
    "mrr": 1 / np.arange(1, K + 1),
}


@dataclass(frozen=True)
class Oracle:
    truth: Truth

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        return answered(self.truth.best(requests.user, requests.time, k))


@dataclass(frozen=True)
class Random:
    rng: np.random.Generator

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        shuffled = self.rng.random((len(requests), ITEMS)).argsort(axis=1)
        return answered(shuffled[:, :k].astype(np.int32))


def answered(item: np.ndarray) -> Candidates:
    return Candidates.of_channel(item, np.zeros(item.shape, np.float32), "theory")


def simulated(market: Marketplace, seed: int = 0) -> World:
    return market.simulate(rng=np.random.default_rng(seed))


@dataclass(frozen=True)
class Trial:
    """Three recommenders that know the first ten days; one request per later click."""

    truth: Truth
    task: Task
    found: dict[str, np.ndarray]

    @classmethod
    def of(cls, world: World) -> "Trial":
        cut = START + 10 * DAY
        train = world.log.before(cut)
        task = at_each_event(train, world.log.since(cut), repeat=True)
        models: dict[str, Recommender] = {
            "random": Random(np.random.default_rng(1)),
            "popular": Popular().fit(train),
            "oracle": Oracle(world.truth),
        }
        found = {name: lists_of_model(m, task, K, name) for name, m in models.items()}
        return cls(world.truth, task, found)

    def measured(self, model: str, metric: str) -> np.ndarray:
        """What the library's own metrics say of each request."""
        hit = hits(self.found[model], self.task.relevant)
        if metric == "ndcg":
            return ndcg(hit, self.task.relevant.count, K)
        return {"hit": hit_rate, "mrr": reciprocal_rank}[metric](hit, K)

    def chance(self, model: str) -> np.ndarray:
        """Probability that the click of each request is on each place of the list."""
        user, time = self.task.requests.user, self.task.requests.time
        offer = self.truth.click_probabilities(user, time)
        listed = np.take_along_axis(offer, self.found[model], axis=1)
        return listed / offer.sum(axis=1, keepdims=True)

    def clicks(self, model: str) -> np.ndarray:
        user, time = self.task.requests.user, self.task.requests.time
        return self.truth.expected_clicks(user, self.found[model], time)


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial.of(simulated(MARKET))


@pytest.mark.parametrize("metric", DISCOUNTS)
@pytest.mark.parametrize("model", ["random", "popular", "oracle"])
def test_each_scores_what_the_truth_says_of_its_lists(trial: Trial, model, metric):
    chance, discount = trial.chance(model), DISCOUNTS[metric]

    mean = chance @ discount
    variance = chance @ discount**2 - mean**2

    z = (trial.measured(model, metric) - mean).sum() / math.sqrt(variance.sum())
    assert abs(z) < 3.3


@pytest.mark.parametrize("metric", DISCOUNTS)
def test_random_scores_the_sum_of_the_discounts_over_the_items(trial: Trial, metric):
    discount = DISCOUNTS[metric]

    expected = discount.sum() / ITEMS

    variance = (discount**2).sum() / ITEMS - expected**2
    error = math.sqrt(variance / len(trial.task))
    assert abs(trial.measured("random", metric).mean() - expected) < 3.3 * error


@pytest.mark.parametrize("metric", DISCOUNTS)
def test_popularity_stands_between_chance_and_the_oracle(trial: Trial, metric):
    random, popular, oracle = (
        trial.measured(model, metric) for model in ("random", "popular", "oracle")
    )

    for worse, better in ((random, popular), (popular, oracle)):
        gain = better - worse
        assert gain.mean() > 5 * gain.std() / math.sqrt(len(gain))


def test_no_request_expects_more_clicks_than_from_the_oracle(trial: Trial):
    best = trial.clicks("oracle")

    for model in ("random", "popular"):
        assert (trial.clicks(model) <= best + 1e-12).all()


def test_a_random_list_expects_the_mean_probability_at_every_place(trial: Trial):
    user, time = trial.task.requests.user, trial.task.requests.time
    mean = trial.truth.click_probabilities(user, time).mean(axis=1)

    # Position bias 1: the places are looked at with probability 1, 1/2, ... 1/10.
    error = trial.clicks("random") - mean * (1 / np.arange(1, K + 1)).sum()

    assert abs(error.mean()) < 3.3 * error.std() / math.sqrt(len(error))


def test_a_uniform_policy_earns_what_a_random_list_must():
    world = simulated(MARKET)
    slates = world.log.label.reshape(-1, 5).sum(axis=1)
    user, time = world.log.user[::5], world.log.time[::5]
    mean = world.truth.click_probabilities(user, time).mean(axis=1)

    error = slates - mean * (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5)

    assert abs(error.mean()) < 3.3 * error.std() / math.sqrt(len(error))


def test_where_all_tastes_are_the_same_popularity_is_the_oracle():
    # With some 10,000 looks an item, only near-ties are left in the wrong order.
    trial = Trial.of(simulated(replace(MARKET, tastes=SAME_TASTE, visits=9_000)))

    reached = trial.clicks("popular").mean() / trial.clicks("oracle").mean()

    assert 0.99 < reached <= 1


def test_the_more_tastes_differ_the_further_popularity_falls_behind():
    def reached(tastes: Tastes) -> float:
        trial = Trial.of(simulated(replace(MARKET, tastes=tastes)))
        return trial.clicks("popular").mean() / trial.clicks("oracle").mean()

    same = reached(SAME_TASTE)
    alike = reached(replace(SAME_TASTE, spread=0.7))
    several = reached(Tastes(profiles=8, spread=0.7))

    assert same > alike + 0.1 > several + 0.2


def true_clicks(world: World) -> np.ndarray:
    """Clicks each item would get at the top if every visit were shown every item."""
    visits = world.log.take(world.log.context["position"].to_numpy() == 0)
    return world.truth.click_probabilities(visits.user, visits.time).sum(axis=0)


def test_inverse_propensities_recover_every_items_true_clicks():
    world = simulated(replace(MARKET, policy=BIASED))
    log = world.log.take(world.log.context["position"].to_numpy() == 0)
    propensity = log.context["propensity"].to_numpy()
    offers = world.truth.click_probabilities(log.user, log.time)
    # The policy of a day is the same for all its visits, and every item gets a turn.
    day = (log.time - START) // DAY
    policy = np.zeros((MARKET.days, ITEMS))
    policy[day, log.item] = propensity

    estimate = np.bincount(log.item, log.label / propensity, minlength=ITEMS)
    # A visit adds 1 / propensity with probability p * propensity, else 0.
    variance = (offers / policy[day] - offers**2).sum(axis=0)
    z = (estimate - offers.sum(axis=0)) / np.sqrt(variance)

    assert (z**2).sum() < stats.chi2.isf(1e-3, ITEMS)


def test_raw_clicks_exaggerate_the_popular_and_inverse_propensities_do_not():
    world = simulated(replace(MARKET, policy=replace(BIASED, popularity=1.5)))
    log, true = world.log, true_clicks(world)
    looked = world.truth.examination(log.context["position"].to_numpy())
    weight = 1 / (log.context["propensity"].to_numpy() * looked)
    top = np.argsort(-true)[: ITEMS // 10]

    def share_of_the_top(clicks: np.ndarray) -> float:
        return clicks[top].sum() / clicks.sum()

    raw = share_of_the_top(np.bincount(log.item, log.label, minlength=ITEMS))
    weighted = share_of_the_top(
        np.bincount(log.item, log.label * weight, minlength=ITEMS)
    )

    assert weighted == pytest.approx(share_of_the_top(true), rel=0.05)
    assert raw > 1.5 * share_of_the_top(true)


def test_the_order_holds_where_tastes_drift_and_items_come_and_go():
    world = simulated(replace(MARKET, lifecycle=Lifecycle(20.0), policy=BIASED))
    truth, cut = world.truth, START + 10 * DAY
    later = world.log.since(cut)
    user, time = later.user[::50], later.time[::50]
    offered = truth.click_probabilities(user, time) > 0
    clicked = world.log.before(cut).actions().item
    fame = 1 + np.bincount(clicked, minlength=offered.shape[1])

    def clicks_of_the_highest(score: np.ndarray) -> float:
        order = np.argsort(-score * offered, axis=1, kind="stable")
        return truth.expected_clicks(user, order[:, :K].astype(np.int32), time).mean()

    random = clicks_of_the_highest(np.random.default_rng(0).random(offered.shape))
    popular = clicks_of_the_highest(fame)
    best = truth.expected_clicks(user, truth.best(user, time, K), time).mean()
    assert 1.5 * random < popular < 0.9 * best
