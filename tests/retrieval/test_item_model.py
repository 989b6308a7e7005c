from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tidegraph.data.interactions import interactions
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.stages import Fold
from tidegraph.testing.retrievers import RetrieverLaws, requests_at


@dataclass(frozen=True)
class CoCount:
    def fit(self, train) -> FittedItemModel:
        seen = Fold.of(train, "CoCount").matrix.csr().sign()
        return FittedItemModel.of("CoCount", "{item}", sparse.csr_array(seen.T @ seen))


class TestCoCount(RetrieverLaws):
    retriever = CoCount()


def test_an_item_of_two_events_votes_once():
    log = interactions(["a", "a", "b", "b"], ["x", "x", "x", "y"], [1, 2, 3, 4])
    fitted = CoCount().fit(log)

    scores = fitted.scores(requests_at(log))

    # Two users have x, one has x and y.
    np.testing.assert_array_equal(scores[0], [2.0, 1.0])
