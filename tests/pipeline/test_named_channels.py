"""One method several times in a pipeline: each by its name, wherever a name stands."""

import numpy as np
import pytest

from tidegraph.catalog import load
from tidegraph.errors import ConfigError, RequestError, UnknownIdWarning
from tidegraph.evaluation.report.learning import learning_section
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.pipeline.curves import curves_of
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.run import Run
from tidegraph.testing.logs import draw_log
from tidegraph.training.settings import Training

TWICE = {"near": ItemKNN(neighbors=2), "far": ItemKNN(neighbors=90)}
SHORT = Training(1, 128, patience=None)


def test_answers_say_the_names_also_after_saving(tmp_path):
    fitted = Pipeline(TWICE, rank=RecencyLogit(), fallback={"rest": Popular()}).fit(
        *draw_log(events=1500).split(fractions=(0.8,))
    )
    lists = fitted.recommend_all(k=30)
    fitted.save(tmp_path / "model")
    back = load(tmp_path / "model")

    said = set(lists["channel"].str.split("+").explode())
    assert said == {"near", "far"}
    with pytest.warns(UnknownIdWarning):
        (spare,) = fitted.recommend("nobody", k=3)["channel"].unique()
    assert spare == "rest (fallback)"
    assert fitted.describe().startswith("near + far > RecencyLogit > else rest")
    assert list(back.channels()) == ["near", "far"]
    assert back.recommend_all(k=30).equals(lists)
    assert fitted.ranker.features.channels == ("near", "far")


def test_items_are_alike_as_the_named_channel_says():
    log = draw_log()
    fitted = Pipeline(TWICE).fit(log)
    some = log.items.ids.head(3)

    for name, method in TWICE.items():
        alone = Pipeline(method).fit(log).similar(some)
        named = fitted.similar(some, channel=name)
        assert named["channel"].unique().to_list() == [name]
        assert named.drop("channel").equals(alone.drop("channel"))
    with pytest.raises(RequestError, match=r"no channel 'ItemKNN'. There are: near"):
        fitted.similar(some, channel="ItemKNN")


def test_each_learns_keeps_its_checkpoints_and_draws_its_curve_apart(tmp_path):
    train, valid = draw_log(events=3000).split(fractions=(0.8,))
    plan = Pipeline(
        {"small": bpr_mf(2, training=SHORT), "large": bpr_mf(4, training=SHORT)},
        rank=NeuralRanker(training=Training(epochs=1)),
        windows=Windows(2, fit_once=("small",)),
    )
    where = Run(np.random.default_rng(0), checkpoints=tmp_path)
    fitted = plan.fit(train, valid, run=where)

    kept = [p.name for p in tmp_path.glob("*/*/") if p.parent.name != "rank"]
    assert "weights" in kept
    kept = [name for name in kept if name != "weights"]
    assert sorted(kept) == ["large"] * 4 + ["small"] * 3
    assert list(curves_of(fitted)) == ["small", "large", "DIN"]
    assert "small: 1 epochs" in learning_section(curves_of(fitted)).text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"retrieve": (ItemKNN(2), ItemKNN(9))}, "two channels called 'ItemKNN'. Name"),
        ({"retrieve": {"a/b": ItemKNN()}}, "a channel called 'a/b'"),
        ({"retrieve": {}}, "no channels"),
        (
            {"retrieve": {"RecencyLogit": ItemKNN()}, "rank": RecencyLogit()},
            "a channel called 'RecencyLogit', as its ranker or fallback is. Rename",
        ),
        (
            {"retrieve": {"a (fallback)": ItemKNN()}, "fallback": {"a": Popular()}},
            r"a channel called 'a \(fallback\)', as its ranker or fallback is",
        ),
        ({"retrieve": ItemKNN(), "fallback": TWICE}, "fallback names 2 methods"),
        (
            {"retrieve": TWICE, "windows": Windows(fit_once=("nearer",))},
            "no such channel. Did you mean 'near'",
        ),
    ],
)
def test_names_that_clash_or_are_no_names_are_refused(settings, says):
    with pytest.raises(ConfigError, match=says):
        Pipeline(**settings)
