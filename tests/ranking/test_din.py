from dataclasses import replace

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.errors import ConfigError, DataError
from tidegraph.ranking.din import DIN
from tidegraph.run import Run
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training

SHORT = DIN(embedding_size=4, history=6, hidden=(8,), training=Training(epochs=2))


class TestDIN(RankerLaws):
    tolerance = 0.2  # Its first weights of a category depend on the order of rows.
    ranker = SHORT


class TestDINWithCategory(RankerLaws):
    tolerance = 0.2  # Its first weights of a category depend on the order of rows.
    ranker = replace(SHORT, category="category")


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
        embedding_size=8,
        history=1,
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


@pytest.mark.parametrize(
    "settings",
    [
        {"history": 0},
        {"id_dropout": 1.0},
        {"embedding_size": 0},
        {"hidden": (0,)},
        {"sampled": 0},
    ],
    ids=repr,
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        DIN(**settings)
