from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.errors import DataError
from tidegraph.features.columns import FeatureSet
from tidegraph.nn.click import DIN
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training

SHORT = NeuralRanker(
    DIN(embedding_size=4, hidden=(8,)),
    FeatureSet(history=6),
    training=Training(epochs=2),
)


class TestDIN(RankerLaws):
    tolerance = 0.2  # Its first weights of a category depend on the order of rows.
    ranker = SHORT


class TestDINWithCategory(RankerLaws):
    variant_of = "TestDIN"
    tolerance = 0.2  # Its first weights of a category depend on the order of rows.
    ranker = replace(SHORT, features=FeatureSet(category="category", history=6))


@pytest.mark.slow(of="test_each_task_is_told_apart_and_answered_when_asked")
def test_what_depends_on_user_and_item_together_is_learnt():
    """After an even item an even one: no count of user or item alone tells it."""
    log = draw_log(events=6000, users=400, items=20)
    learn, stop, judge = split_examples(log)
    for part in (learn, stop, judge):
        history = part.requests.history
        latest = history.node[np.maximum(history.ptr[1:] - 1, 0)]
        alike = part.candidates.item % 2 == latest[:, None] % 2
        part.label[:] = alike & part.candidates.present

    model = replace(
        SHORT,
        model=DIN(8, (8,)),
        features=FeatureSet(history=1),
        id_dropout=0.0,
        training=Training(epochs=25, optimizer=AdamW(0.01), patience=25),
    ).fit(learn, stop, run=Run(np.random.default_rng(1)))
    there = judge.candidates.present
    score = model.score(judge.requests, judge.candidates)[there]
    label = judge.label[there] == 1

    better = (score[label][:, None] > score[~label][None, :]).mean()
    assert better > 0.9


def test_a_past_without_a_right_candidate_is_refused():
    learn, stop, _ = split_examples(draw_log(events=1500))
    learn.label[:] = 0

    with pytest.raises(DataError, match="nothing to learn"):
        SHORT.fit(learn, stop, run=Run(np.random.default_rng(0)))
