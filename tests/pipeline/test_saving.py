"""A model that was saved answers and learns as the one that it was saved from."""

from dataclasses import dataclass

import numpy as np
import pytest
from torch import nn

import tidegraph as tg
from conftest import draw_log
from tidegraph.artifact.sealed import State
from tidegraph.errors import ArtifactError
from tidegraph.stages import Candidates

CLASSICAL = (tg.ItemKNN(), tg.Repeat(), tg.Popular(), tg.UserKNN(), tg.RP3beta())
NEW = [("u3", "i2", 1_750_000_000), ("newcomer", "i5", 1_750_000_060)]


@pytest.fixture(scope="module", params=["classical", "neural"])
def both(request, tmp_path_factory):
    """A model, and the folder that it was saved to."""
    rank = (
        tg.NeuralRanker(features=tg.FeatureSet(category="category"))
        if request.param == "neural"
        else None
    )
    rerank = tg.MMR(by="category")
    log = draw_log()
    model = tg.Pipeline(CLASSICAL, rank=rank, rerank=rerank, names="category").fit(log)
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save(folder)
    return model, folder


def test_an_opened_model_answers_as_the_one_in_memory(both):
    model, folder = both
    opened = tg.load(folder)

    assert opened.describe() == model.describe()
    assert opened.recommend_all(k=7).equals(model.recommend_all(k=7))
    assert opened.recommend("u3").equals(model.recommend("u3"))


def test_an_opened_model_observes_and_its_files_stay_as_they_were(both):
    model, folder = both
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    opened, told = tg.load(folder), tg.load(folder)

    opened.observe(NEW)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert opened.recommend("newcomer").height == 10
    # Another opening of the same files knows nothing of it.
    assert told.recommend("u3").equals(model.recommend("u3"))


def test_what_was_observed_is_saved_over_the_model_that_is_open(both, tmp_path):
    model, _ = both
    model.save(tmp_path / "model")
    opened = tg.load(tmp_path / "model")
    opened.observe(NEW)
    opened.save(tmp_path / "model")

    again = tg.load(tmp_path / "model", verify=True)

    assert again.recommend("newcomer").equals(opened.recommend("newcomer"))
    assert again.recommend_all(k=4).equals(opened.recommend_all(k=4))


def test_the_graph_of_an_opened_model_is_mapped(both):
    _, folder = both
    held = tg.load(folder).graph["action"].node
    while isinstance(held.base, np.ndarray):
        held = held.base

    assert isinstance(held, np.memmap)


@dataclass(frozen=True)
class ByItem:
    """A click model of one's own."""

    width: int = 4

    def build(self, spec):
        return Products(spec.item[0] + 1, self.width)


class Products(nn.Module):
    def __init__(self, items, width):
        super().__init__()
        self.item = nn.Embedding(items, width)

    def forward(self, inputs):
        return self.item(inputs.item[..., 0]).sum(-1)


@dataclass(frozen=True)
class Always:
    """A retriever of one's own, with a fitted value of its own."""

    name: str = "Always"

    def fit(self, train):
        return FittedAlways(len(tg.Fold.of(train, self.name).events.items))


@dataclass(frozen=True)
class FittedAlways:
    items: int
    name = "Always"

    def retrieve(self, requests, k):
        item = np.tile(
            np.arange(min(k, self.items), dtype=np.int32), (len(requests), 1)
        )
        return Candidates(item, -item.astype(np.float32))

    def state(self):
        return State("FittedAlways", {"items": self.items})

    @classmethod
    def from_state(cls, state):
        return cls(state.settings["items"])


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A model of parts of one's own, and the folder that it was saved to."""
    rank = tg.NeuralRanker(ByItem(width=3), training=tg.Training(epochs=1))
    model = tg.Pipeline((Always(), tg.Popular()), rank=rank).fit(draw_log())
    folder = tmp_path_factory.mktemp("own") / "model"
    model.save(folder)
    return model, folder


def test_a_model_of_ones_own_parts_is_opened_with_their_classes(own):
    model, folder = own

    opened = tg.load(folder, kinds=[FittedAlways, ByItem])

    assert opened.ranker.settings.model == ByItem(width=3)
    assert opened.recommend_all(k=7).equals(model.recommend_all(k=7))


@pytest.mark.parametrize(
    ("kinds", "left"), [([ByItem], "FittedAlways"), ([FittedAlways], "ByItem")]
)
def test_a_model_of_ones_own_parts_says_which_class_it_wants(own, kinds, left):
    _, folder = own

    with pytest.raises(ArtifactError, match=rf"'{left}'.*kinds=\[{left}\]\);"):
        tg.load(folder, kinds=kinds)


def test_a_class_that_cannot_rebuild_its_value_is_told_so(own):
    bare = type("FittedAlways", (), {})

    with pytest.raises(ArtifactError, match="has no from_state"):
        tg.load(own[1], kinds=[bare, ByItem])
