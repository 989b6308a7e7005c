"""What a fitted retriever can do besides answering is used where it is there."""

from dataclasses import dataclass

import numpy as np
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.artifact.sealed import State
from tidegraph.errors import UnknownIdWarning
from tidegraph.stages import NO_ITEM, Candidates, because_of, reason_of, without
from tidegraph.testing.retrievers import requests_at


@dataclass(frozen=True)
class FittedFirst:
    """Answers the first items of the catalogue, and can do nothing else."""

    num_items: int

    def retrieve(self, requests, k):
        item = np.tile(np.arange(k, dtype=np.int32), (len(requests), 1))
        score = np.tile(np.arange(k, 0, -1, dtype=np.float32), (len(requests), 1))
        return Candidates.of_channel(item, score, "First")

    def state(self):
        return State("FittedFirst", settings={"num_items": self.num_items})


@dataclass(frozen=True)
class First:
    name: str = "First"

    def fit(self, train):
        return FittedFirst(tg.Fold.of(train, self.name).matrix.shape[1])


@pytest.fixture
def log():
    return draw_log()


def test_a_retriever_that_only_answers_is_enough_for_a_pipeline(log):
    model = tg.Pipeline((First(), tg.ItemKNN(similarity=tg.Cosine()))).fit(log)
    answer = model.recommend(str(log.users.ids[0]), k=8)

    assert "proposed by First" in set(answer["why"])
    model.erase([str(log.users.ids[1])])
    assert model.channels()["First"] == FittedFirst(len(log.items))


def test_as_a_fallback_it_is_named_too(log):
    model = tg.Pipeline(tg.ItemKNN(similarity=tg.Cosine()), fallback=First()).fit(log)
    with pytest.warns(UnknownIdWarning):
        answer = model.recommend("nobody", k=3)

    assert answer["why"].to_list() == ["proposed by First (fallback)"] * 3


def test_who_cannot_explain_names_no_item_and_who_can_answers(log):
    requests = requests_at(log)
    plain, knn = First().fit(log), tg.ItemKNN(similarity=tg.Cosine()).fit(log)
    item = knn.retrieve(requests, 4).item

    assert (because_of(plain, requests, item) == NO_ITEM).all()
    np.testing.assert_array_equal(
        because_of(knn, requests, item), knn.because(requests, item)
    )
    assert reason_of(plain, "a channel") == "proposed by a channel"
    assert reason_of(knn, "a channel") == knn.reason
    assert without(knn, np.array([0], np.int32)) is knn
    assert without(None, np.array([0], np.int32)) is None


@pytest.mark.parametrize("method", [tg.UserKNN(), tg.bpr_mf()], ids=["knn", "mf"])
def test_the_row_of_nobody_is_not_the_last_user(method, log):
    stage = method.fit(log)

    left = without(stage, np.array([-1], np.int32)).state().arrays
    assert all(
        np.array_equal(left[name], a) for name, a in stage.state().arrays.items()
    )
