"""A retrieval method as a ranker."""

from dataclasses import replace

import numpy as np
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.catalog import model
from tidegraph.errors import DataError
from tidegraph.graph.events import events_of
from tidegraph.ranking.retrieved import RetrieverLogit, scores_of
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.recipes.gnn import lightgcn, ngcf
from tidegraph.run import Run
from tidegraph.stages import NO_ITEM
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.settings import Training

QUICK = Training(epochs=2, patience=None)


class TestLightGCN(RankerLaws):
    variant_of = "TestItemKNN"
    drawn_by_row = True
    ranker = RetrieverLogit(lightgcn(1, 8, training=QUICK))


class TestNGCF(RankerLaws):
    variant_of = "TestItemKNN"
    drawn_by_row = True
    ranker = RetrieverLogit(ngcf(1, 8, training=QUICK))


class TestItemKNN(RankerLaws):
    ranker = RetrieverLogit(ItemKNN(neighbors=10))


del RankerLaws


def test_a_pair_has_the_score_that_retrieval_gives_it():
    log = draw_log(events=1500)
    _, _, judge = split_examples(log)
    fitted = EASE().fit(log.before(int(judge.requests.time[0])))
    whole = fitted.retrieve(judge.requests, len(log.items))
    item = judge.candidates.item.copy()
    item[:, 3] = NO_ITEM

    score, has = scores_of(fitted, judge.requests, replace(judge.candidates, item=item))

    # By hand: each candidate looked up in the whole list of its request.
    for row in range(0, len(item), 7):
        known = dict(zip(whole.item[row], whole.score[row], strict=True))
        for place, one in enumerate(item[row]):
            assert has[row, place] == (one != NO_ITEM and one in known)
            if has[row, place]:
                assert score[row, place] == pytest.approx(known[one], rel=1e-5)


def test_the_line_says_how_often_scores_come_true():
    log = draw_log(events=1500)
    learn, stop, _ = split_examples(log)

    fitted = RetrieverLogit(ItemKNN()).fit(
        learn, stop, run=Run(np.random.default_rng(0))
    )

    there = stop.candidates.proposed
    score = fitted.score(stop.requests, stop.candidates)[there]
    # A logistic regression with an intercept is right on average.
    assert score.mean() == pytest.approx(stop.label[there].mean(), abs=1e-3)
    told = fitted.score(stop.requests, stop.candidates)
    right = stop.label > 0
    wrong = stop.candidates.present & ~right
    assert told[right].mean() > told[wrong].mean() + 0.01


def test_the_method_learns_nothing_of_validation():
    log = draw_log(events=1500)
    learn, stop, judge = split_examples(log)
    cut = int(stop.requests.time.min())

    fitted = RetrieverLogit(ItemKNN()).fit(
        learn, stop, run=Run(np.random.default_rng(0))
    )

    alone = ItemKNN().fit(events_of(learn.requests.graph.before(cut)))
    np.testing.assert_array_equal(
        scores_of(fitted.retriever, judge.requests, judge.candidates)[0],
        scores_of(alone, judge.requests, judge.candidates)[0],
    )


def test_a_recipe_names_the_method_and_a_pipeline_ranks_by_it():
    rank = model(
        {"model": "RetrieverLogit", "retriever": {"model": "ItemKNN", "neighbors": 7}},
        "rank",
        "rank",
    )
    log = draw_log(events=1500)

    fitted = tg.Pipeline(
        retrieve=tg.Popular(), rank=rank, windows=tg.Windows(days=4.0)
    ).fit(log)

    assert rank == RetrieverLogit(ItemKNN(neighbors=7))
    assert len(fitted.recommend("u1", k=5)) == 5


def test_one_label_alone_says_nothing_of_scores():
    learn, stop, _ = split_examples(draw_log(events=1500))
    same = replace(stop, label=np.ones_like(stop.label))

    with pytest.raises(DataError, match="same label"):
        RetrieverLogit(ItemKNN()).fit(learn, same, run=Run(np.random.default_rng(0)))
