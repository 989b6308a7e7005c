"""Encoders that read features give an item a vector before its first event."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tidegraph.errors import DataError
from tidegraph.nn.conv import GCN, GraphSAGE, PinSage
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.inputs.features import item_features
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import requests_at
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training
from tiers import chosen


def clustered():
    """A log of users who keep to one category, and its items 35 to 39 left out."""
    rng, events = np.random.default_rng(7), 1500
    log = draw_log(events=events, users=40, items=40)
    item = rng.integers(0, 8, events) * 5 + log.user % 5
    kept = item < 35
    whole = replace(log, item=item.astype(np.int32))
    names = whole.items.ids.to_list()
    kind = pl.DataFrame(
        {"item": names, "kind": [f"k{i % 5}" for i in range(len(names))]}
    )
    whole = replace(whole, items=whole.items.with_features(kind, "item"))
    return whole.take(kept)


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize(
    "encoder",
    chosen({"GraphSAGE": GraphSAGE, "PinSage": PinSage, "GCN": GCN}, "GraphSAGE"),
)
def test_an_unseen_item_is_near_to_those_of_its_category(encoder, ids):
    log = clustered()
    cold = np.arange(35, min(40, len(log.items)))
    training = Training(30, 128, optimizer=Adam(1e-2), patience=None)
    method = Embedding(
        encoder=encoder(ids=ids, features=("kind",)),
        embedding_size=16,
        training=training,
    )

    fitted = method.fit(log)
    answer = fitted.retrieve(requests_at(log, repeat=True), 40)

    assert fitted.item_known.all()
    score = fitted.user @ fitted.item[cold].T
    own = np.arange(len(fitted.user))[:, None] % 5 == cold % 5
    assert score[own].mean() > score[~own].mean()
    assert np.isin(answer.item, cold).any()


def test_features_are_those_of_the_columns_and_nothing_is_said_of_users():
    log = draw_log()
    found = item_features(
        log.items, ("category", "price"), users=3, known=20, categorical=False
    )

    category = log.items.features["category"].to_list()
    price = log.items.features["price"].to_numpy()
    assert found.category[:3].tolist() == [[0]] * 3
    codes = found.category[3:, 0].tolist()
    assert len(set(zip(codes, category, strict=True))) == len(set(category))
    expected = (price - price[:20].mean()) / price[:20].std()
    np.testing.assert_allclose(found.number[3:, 0], expected, rtol=1e-5)
    assert not found.number[:3].any()


def test_a_constant_number_says_nothing_and_a_new_category_is_unknown():
    log = draw_log()
    count = len(log.items)
    table = pl.DataFrame(
        {
            "item": log.items.ids,
            "same": [2.0] * count,
            "kind": ["a"] * (count - 1) + ["b"],
        }
    )
    items = log.items.with_features(table, "item")

    found = item_features(
        items, ("same", "kind"), users=0, known=count - 1, categorical=False
    )

    assert not found.number.any()
    assert found.category[:, 0].tolist() == [1] * (count - 1) + [0]


def test_a_feature_that_items_lack_is_said():
    method = Embedding(encoder=GraphSAGE(features=("categories",)))
    with pytest.raises(DataError, match=r"Did you mean 'category'\?"):
        method.fit(Fold.of(draw_log(), "test"))
