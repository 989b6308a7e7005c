"""A model that was saved answers and learns as the one that it was saved from."""

import numpy as np
import pytest

import tidegraph as tg
from conftest import draw_log

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
