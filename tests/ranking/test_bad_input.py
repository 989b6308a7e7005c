"""What rankers do with logs, labels and features that are not as they should be."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.errors import DataError
from tidegraph.features.columns import FeatureSet
from tidegraph.features.tables import Side
from tidegraph.fitting.shown import from_log
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click import DIEN, DIN, DSGL, SRGNN, Caser, SASRec
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.trees import BoostedTrees
from tidegraph.run import Run
from tidegraph.stages import Candidates, Requests, called
from tidegraph.testing.logs import draw_log
from tidegraph.testing.rankers import split_examples
from tidegraph.training.settings import Training

EVERY = FeatureSet(
    category="category",
    history=5,
    fields=("item.price", "item.same", "item.ticket", "user.age"),
)
NETWORKS = [DIN(4, (8,)), DSGL(4, (8,)), DIEN(4, (8,)), Caser(4), SASRec(4), SRGNN(4)]
ALL = [RecencyLogit(category="category"), BoostedTrees(trees=5)]


def network(model, features=EVERY):
    return NeuralRanker(model, features, training=Training(epochs=1))


def odd():
    """Return a log of which much is missing: a value, a category, half of the users."""
    log = draw_log(events=1500)
    rng = np.random.default_rng(0)
    size = len(log.items)
    price = np.where(rng.random(size) < 0.3, np.nan, rng.normal(size=size))
    price[0] = np.inf
    items = pl.DataFrame(
        {
            "item": log.items.ids,
            "price": price,
            "same": [1.5] * size,
            "ticket": [f"t{n}" for n in range(size)],
            "category": [None if n % 3 else f"c{n % 5}" for n in range(size)],
        }
    )
    users = pl.DataFrame({"user": log.users.ids[::2], "age": [30] * 15})
    return replace(
        log,
        items=replace(log.items, features=items.drop("item")),
        users=log.users.with_features(users, "user"),
    )


@pytest.mark.parametrize("ranker", [*ALL, *map(network, NETWORKS)], ids=called)
def test_missing_values_constants_and_unknown_ones_are_answered(ranker):
    learn, stop, judge = split_examples(odd())

    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))

    score = fitted.score(judge.requests, judge.candidates)
    assert np.isfinite(score).all()
    assert ((score > 0) & (score < 1))[judge.candidates.present].all()


@pytest.mark.parametrize("ranker", [*ALL, *map(network, NETWORKS)], ids=called)
def test_a_history_of_one_event_or_none_is_answered(ranker):
    log = odd()
    learn, stop, _ = split_examples(log)
    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))
    # As of the second of the first event nobody has a history, then one user has.
    first = log.time[0]
    user = np.full(2, log.user[0], np.int32)
    requests = Requests.of_users(
        Snapshot.of(log), user, np.array([first, first + 1], np.int64)
    )
    item = np.tile(np.arange(5, dtype=np.int32), (2, 1))

    score = fitted.score(requests, Candidates(item, np.zeros(item.shape, np.float32)))

    assert np.diff(requests.history.ptr)[0] == 0 < np.diff(requests.history.ptr)[1]
    assert ((score > 0) & (score < 1)).all()


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("ranker", [*ALL, network(DIN(4, (8,)))], ids=called)
def test_labels_that_are_all_alike_are_refused(ranker, label):
    learn, stop, _ = split_examples(draw_log(events=1500))
    same = replace(learn, label=label * learn.candidates.present)

    with pytest.raises(DataError, match=r"same label|was right"):
        ranker.fit(same, stop, run=Run(np.random.default_rng(0)))


@pytest.mark.parametrize("chance", [0.0, -0.1, 1.5, float("nan"), None])
def test_a_propensity_that_is_no_chance_is_refused(chance):
    log = interactions(
        list("aabb"),
        list("pqpq"),
        [1, 2, 3, 4],
        label=[1, 0, 1, 0],
        context=pl.DataFrame({"chance": [0.5, 0.2, chance, 1.0]}),
    )

    with pytest.raises(DataError, match=r"row 2 .* has chance="):
        from_log(log, Snapshot.of(log), propensity="chance")


def test_a_field_of_a_million_values_is_rows_of_a_table():
    count = 1_000_000
    ids = pl.Series(np.arange(count))
    log = interactions(ids.head(1), ids.head(1), [0])
    features = pl.DataFrame({"item": ids, "ticket": ids.cast(pl.String)})
    items = log.items.with_features(features, "item")

    side = Side.of(items, "item", ("ticket",), count)

    assert side.counts == (count, count)
    rows = side.rows(np.array([0, count - 1, count, -1], np.int32))
    assert rows[:, 1].tolist() == [1, count, 0, 0]


@pytest.mark.parametrize("column", ["price", "tags"])
def test_a_category_is_neither_a_fraction_nor_a_list(column):
    log = draw_log()
    size = len(log.items)
    features = pl.DataFrame({"price": [0.5] * size, "tags": [["a", "b"]] * size})
    log = replace(log, items=replace(log.items, features=features))

    with pytest.raises(DataError, match=f"category='{column}' is a column of"):
        RecencyLogit(category=column).check(log)
