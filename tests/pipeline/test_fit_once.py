"""A channel that is fitted once learns before the oldest cut, and serves up to date."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tidegraph.errors import ConfigError
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.testing.logs import draw_log
from tidegraph.training.settings import Training


@dataclass(frozen=True)
class Watched:
    """Popular, which notes the last event of each log that it learnt from."""

    name: str
    until: list = field(default_factory=list)

    def fit(self, train):
        self.until.append(int(train.events.time[-1]))
        return Popular(half_life_days=None).fit(train)


def parts(log=None):
    return (draw_log(events=1500) if log is None else log).split(fractions=(0.8,))


def cuts(train, valid, windows):
    span = int(valid.time[-1]) - int(train.time[-1])
    return [int(train.time[-1]) + 1 - n * span for n in range(windows, 0, -1)]


@pytest.mark.parametrize("held_out", [True, False])
def test_only_those_named_are_fitted_once_for_all_windows(held_out):
    train, valid = parts()
    costly, cheap = Watched("costly"), Watched("cheap")
    plan = Pipeline(
        Blend((costly, cheap), quotas=()),
        rank=RecencyLogit(),
        windows=Windows(fit_once=("costly",)),
    )

    if held_out:
        plan.fit(train, valid)
    else:
        replace(plan, windows=Windows(days=1.0, fit_once=("costly",))).fit(train)

    assert len(cheap.until) == 5
    assert costly.until == [min(cheap.until), max(cheap.until)]
    assert cheap.until == sorted(cheap.until)


def test_rewriting_what_comes_after_the_oldest_cut_keeps_what_was_fitted_before_it():
    log = draw_log(events=1500)
    train, valid = parts(log)
    cut, item = cuts(train, valid, 3)[0], log.item.copy()
    later = log.time >= cut
    item[later] = np.random.default_rng(0).permutation(item[later])
    seen = []

    @dataclass(frozen=True)
    class Kept:
        name: str = "kept"

        def fit(self, train):
            seen.append(Popular(half_life_days=None).fit(train))
            return seen[-1]

    plan = Pipeline(
        Blend((Kept(), ItemKNN()), quotas=()),
        rank=RecencyLogit(),
        windows=Windows(fit_once=("kept",)),
    )
    for whole in (log, replace(log, item=item)):
        plan.fit(*parts(whole))

    before, known, as_rewritten, _ = seen
    np.testing.assert_array_equal(before.score, as_rewritten.score)
    assert before.trained_until < cut <= known.trained_until


def test_what_is_served_is_fitted_on_everything():
    train, valid = parts()
    plan = Pipeline((Popular(), ItemKNN()))

    once = replace(plan, windows=Windows(fit_once=("Popular", "ItemKNN"))).fit(
        train, valid
    )

    assert once.recommend_all(k=5).equals(plan.fit(train, valid).recommend_all(k=5))


def test_a_trained_channel_answers_in_later_windows_for_users_it_has_never_seen():
    train, valid = parts()
    bpr = bpr_mf(4, training=Training(1, 128, patience=None))
    plan = Pipeline(
        Blend((bpr, Popular())),
        rank=RecencyLogit(),
        windows=Windows(2, fit_once=("BPR-MF",)),
    )

    assert plan.fit(train, valid).recommend_all(k=5).height > 0


def test_a_name_that_is_no_channel_is_refused():
    with pytest.raises(ConfigError, match=r"no such channel\. Did you mean 'ItemKNN'"):
        Pipeline((ItemKNN(), Popular()), windows=Windows(fit_once=("ItemKnn",)))


def test_channels_are_weighed_before_the_oldest_cut_and_on_valid():
    log = draw_log(events=8000)
    train, valid = parts(log)
    watched = Watched("watched")
    plan = Pipeline((watched, ItemKNN()), rank=RecencyLogit(), windows=Windows(3))

    plan.fit(train, valid)

    # Before each of five cuts, once on nine tenths of what was known at the oldest, and
    # once more on train, since nothing says that this channel stays the same.
    assert len(watched.until) == 7
    tenths, oldest, *_, last = sorted(set(watched.until))
    assert watched.until[:2] == [oldest, tenths]
    assert watched.until.count(int(train.time[-1])) == 2
    assert watched.until[-1] == last == valid.time[-1]
