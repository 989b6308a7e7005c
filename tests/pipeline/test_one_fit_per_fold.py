"""A channel is fitted once on each fold: also what trained a ranker and what judges."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from tidegraph.graph.live import Graph
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.recipe_file.on_valid import judge_on_valid
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.run import Run
from tidegraph.stages import Fold, fit_in
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import requests_at, same
from tidegraph.training.settings import Training

BPR = bpr_mf(4, training=Training(1, 128, patience=None))


@dataclass(frozen=True)
class Counted:
    """Popular, which counts its fits by the last event that each knew."""

    name: str
    fits: ClassVar[Counter] = Counter()

    def fit(self, train):
        self.fits[self.name, int(train.events.time[-1])] += 1
        return Popular(half_life_days=None).fit(train)


class Loose:
    """Popular, of settings that may change, which counts its fits."""

    fits = 0

    def fit(self, train):
        self.fits += 1
        return Popular(half_life_days=None).fit(train)


@pytest.fixture(autouse=True)
def _none_yet():
    Counted.fits.clear()


def run(seed=0, **circumstances):
    return Run(np.random.default_rng(seed), **circumstances)


def parts(events=1500):
    train, valid = draw_log(events=events).split(fractions=(0.8,))
    return Fold(train), valid


def knowledge(log):
    made = {"item": log.items.ids, "maker": [n % 3 for n in range(len(log.items))]}
    graph = Graph().nodes("item", {"item": log.items.ids}, key="item")
    graph.nodes("maker", {"maker": range(3)}, key="maker")
    return graph.edges("made_by", made, "item -> maker")


@pytest.mark.parametrize("further", [False, True])
def test_training_and_judging_fit_each_channel_once_per_fold(further):
    train, valid = parts()
    graph = knowledge(valid) if further else None
    blend = Blend((Counted("a"), ItemKNN()), quotas=())
    plan = Pipeline(blend, rank=RecencyLogit(), windows=Windows(2))
    model = plan.fit(train, valid, graph=graph, run=run())

    judge_on_valid(plan, model, train, valid, graph=graph, run=run())

    assert len(Counted.fits) == 4  # Two windows, train, and all.
    assert set(Counted.fits.values()) == {1}


def test_weights_of_channels_cost_a_fit_before_the_oldest_window():
    train, valid = parts(events=3000)
    plan = Pipeline((Counted("a"), ItemKNN()), rank=RecencyLogit(), windows=Windows(2))
    model = plan.fit(train, valid, run=run())

    judge_on_valid(plan, model, train, valid, run=run())

    # What came before the newest tenth before the oldest window, the windows, train,
    # whose answers weigh what is served by what happened in valid, and all.
    assert len(Counted.fits) == 5
    assert set(Counted.fits.values()) == {1}


def test_what_is_served_is_weighted_by_what_happened_in_valid():
    train, valid = parts()
    channels = Popular(half_life_days=None), ItemKNN()
    by_hand = Blend(channels).fit(train, valid, repeat=True)

    model = Pipeline(channels, rank=RecencyLogit(), windows=Windows(1)).fit(
        train, valid, run=run()
    )

    assert model.retriever.quotas == by_hand.quotas
    assert model.retriever.by == by_hand.by
    assert model.trained_until == valid.time[-1]


def test_a_channel_that_is_fitted_once_for_all_windows_is_fitted_anew_on_train():
    train, valid = parts()
    windows = Windows(2, fit_once=("a",))
    blend = Blend((Counted("a"), ItemKNN()), quotas=())
    plan = Pipeline(blend, rank=RecencyLogit(), windows=windows)
    model = plan.fit(train, valid, run=run())

    judged = plan.refitted(model, train, run=run())

    assert len(Counted.fits) == 3  # The oldest window, all, and train.
    assert judged.channels()["a"].trained_until == train.events.time[-1]


def test_what_is_shared_answers_bit_for_bit_as_what_is_fitted_apart():
    train, valid = parts()
    plan = Pipeline((ItemKNN(), BPR), rank=RecencyLogit(), fallback=Popular())
    model = plan.fit(train, valid, run=run())

    shared = plan.refitted(model, train, run=run())
    apart = plan.refitted(model, train.log, run=run())

    assert shared.recommend_all(k=9).equals(apart.recommend_all(k=9))
    asked = requests_at(train.log)
    for name, channel in shared.channels().items():
        same(channel, apart.channels()[name], asked)


def test_other_settings_other_seeds_and_what_may_change_are_fitted_apart():
    fold = Fold(draw_log())
    one = fit_in(BPR, fold, run())

    assert fit_in(replace(BPR), fold, run()) is one
    assert fit_in(BPR, fold, run(1)) is not one
    assert fit_in(BPR, fold, None) is not one
    assert fit_in(BPR, fold, run(threads=2)) is not one
    assert fit_in(replace(BPR, embedding_size=5), fold, run()) is not one
    assert fit_in(BPR, Fold(fold.log), run()) is not one
    assert fit_in(ItemKNN(), fold, run()) is fit_in(ItemKNN(), fold, run(1))
    loose = Loose()
    assert fit_in(loose, fold, None) is not fit_in(loose, fold, None)
    assert loose.fits == 2


def test_a_log_that_is_no_fold_of_the_callers_keeps_nothing():
    train, valid = parts()
    plan = Pipeline((Counted("a"),), rank=RecencyLogit(), windows=Windows(1))
    model = plan.fit(train.log, valid)

    plan.refitted(model, train.log)

    assert sorted(Counted.fits.values()) == [1, 1, 2]
