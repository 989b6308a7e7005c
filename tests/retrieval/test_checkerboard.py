"""Every neighbourhood method finds what is missing from a checkerboard."""

import numpy as np
import pytest

from tidegraph.data.interactions import interactions
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import BM25, TFIDF, Cosine, Jaccard, Pearson
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.slim import SLIM
from tidegraph.retrieval.user_knn import UserKNN
from tidegraph.testing.retrievers import requests_at

METHODS = [
    ItemKNN(),
    ItemKNN(similarity=Pearson()),
    ItemKNN(similarity=Cosine()),
    ItemKNN(similarity=BM25()),
    ItemKNN(similarity=TFIDF()),
    UserKNN(),
    UserKNN(similarity=Pearson()),
    UserKNN(similarity=Jaccard()),
    UserKNN(similarity=BM25()),
    UserKNN(similarity=Cosine()),
    SLIM(),
    EASE(l2=1.0),
    RP3beta(),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_the_one_item_of_their_colour_that_each_user_did_not_meet_comes_first(method):
    # Even users like even items, all but the one of their own number; odd users alike.
    # Each also has one item of the other colour, so that colours are connected.
    size = 16
    pairs = [
        (user, item)
        for user in range(size)
        for item in range(size)
        if (user % 2 == item % 2 and user != item) or item == (user + 3) % size
    ]
    user, item = np.array(pairs).T
    log = interactions(user, item, np.zeros(len(user)))

    answer = method.fit(log).retrieve(requests_at(log, repeat=False), 1)

    first = log.items.decode(answer.item[:, 0]).to_numpy()
    np.testing.assert_array_equal(first, log.users.ids.to_numpy())
