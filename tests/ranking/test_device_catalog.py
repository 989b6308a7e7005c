"""What a device that ranks by itself knows of items is what the model gets of them."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.errors import ConfigError
from tidegraph.ranking.device_catalog import beyond_devices, device_catalog
from tidegraph.stages import Candidates, Requests
from tidegraph.training.settings import Training

GROUPS = ("item", "item_activity")
END = 30_000_000


@dataclass(frozen=True)
class Hour:
    """A feature of one's own, which no device has."""

    name: str = "hour"

    def read(self, past):
        return past.candidates()["time"] // 3600 % 24


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("log")
    pl.DataFrame(
        {
            "user": rng.integers(0, 9, 400),
            "item": [f"i{n}" for n in rng.integers(0, 12, 400)],
            "time": np.sort(rng.integers(0, END, 400)),
        }
    ).write_parquet(folder / "log.parquet")
    pl.DataFrame(
        {
            "item": [f"i{n}" for n in range(12)],
            "kind": [f"kind {n % 3}" for n in range(12)],
            "title": [None if n == 5 else f"Title {n}" for n in range(12)],
        }
    ).write_parquet(folder / "items.parquet")
    columns = {"user": "user", "item": "item", "time": "time"}
    return tg.read(folder / "log.parquet", **columns, items=folder / "items.parquet")


def fitted(log, groups, model=None):
    rank = tg.NeuralRanker(
        tg.DIN(4, (6,)) if model is None else model,
        tg.FeatureSet(groups, "kind", history=7),
        training=Training(epochs=1),
    )
    cut = END * 9 // 10
    pipeline = tg.Pipeline(retrieve=tg.Popular(), rank=rank)
    return pipeline.fit(log.before(cut), log.since(cut))


@pytest.fixture(scope="module")
def pipeline(log):
    return fitted(log, GROUPS)


def nobody(graph):
    return Requests.of_users(graph, np.array([-1], np.int32), np.array([END]))


def test_it_says_of_each_item_what_the_model_gets_of_it(pipeline):
    graph, ranker = pipeline.graph, pipeline.ranker
    item = np.array([7, 0, 3], np.int32)
    found = json.loads(device_catalog(ranker, nobody(graph), item, "title"))

    assert found["history"] == 7
    assert found["user_fields"] == 1
    assert [one["id"] for one in found["items"]] == graph.items.decode(item).to_list()
    for row, one in zip(item, found["items"], strict=True):
        number = int(one["id"][1:])
        assert one["category"] == f"kind {number % 3}"
        assert one["name"] == ("i5" if number == 5 else f"Title {number}")
        assert one["rows"] == ranker.tables.item.rows(np.array([row]))[0].tolist()
    # Whoever asks at that time gets the same.
    asks = Requests.of_users(graph, np.array([4], np.int32), np.array([END]))
    candidates = Candidates(item[None], np.zeros((1, 3), np.float32))
    numbers = ranker.features.of(asks, candidates)[0]
    assert np.allclose([one["numbers"] for one in found["items"]], numbers, atol=1e-6)


def test_a_later_event_does_not_change_it(pipeline, log):
    cut = END // 2
    item = np.arange(12, dtype=np.int32)
    requests = [
        Requests.of_users(graph, np.array([-1], np.int32), np.array([cut]))
        for graph in (pipeline.graph, pipeline.graph.before(cut))
    ]
    whole, part = (device_catalog(pipeline.ranker, one, item) for one in requests)
    assert whole == part


@pytest.mark.parametrize(
    ("groups", "model", "said"),
    [
        ((*GROUPS, "pair"), None, "DIN has the inputs 'pair'"),
        ((*GROUPS, Hour()), None, "DIN has the inputs 'hour'"),
        (GROUPS, tg.DSGL(4, (6,)), "DSGL reads the graph"),
    ],
)
def test_a_model_that_needs_the_graph_is_refused(log, groups, model, said):
    pipeline = fitted(log, groups, model)
    with pytest.raises(ConfigError, match=f"the model {said}, which no device has"):
        device_catalog(pipeline.ranker, nobody(pipeline.graph), np.zeros(1, np.int32))


def test_what_no_device_has_is_known_before_training_with_the_setting_to_change():
    about = tg.FeatureSet(fields=("event.device",))

    said = beyond_devices(tg.NeuralRanker(features=about))

    assert 'give [rank] features = {groups = ["item", "item_activity"]}' in said
    assert "leave the fields of events out" in said
    assert beyond_devices(tg.NeuralRanker(features=tg.FeatureSet(GROUPS))) == ""
