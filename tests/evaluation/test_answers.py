from dataclasses import dataclass

import numpy as np
import pytest

from evaluation.models import popular, small
from tidegraph.errors import DataError
from tidegraph.evaluation.answers import lists_of_model
from tidegraph.evaluation.protocol import at_cut
from tidegraph.stages import NO_ITEM, Candidates

X, Y = 0, 1


def test_lists_are_padded_to_k():
    train, test = small()
    task = at_cut(train, test, repeat=False)

    found = lists_of_model(popular(train), task, 4, "popular")
    assert found.tolist() == [
        [NO_ITEM] * 4,
        [Y, NO_ITEM, NO_ITEM, NO_ITEM],
        [X, Y, NO_ITEM, NO_ITEM],
    ]


@dataclass(frozen=True, eq=False)
class Wrong:
    item: np.ndarray

    def retrieve(self, requests, k) -> Candidates:
        score = np.zeros(self.item.shape, np.float32)
        return Candidates.of_channel(self.item, score, "Wrong")


@pytest.mark.parametrize("item", [[[0]], [[0], [1], [77]]])
def test_an_answer_that_is_none_is_named(item):
    task = at_cut(*small(), repeat=True)

    with pytest.raises(DataError, match="wrong answered 3 requests"):
        lists_of_model(Wrong(np.array(item, np.int32)), task, 1, "wrong")
