import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.errors import RequestError
from tidegraph.kernels import jit
from tidegraph.retrieval.scoring.top_k import top_k
from tidegraph.stages import ItemSets


@given(
    seed=st.integers(0, 10_000),
    items=st.integers(1, 30),
    k=st.integers(1, 40),
    levels=st.integers(1, 50),
)
def test_the_best_are_those_of_a_stable_sort_of_what_may_be_answered(
    seed, items, k, levels
):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (3, items)).astype(np.float32)
    scores[rng.random((3, items)) < 0.2] = -np.inf
    hidden = [rng.integers(0, items + 2, rng.integers(0, 5)) for _ in range(3)]
    ptr = np.concatenate([[0], np.cumsum([len(row) for row in hidden])])
    excluded = ItemSets(ptr.astype(np.int64), np.concatenate(hidden).astype(np.int32))

    answer = top_k(scores, excluded, k, "test")

    for row in range(3):
        visible = scores[row].copy()
        visible[hidden[row][hidden[row] < items]] = -np.inf
        order = np.argsort(-visible, kind="stable")
        expected = order[visible[order] > -np.inf][:k]
        found = answer.item[row][answer.present[row]]
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(
            answer.score[row][: len(found)], visible[expected]
        )


def test_one_processor_answers_the_same_as_several(monkeypatch):
    scores = np.random.default_rng(0).integers(0, 9, (100, 50)).astype(np.float32)
    several = top_k(scores, ItemSets.none(100), 7, "test")
    monkeypatch.setattr(jit, "cpu_count", lambda: 1)

    alone = top_k(scores, ItemSets.none(100), 7, "test")

    np.testing.assert_array_equal(several.item, alone.item)


def test_a_list_of_none_is_refused():
    with pytest.raises(RequestError, match="k >= 1"):
        top_k(np.zeros((1, 3), np.float32), ItemSets.none(1), 0, "test")
