from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pytest

from evaluation.models import Fixed, popular, small
from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.evaluate import evaluate

# Ana wants x and z, bo y, cy z.
LISTS = {"user": ["ana", "ana", "bo", "eve"], "item": ["q", "z", "y", "x"]}


def judged(lists, **kwargs):
    train, test = small()
    return evaluate(lists, test, train=train, at=(1, 2), **kwargs)


def mean(result, metric, model="model"):
    return result.table().filter(model=model, metric=metric)["mean"].item()


@pytest.mark.parametrize("kind", ["mapping", "polars", "pandas", "arrow", "path"])
def test_lists_of_any_table_are_judged_as_they_stand(kind, tmp_path):
    frame, path = pl.DataFrame(LISTS), tmp_path / "lists.csv"
    frame.write_csv(path)
    lists = {
        "mapping": LISTS,
        "polars": frame,
        "pandas": pd.DataFrame(LISTS),
        "arrow": frame.to_arrow(),
        "path": path,
    }[kind]

    result = judged(lists)

    # The unknown item keeps its place; cy has no list and counts as zero.
    assert mean(result, "hit@1") == pytest.approx(1 / 3)
    assert mean(result, "recall@2") == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert mean(result, "mrr@2") == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_the_setup_says_what_the_lists_lack():
    said = str(judged(LISTS).setup)

    assert "model: 1 users without a list count as 0" in said
    assert "1 unknown users, 1 places of unknown items" in said


@pytest.mark.parametrize("order", [{"rank": [2, 1]}, {"score": [0.1, 0.9]}])
def test_rank_and_score_order_a_list(order):
    result = judged({"user": ["bo", "bo"], "item": ["x", "y"]} | order)

    assert mean(result, "hit@1") == pytest.approx(1 / 3)


def test_lists_are_compared_as_rivals():
    train, _ = small()
    result = judged(popular(train), against={"theirs": LISTS})
    alone = judged(popular(train), against=pl.DataFrame(LISTS))

    assert mean(result, "hit@1", "theirs") == pytest.approx(1 / 3)
    assert mean(alone, "hit@1", "baseline") == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"user": ["bo"], "movie": ["x"]}, "no column 'item' among user, movie"),
        ({"user": ["bo", "bo"], "item": ["x", "x"]}, "'bo' has item 'x' more than"),
        ({"user": ["bo"], "item": ["x"], "rank": ["a"]}, "rank of row 0 is 'a'"),
        ({"user": ["bo"], "item": [None]}, "a row has no item"),
    ],
)
def test_lists_that_mean_nothing_are_refused(lists, message):
    with pytest.raises(DataError, match=message):
        judged(pl.DataFrame(lists))


@dataclass(frozen=True, eq=False)
class Trained(Fixed):
    trained_until: int | None = None


def test_a_bare_retriever_that_saw_the_test_log_is_refused_by_date():
    score = np.ones(3)
    assert judged(Trained(score, 19)) is not None
    assert judged(Trained(score, None)) is not None
    with pytest.raises(
        LeakageError, match="model was trained until 1970-01-01T00:00:2"
    ):
        judged(Trained(score, 20))
    with pytest.raises(LeakageError, match="late was trained until"):
        judged(LISTS, against={"late": Trained(score, 24)})
