"""A network to which all candidates are one is refused as it is made."""

import numpy as np
import pytest

from tidegraph.errors import ConfigError
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click import DIN, DSGL, FM, MF, MLP, NGCF, LightGCN, NextEvent, SVDpp
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import split_examples
from tidegraph.training.settings import Training

OFF = FeatureSet(groups=(), ids=False)


@pytest.mark.parametrize(
    ("model", "features", "says"),
    [
        *(
            (model, FeatureSet(ids=False), r"its vectors alone.* Turn ids on")
            for model in (MF(), SVDpp(), LightGCN(), NGCF())
        ),
        (MF(), FeatureSet(ids=False, fields=("user.age",)), "field of items"),
        (MLP(), FeatureSet(groups=()), r"its numbers alone.* Take groups .*'item'"),
        (MLP(), FeatureSet(groups=("events", "cross")), "its numbers alone"),
        (FM(), OFF, r"Turn ids on, .* or take groups"),
        (DIN(), OFF, "DIN knows a candidate by its vectors and numbers alone"),
        (NextEvent(), FeatureSet(groups=("events",), ids=False), "vectors and"),
    ],
)
def test_a_network_that_is_told_nothing_of_a_candidate_is_refused(
    model, features, says
):
    with pytest.raises(ConfigError, match=says):
        NeuralRanker(model, features)


@pytest.mark.parametrize(
    ("model", "features"),
    [
        (MF(4), FeatureSet(groups=(), ids="item")),
        (MF(4), FeatureSet(groups=(), ids=False, category="category")),
        (MLP((4,)), FeatureSet(groups=("item",), ids=False)),
        (DIN(4, (4,)), FeatureSet(groups=("cross",), ids=False)),
        (DSGL(4, (4,)), OFF),
    ],
)
def test_whatever_is_told_of_a_candidate_tells_some_apart(model, features):
    learn, stop, judge = split_examples(draw_log(events=900))
    ranker = NeuralRanker(model, features, training=Training(epochs=1))

    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))

    score = fitted.score(judge.requests, judge.candidates)
    assert (np.ptp(score, axis=1) > 0).any()


def test_a_group_of_inputs_is_there_once():
    with pytest.raises(
        ConfigError, match="the group of features 'item' is there twice"
    ):
        FeatureSet(groups=("item", "pair", "item"))
