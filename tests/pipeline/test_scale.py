"""A request and an event cost what they read, not what the catalogue holds."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.errors import NoHistoryWarning
from tidegraph.retrieval.knn.similarity import Cosine

USERS, ITEMS, EVENTS = 2_000, 200_000, 20_000


@pytest.fixture(scope="module")
def model() -> tg.FittedPipeline:
    """A pipeline of a large catalogue, few of whose items were ever chosen."""
    rng = np.random.default_rng(0)
    groups = pl.DataFrame({"category": [f"c{n % 50}" for n in range(ITEMS)]})
    log = Interactions(
        rng.integers(0, USERS, EVENTS).astype(np.int32),
        (rng.integers(0, 500, EVENTS) * 400).astype(np.int32),
        1_700_000_000 + np.sort(rng.integers(0, 180 * 86_400, EVENTS)),
        np.ones(EVENTS, np.int8),
        np.ones(EVENTS, np.float32),
        Vocabulary(pl.Series([f"user{n}" for n in range(USERS)])),
        Vocabulary(pl.Series([f"item{n}" for n in range(ITEMS)]), groups),
    )
    channels = (
        tg.Popular(half_life_days=None),
        tg.Repeat(half_life_days=30.0),
        tg.ItemKNN(20, Cosine(), 0.0, half_life_days=90.0),
    )
    pipeline = tg.Pipeline(
        channels,
        rank=tg.RecencyLogit(category="category"),
        rerank=tg.MMR(),
        windows=tg.Windows(1),
        candidates=50,
        names="category",
    )
    return pipeline.fit(log)


def most_bytes(work: Callable[[], object]) -> int:
    """Return the most memory that Python and NumPy hold at once meanwhile."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_request_takes_less_room_than_a_number_for_each_item(model):
    for user in ("user1", "user2"):
        model.recommend(user, k=10)

    assert most_bytes(lambda: model.recommend("user3", k=10)) < 4 * ITEMS


def test_an_event_takes_less_room_than_a_number_for_each_item(model):
    now = model.graph.latest
    for n in range(3):
        model.observe([("user1", "item7", now + n)])

    new = [("new user", "new item", now + 4)]
    assert most_bytes(lambda: model.observe(new)) < 4 * ITEMS
    with pytest.warns(NoHistoryWarning, match="items alone that training did not know"):
        assert model.recommend("new user")["why"].len()
