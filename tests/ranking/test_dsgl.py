from copy import deepcopy
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch

import tidegraph as tg
from conftest import draw_log
from tidegraph import catalog
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.pipeline.past import Windows
from tidegraph.ranking.calibration import Calibrated
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import without
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.settings import Training

SHORT = NeuralRanker(
    DSGL(embedding_size=4, hidden=(8,), history=3),
    FeatureSet(category="category", history=1),
    training=Training(epochs=1),
)


def handed_over(model):
    return ForkingPickler.loads(ForkingPickler.dumps(model))


class TestDSGL(RankerLaws):
    drawn_by_row = True
    ranker = SHORT


def test_a_fit_resumes_from_its_checkpoints_of_the_same_graph(tmp_path):
    def fitted(log):
        learn, stop, judge = split_examples(log)
        run = Run(np.random.default_rng(1), checkpoints=tmp_path)
        return SHORT.fit(learn, stop, run=run).score(judge.requests, judge.candidates)

    log = draw_log(events=800)
    whole = fitted(log)

    np.testing.assert_array_equal(fitted(log), whole)
    with pytest.raises(ConfigError, match="checkpoint"):
        fitted(replace(log, time=log.time + 3600))


def test_a_pipeline_with_it_is_saved_observes_forgets_and_answers_anybody(tmp_path):
    log = draw_log(events=800)
    pipe = tg.Pipeline(retrieve=tg.ItemKNN(), rank=SHORT, windows=Windows(days=4.0))
    end = int(log.time[-1])
    model = pipe.fit(log, rng=np.random.default_rng(0))
    model.save(tmp_path / "model")
    back = tg.load(tmp_path / "model")

    def answers(one):
        lists = [
            one.recommend("u3", k=5),
            one.recommend(history=["i2", "i9"], k=5),
        ]
        return [frame.select("item", "score").rows() for frame in lists]

    first = answers(model)
    assert answers(back) == first
    for one in (model, back):
        one.observe([("u3", "i30", end + 60), ("u9", "i2", end + 90)])
    assert answers(model) == answers(back)
    # The same candidates are scored anew: what happened since is read.
    assert dict(answers(model)[1]) != dict(first[1])
    row = model.graph.users.row("u3")
    model.erase(["u3"])
    vectors = model.ranker.network.deep.user.tables[0].weight
    assert torch.equal(vectors[row + 1], vectors[0])


@pytest.mark.parametrize("copied", [deepcopy, handed_over])
def test_after_a_late_event_it_answers_as_a_copy_and_as_one_that_is_opened(
    tmp_path, copied
):
    log = draw_log(events=800)
    pipe = tg.Pipeline(retrieve=tg.ItemKNN(), rank=SHORT, windows=Windows(days=4.0))
    model = pipe.fit(log, rng=np.random.default_rng(0))

    def answers(one):
        users = [f"u{n}" for n in range(6)]
        return [one.recommend(u, k=5).select("item", "score").rows() for u in users]

    answers(model)  # What is read is kept.
    middle = int(log.time[500])
    model.observe([(f"u{n}", f"i{n + 3}", middle + n) for n in range(6)])
    again = copied(model)
    model.save(tmp_path / "model")

    assert answers(model) == answers(tg.load(tmp_path / "model"))
    assert answers(model) == answers(again)


def test_an_erased_user_has_the_vector_of_an_unknown_one():
    learn, stop, _ = split_examples(draw_log(events=800))
    model = SHORT.fit(learn, stop, run=Run(np.random.default_rng(0)))
    held = model.network.deep.user.tables[0].weight

    left = without(model, np.array([3, 10_000], np.int32)).network.deep.user
    left = left.tables[0].weight

    assert not torch.equal(held[4], held[0])
    assert torch.equal(left[4], held[0])
    assert torch.equal(left[5:], held[5:])


def test_what_is_calibrated_forgets_too():
    learn, stop, _ = split_examples(draw_log(events=800))
    model = Calibrated(SHORT).fit(learn, stop, run=Run(np.random.default_rng(0)))

    left = without(model, np.array([3], np.int32)).ranker.network.deep.user
    left = left.tables[0].weight

    assert torch.equal(left[4], left[0])


def test_a_recipe_says_it():
    table = {
        "model": "DSGL",
        "user_depth": 3,
        "item_depth": 2,
        "features": {"category": "kind", "history": 1},
        "layer": {"encoder": "gru", "attention": "gat", "time": "user"},
    }

    ranker = catalog.model(table, "rank", "rank")

    layer = SequenceLayer("gru", "gat", time="user")
    model = DSGL(user_depth=3, item_depth=2, layer=layer)
    assert ranker == NeuralRanker(model, FeatureSet(category="kind", history=1))
    assert ranker.name == "DSGL"
    assert build(NeuralRanker, to_table(ranker), "here") == ranker
