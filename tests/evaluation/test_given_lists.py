from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pytest

from evaluation.models import Fixed, popular, small
from tidegraph.data.interactions import interactions
from tidegraph.data.sources import read
from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.evaluation.protocol import at_each_event

# Ana wants x and z, bo y, cy z.
LISTS = {"user": ["ana", "ana", "bo", "eve"], "item": ["q", "z", "y", "x"]}


def judged(lists, **kwargs):
    train, test = small()
    return evaluate(lists, test, train=train, k=(1, 2), **kwargs)


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

    assert "model: 1 users without a list count as 0, 1 lists shorter than 2, " in said
    assert "1 places of unknown items, 1 lists of users without a request" in said


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
        ({"user": ["bo"], "movie": ["x"]}, "no column 'item'. They have: user, movie"),
        (
            {"user": ["bo", "bo"], "item": ["x", "x"]},
            "give user 'bo' the item 'x' twice, in rows 1 and 2",
        ),
        ({"user": ["bo"], "item": ["x"], "rank": ["a"]}, "row 1: the rank is 'a'"),
        (
            {"user": ["bo", "bo"], "item": ["x", "y"], "rank": [1, 1]},
            "give user 'bo' the rank 1 twice, in rows 1 and 2",
        ),
        (
            {"user": ["bo"], "item": ["x"], "score": [float("inf")]},
            "row 1: the score is inf",
        ),
        ({"user": ["bo"], "item": ["x"], "score": [[1]]}, "row 1: the score is"),
        ({"user": ["bo"], "item": [None]}, "row 1: column 'item' has no id"),
    ],
)
def test_lists_that_mean_nothing_are_refused(lists, message):
    with pytest.raises(DataError, match=message):
        judged(pl.DataFrame(lists))


def test_equal_scores_keep_the_order_of_rows_and_rank_goes_before_score():
    lists = {"user": ["bo"] * 3, "item": ["z", "y", "x"], "score": [1, 1, 2]}

    assert mean(judged(lists), "hit@2") == 0
    assert mean(judged(lists | {"rank": [3, 1, 2]}), "hit@1") == pytest.approx(1 / 3)


def test_a_list_that_names_an_unknown_item_twice_is_refused():
    with pytest.raises(DataError, match="the item 'q' twice"):
        judged({"user": ["bo", "bo"], "item": ["q", "q"]})


def test_the_list_of_a_user_whom_training_never_saw_counts():
    train = interactions(["ana"], ["x"], [1])
    test = interactions(["cy", "ana"], ["x", "w"], [5, 6])
    lists = {"user": ["cy", "ana"], "item": ["x", "w"]}

    # Item w is known to the test log only, and cy to it alone.
    result = evaluate(lists, test, train=train, k=1)
    assert mean(result, "hit@1") == 1
    assert result.setup.notes == ()


def test_items_that_training_never_saw_are_like_no_other_where_nothing_is_known():
    items = pl.DataFrame({"item": ["a", "b"], "category": ["x", "x"]})
    events = {"user": ["u", "v"], "item": ["a", "b"], "time": [1, 2]}
    later = {"user": ["u", "v"], "item": ["b", "new"], "time": [3, 4]}
    train = read(pl.DataFrame(events), items=items)
    given = {"user": ["u", "u", "v", "v"], "item": ["a", "b", "a", "new"]}

    found = evaluate(given, pl.DataFrame(later), train=train, k=2, by="category")

    scores = found.scores.filter(pl.col("model") == "model").sort("user")
    assert scores["diversity@2"].to_list() == [0.0, 1.0]


def test_ids_of_lists_are_those_of_the_log_however_they_are_spelt():
    train = interactions([1, 2], [10, 11], [1, 2])
    test = interactions([1, 2], [11, 10], [5, 6])

    spelt = {"user": [1.0, 2.0], "item": ["11", "10.0"]}
    assert mean(evaluate(spelt, test, train=train, k=1), "hit@1") == 1


def test_without_a_training_log_only_what_lists_find_is_known():
    _, test = small()
    result = evaluate(LISTS, test, k=(1, 2))
    with_train = judged(LISTS)

    names = {name.split("@")[0] for name in result.table()["metric"].unique()}
    assert not names & {"novelty", "popularity", "serendipity"}
    for metric in ("ndcg@2", "map@2", "recall@1"):
        assert mean(result, metric) == mean(with_train, metric)
    assert mean(result, "coverage@2") is None
    assert result.slices().height == 0
    assert "no training log: popularity and histories are unknown" in str(result)
    assert "had no history" not in str(result)
    assert "unknown to training" not in str(result)
    with pytest.raises(DataError, match="Pass that log as train="):
        evaluate(LISTS, test, repeat=False)


def test_a_shorter_list_is_counted_and_counts_as_if_misses_filled_it():
    result = judged({"user": ["ana", "bo", "cy"], "item": ["x", "y", "x"]})

    assert mean(result, "precision@2") == pytest.approx((1 / 2 + 1 / 2) / 3)
    assert "3 lists shorter than 2" in str(result.setup)


def test_several_requests_of_a_user_are_answered_with_the_same_list():
    train, test = small()
    lists = {"user": ["bo", "ana"], "item": ["y", "z"]}
    result = evaluate(lists, test, train=train, k=1, protocol=at_each_event)

    # ana wants x and then z, bo twice y, cy z without a list.
    hit = dict(result.scores.select("user", "hit@1").iter_rows())
    assert hit == {"ana": 0.5, "bo": 1.0, "cy": 0.0}


@dataclass(frozen=True, eq=False)
class Trained(Fixed):
    trained_until: int | None = None


def test_a_bare_retriever_that_saw_the_test_log_is_refused_by_date():
    score = np.ones(3)
    assert judged(Trained(score, 19)) is not None
    assert judged(Trained(score, None)) is not None
    with pytest.raises(
        LeakageError, match="model was trained until 1970-01-01 00:00:2"
    ):
        judged(Trained(score, 20))
    with pytest.raises(LeakageError, match="late was trained until"):
        judged(LISTS, against={"late": Trained(score, 24)})
