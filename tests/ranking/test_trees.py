import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from conftest import draw_log
from tidegraph.errors import ConfigError, DataError
from tidegraph.ranking.trees import BoostedTrees, Forest
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples
from tidegraph.testing.rankers import RankerLaws, split_examples

SMALL = BoostedTrees(trees=30, leaves=8, smallest=20)


class TestBoostedTrees(RankerLaws):
    ranker = SMALL
    # A sum in another order may bend a threshold by its last bit.
    tolerance = 1e-3


def grown(rows: int = 800, seed: int = 0):
    """A classifier of scikit-learn, and what it was fitted on."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, 5)).astype(np.float32)
    # Many equal values, so that rows lie on thresholds.
    inputs[:, :2] = inputs[:, :2].round(1)
    logit = inputs[:, 0] * inputs[:, 1] + inputs[:, 2]
    label = rng.random(rows) < 1 / (1 + np.exp(-logit))
    model = HistGradientBoostingClassifier(
        max_iter=40, early_stopping=False, random_state=0
    )
    return model.fit(inputs, label), inputs, label


@pytest.mark.parametrize("seed", range(3))
def test_the_logits_are_those_of_scikit_learn(seed):
    model, inputs, _ = grown(seed=seed)
    fresh = np.random.default_rng(9).normal(size=(500, 5)).astype(np.float32).round(1)

    for rows in (inputs, fresh):
        np.testing.assert_allclose(
            Forest.of(model).logits(rows), model.decision_function(rows), rtol=1e-12
        )


def test_as_many_trees_are_kept_as_scikit_learn_finds_best_on_other_rows():
    model, _, _ = grown()
    _, other, label = grown(seed=5)
    weight = np.where(other[:, 2] > 1, 10, 1).astype(np.float32)
    start = np.full(len(label), 1 / (1 + np.exp(-Forest.of(model).start)))
    kept: list[int] = []
    for count in (np.ones_like(weight), weight / weight.mean()):
        said = [start, *(p[:, 1] for p in model.staged_predict_proba(other))]
        losses = [log_loss(label, p, sample_weight=count) for p in said]

        forest = Forest.of(model).best(other, label.astype(np.float32), count)

        kept.append(len(forest.root) - 1)
        assert kept[-1] == np.argmin(losses) < 40
    assert kept[0] != kept[1]


def test_what_counts_more_on_validation_decides_how_many_trees_are_kept():
    learn, stop, _ = split_examples(draw_log(events=1500))
    rare = replace(stop, weight=np.where(stop.label > 0, 50, 1).astype(np.float32))

    plain, weighted = (
        SMALL.fit(learn, part, run=Run(np.random.default_rng(0)))
        for part in (stop, rare)
    )

    there = rare.candidates.present
    inputs = weighted.features.of(rare.requests, rare.candidates)[there]
    wanted = whole_forest(learn).best(inputs, rare.label[there], rare.weights[there])
    assert len(weighted.forest.root) == len(wanted.root) != len(plain.forest.root)


def test_examples_that_count_alike_are_grown_without_weights(monkeypatch):
    learn, stop, _ = split_examples(draw_log(events=1500))
    given, fit = [], HistGradientBoostingClassifier.fit

    def noted(self, x, y, sample_weight=None):
        given.append(sample_weight)
        return fit(self, x, y, sample_weight)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", noted)
    alike = np.full(learn.label.shape, 2, np.float32)
    rare = np.where(learn.label > 0, 50, 1).astype(np.float32)
    for weight in (None, alike, rare):
        part = replace(learn, weight=weight)
        SMALL.fit(part, stop, run=Run(np.random.default_rng(0)))

    assert [weight is None for weight in given] == [True, True, False]


def whole_forest(learn):
    """All trees that are grown on examples: nothing is held out to choose by."""
    nobody = learn.requests.rows(0, 0)
    none = Candidates(learn.candidates.item[:0], learn.candidates.score[:0])
    empty = Examples(nobody, none, learn.label[:0])
    return SMALL.fit(learn, empty, run=Run(np.random.default_rng(0))).forest


def test_labels_that_are_all_alike_teach_nothing():
    learn, stop, _ = split_examples(draw_log(events=1500))
    learn.label[:] = 0

    with pytest.raises(DataError, match="same label"):
        SMALL.fit(learn, stop, run=Run(np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"trees": 0}, "trees is 0"), ({"leaves": 1}, "leaves is 1")],
)
def test_trees_without_a_leaf_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        BoostedTrees(**wrong)


def test_without_scikit_learn_they_are_refused_in_a_sentence():
    code = (
        "import sys; sys.modules['sklearn'] = None; sys.path.insert(0, 'src')\n"
        "import tidegraph as tg\n"
        "from tidegraph.errors import MissingExtraError\n"
        "try: tg.BoostedTrees()\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert "pip install 'tidegraph[trees]'" in done.stdout, done.stderr


def test_a_group_that_is_left_out_is_no_input():
    parts = split_examples(draw_log(events=1500))
    run = Run(np.random.default_rng(0))

    some = BoostedTrees(groups=("item", "votes")).fit(parts[0], parts[1], run=run)

    channels = parts[0].candidates.channels
    assert some.features.names == (
        *("item_count", "item_gap", "item_unseen", "item_recent_count"),
        *(f"{c} {what}" for c in channels for what in ("voted", "rank")),
    )
    judge = parts[1]
    assert np.isfinite(some.score(judge.requests, judge.candidates)).all()


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (("events",), "looks at no event of a history"),
        (("itm",), "Did you mean 'item'"),
        ((), "has no inputs without groups"),
    ],
)
def test_groups_that_are_no_input_of_it_are_refused(groups, said):
    with pytest.raises(ConfigError, match=said):
        BoostedTrees(groups=groups)
