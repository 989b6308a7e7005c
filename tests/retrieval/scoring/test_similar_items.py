"""Items like an item, by a fitted model's own weights."""

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import RequestError
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.heuristics.proximity import (
    AdamicAdar,
    Katz,
    PersonalizedPageRank,
)
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.scoring.similar_items import FindsSimilar
from tidegraph.stages import NO_ITEM

METHODS = [ItemKNN(), RP3beta(), AdamicAdar(), EASE(l2=5.0)]
WALKS = [Katz(), Katz(on="items"), PersonalizedPageRank()]


def largest(weight: np.ndarray, row: int, k: int) -> list[int]:
    """The columns of a row's largest weights above 0, by a loop."""
    others = [i for i in range(len(weight)) if i != row and weight[row, i] > 0]
    return sorted(others, key=lambda i: (-weight[row, i], i))[:k]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_similar_items_are_those_of_the_largest_weights(method):
    fitted = method.fit(draw_log())
    weight = fitted.weight if isinstance(method, EASE) else fitted.csr().toarray()
    rows = np.array([5, 0, 5, 11], np.int32)

    found = fitted.similar(rows, 6)

    for place, row in enumerate(rows):
        mine = largest(weight, row, 6)
        items = found.item[place][found.present[place]]
        assert items.tolist() == mine
        np.testing.assert_allclose(found.score[place][: len(mine)], weight[row, mine])


@pytest.mark.parametrize("on", ["bipartite", "items"])
def test_similar_items_of_katz_are_those_of_the_dense_inverse(on):
    log = draw_log(events=150)
    seen = Matrix.of(log).csr().sign().toarray().astype(float)
    items = seen.shape[1]
    if on == "items":
        graph = seen.T @ seen
        np.fill_diagonal(graph, 0)
    else:
        none = np.zeros((items, items)), np.zeros((len(seen), len(seen)))
        graph = np.block([[none[0], seen.T], [seen, none[1]]])
    beta = 0.4 / np.linalg.eigvalsh(graph).max()
    pairs = beta * np.linalg.inv(np.eye(len(graph)) - beta * graph)[:items, :items]

    found = (
        Katz(on=on, beta=float(beta), tolerance=1e-9)
        .fit(log)
        .similar(np.arange(items, dtype=np.int32), 5)
    )

    for row in range(items):
        others = np.sort(np.delete(pairs[row], row))[::-1][:5]
        count = int(found.present[row].sum())
        np.testing.assert_allclose(found.score[row, :count], others[:count], rtol=1e-4)
        np.testing.assert_allclose(others[count:], 0, atol=1e-12)
        assert row not in found.item[row]


@pytest.mark.parametrize("method", [*METHODS, *WALKS], ids=repr)
def test_an_item_that_training_did_not_meet_is_like_none(method):
    fitted = method.fit(draw_log())

    found = fitted.similar(np.array([NO_ITEM, 3, 10**6], np.int32), 4)

    assert found.present.sum(axis=1).tolist() == [0, 4, 0]
    assert len(fitted.similar(np.zeros(0, np.int32), 4)) == 0
    with pytest.raises(RequestError, match="k is 0"):
        fitted.similar(np.array([3], np.int32), 0)


def test_a_method_that_does_not_compare_items_says_so_by_its_type():
    log = draw_log()

    for method in (*METHODS, *WALKS):
        assert isinstance(method.fit(log), FindsSimilar)
    for method in (Popular(), Repeat()):
        assert not isinstance(method.fit(log), FindsSimilar)
