from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click import FactorizationMachine, Interest
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.optimizers import SGD
from tidegraph.training.schedules import Cosine, WarmUp
from tidegraph.training.settings import Training

SHORT = NeuralRanker(FactorizationMachine(4, (8,)), training=Training(epochs=2))


class TestDeepFM(RankerLaws):
    drawn_by_row = True
    ranker = replace(SHORT, features=FeatureSet(category="category", history=6))


class TestInterestOfAFewGroups(RankerLaws):
    drawn_by_row = True
    ranker = replace(
        SHORT, model=Interest(4, (8,)), features=FeatureSet(("item", "user"), history=6)
    )


def fitted(ranker, **circumstances):
    learn, stop, judge = split_examples(draw_log(events=1500))
    run = Run(np.random.default_rng(1), **circumstances)
    return ranker.fit(learn, stop, run=run), judge


def test_a_group_that_is_off_is_no_input():
    few = FeatureSet(("user", "category"), category="category")
    model, _ = fitted(replace(SHORT, features=few))

    assert model.features.names == (
        "user_count",
        "user_gap",
        "user_unseen",
        "category_share",
        "category_gap",
        "user_recent_count",
    )
    assert model.network.wide.in_features == 6


def test_the_curve_is_kept():
    model, _ = fitted(SHORT)

    assert len(model.curve.loss) == 2
    assert all(np.isfinite(model.curve.metric))


def test_a_ranker_is_called_by_its_network():
    model, _ = fitted(SHORT)

    assert model.name == "DeepFM"


def test_a_fit_resumes_from_its_checkpoints(tmp_path):
    whole, judge = fitted(SHORT)
    fitted(SHORT, checkpoints=tmp_path)

    again, _ = fitted(SHORT, checkpoints=tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000002"]
    np.testing.assert_array_equal(
        again.score(judge.requests, judge.candidates),
        whole.score(judge.requests, judge.candidates),
    )


def test_every_setting_survives_a_table():
    ranker = NeuralRanker(
        FactorizationMachine(4),
        FeatureSet(("item",)),
        training=Training(optimizer=SGD(0.2), schedule=WarmUp(3, then=Cosine(0.1))),
    )

    assert build(NeuralRanker, to_table(ranker), "here") == ranker


def test_a_type_that_does_not_exist_is_named_with_those_that_do():
    table = {"optimizer": {"type": "Adm", "learning_rate": 0.1}}

    with pytest.raises(ConfigError, match=r"'Adm'.*Did you mean 'Adam'.*Adagrad, Adam"):
        build(Training, table, "rank.training")


def test_a_part_without_a_type_is_refused():
    with pytest.raises(ConfigError, match="does not say which type"):
        build(Training, {"schedule": {"floor": 0.1}}, "rank.training")


def test_a_group_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(ConfigError, match=r"'itm'.*Did you mean 'item'"):
        FeatureSet(("itm",))
