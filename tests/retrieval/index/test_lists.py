import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from conftest import draw_log
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import FITTED, model
from tidegraph.errors import (
    ArtifactError,
    ConfigError,
    MissingExtraError,
    RequestError,
)
from tidegraph.retrieval.index import Exact, FittedIndex, Index, InvertedLists
from tidegraph.retrieval.recipes.factorized import hope
from tidegraph.stages import ItemSets
from tidegraph.testing.retrievers import requests_at


def drawn(n=2_000, d=16, seed=0):
    """Vectors of forty kinds and of very different lengths."""
    kind = np.random.default_rng(9).standard_normal((40, d))
    rng = np.random.default_rng(seed)
    near = kind[rng.integers(0, 40, n)] + 0.3 * rng.standard_normal((n, d))
    return (near * rng.lognormal(0, 0.3, (n, 1))).astype(np.float32)


def share(index, vectors, queries, k=20, excluded=None):
    """Of the largest products, how many are found."""
    excluded = ItemSets.none(len(queries)) if excluded is None else excluded
    found, _ = index.search(queries, k, excluded)
    truth, _ = Exact().over(vectors).search(queries, k, excluded)
    both = zip(found, truth, strict=True)
    return np.mean([len(np.intersect1d(a, b)) / k for a, b in both])


def test_it_is_an_index():
    assert isinstance(InvertedLists(), Index)
    assert isinstance(InvertedLists().over(drawn(50)), FittedIndex)


def test_most_of_the_largest_products_are_found_with_their_values():
    vectors, queries = drawn(), drawn(50, seed=1)
    index = InvertedLists().over(vectors)
    item, score = index.search(queries, 20, ItemSets.none(50))

    assert share(index, vectors, queries) > 0.97
    product = np.take_along_axis(queries @ vectors.T, item, axis=1)
    np.testing.assert_allclose(score, product, rtol=1e-4, atol=1e-4)
    assert (np.diff(score, axis=1) <= 1e-6).all()


def test_more_lists_find_more_and_all_of_them_find_all():
    rng = np.random.default_rng(0)  # Of no kinds, which is the hardest.
    vectors = rng.standard_normal((5_000, 32)).astype(np.float32)
    queries = rng.standard_normal((50, 32)).astype(np.float32)
    few, some, whole = (
        share(InvertedLists(part, 200).over(vectors), vectors, queries, k=5)
        for part in (0.005, 0.1, 1.0)
    )

    assert few < some < whole
    assert whole == 1


def test_what_is_excluded_is_not_found_and_its_places_are_filled():
    vectors, queries = drawn(500), drawn(30, seed=1)
    rng = np.random.default_rng(2)
    sizes = rng.integers(0, 200, 30)
    row = np.repeat(np.arange(30), sizes)
    hidden = rng.integers(0, 500, len(row)).astype(np.int32)
    excluded = ItemSets.of_pairs(row, hidden, 30)
    index = InvertedLists().over(vectors)
    item, _ = index.search(queries, 20, excluded)

    for n in range(30):
        assert not np.isin(item[n], hidden[row == n]).any()
    assert (item >= 0).all()
    assert share(index, vectors, queries, excluded=excluded) > 0.97


def test_an_excluded_item_that_came_later_hides_nothing_from_the_next_query():
    vectors, queries = drawn(40), drawn(2, seed=1)
    index = InvertedLists(share=1.0, lists=2).over(vectors)
    none, _ = index.search(queries, 10, ItemSets.none(2))
    later = 40 + none[1].astype(np.int32)
    excluded = ItemSets.of_pairs(np.zeros(10, np.int64), later, 2)

    found, _ = index.search(queries, 10, excluded)

    assert np.array_equal(found, none)


def test_queries_together_and_alone_find_the_same():
    queries = drawn(20, seed=1)
    index = InvertedLists().over(drawn())
    together, _ = index.search(queries, 10, ItemSets.none(20))

    for n in range(20):
        alone, _ = index.search(queries[n : n + 1], 10, ItemSets.none(1))
        np.testing.assert_array_equal(alone[0], together[n])


def test_a_vector_and_a_query_with_a_nan_find_nothing():
    vectors, queries = drawn(60), drawn(3, seed=1)
    vectors[7], queries[1] = np.nan, np.nan
    item, score = InvertedLists().over(vectors).search(queries, 60, ItemSets.none(3))

    assert sorted(item[0]) == [-1, *(n for n in range(60) if n != 7)]
    assert (item[1] == -1).all()
    assert np.isneginf(score[1]).all()


def test_vectors_are_added_and_the_index_before_stays():
    vectors, queries = drawn(), drawn(50, seed=1)
    before = InvertedLists().over(vectors[:1_500])
    after = before.added(vectors[1_500:])

    assert share(after, vectors, queries) > 0.95
    assert share(before, vectors[:1_500], queries) > 0.97
    assert (before.search(queries, 20, ItemSets.none(50))[0] < 1_500).all()


def test_the_same_vectors_make_the_same_index():
    queries, nothing = drawn(20, seed=1), ItemSets.none(20)
    first, second = (InvertedLists().over(drawn()) for _ in range(2))

    answers = [index.search(queries, 9, nothing) for index in (first, second)]
    np.testing.assert_array_equal(answers[0][0], answers[1][0])
    np.testing.assert_array_equal(answers[0][1], answers[1][1])


def test_a_saved_index_finds_the_same_and_still_grows(tmp_path):
    queries, nothing = drawn(20, seed=1), ItemSets.none(20)
    index = InvertedLists(share=0.77).over(drawn())
    save(index, tmp_path / "index")
    back = load(tmp_path / "index", FITTED)

    assert back.settings == index.settings
    answers = [one.search(queries, 9, nothing) for one in (index, back)]
    np.testing.assert_array_equal(answers[0][0], answers[1][0])
    np.testing.assert_array_equal(answers[0][1], answers[1][1])
    more = drawn(10, seed=3) * 100
    assert (back.added(more).search(more, 1, ItemSets.none(10))[0] >= 2_000).all()


def test_a_file_that_is_no_index_is_said():
    state = InvertedLists().over(drawn(50)).state()
    broken = replace(state, arrays={"lists": np.zeros(200, np.uint8)})

    with pytest.raises(ArtifactError, match="none that this version of faiss reads"):
        FITTED["FittedInvertedLists"].from_state(broken)


def test_more_than_it_holds_is_refused():
    index = InvertedLists().over(drawn(50))

    with pytest.raises(RequestError, match="asked for 51 of its 50 vectors"):
        index.search(drawn(2), 51, ItemSets.none(2))


def test_an_embedding_answers_from_it_and_is_saved_with_it(tmp_path):
    log = draw_log()
    exact, near = (
        hope(embedding_size=6),
        replace(hope(embedding_size=6), index=InvertedLists()),
    )
    fitted = near.fit(log)
    requests = requests_at(log, repeat=False)
    save(fitted, tmp_path / "model")
    back = load(tmp_path / "model", FITTED)

    for answer in (fitted.retrieve(requests, 5), back.retrieve(requests, 5)):
        np.testing.assert_array_equal(
            answer.item, exact.fit(log).retrieve(requests, 5).item
        )
    assert fitted.retrieve(requests, 10_000).item.shape[1] == len(log.items)


def test_an_index_without_a_state_cannot_be_saved(tmp_path):
    class Own:
        def over(self, vectors):
            return self

        def search(self, queries, k, excluded):
            return Exact().over(queries).search(queries, k, excluded)

    fitted = replace(hope(embedding_size=6), index=Own()).fit(draw_log())

    with pytest.raises(ArtifactError, match="HOPE cannot be saved: its index, an Own"):
        save(fitted, tmp_path / "model")


def test_it_is_named_in_a_recipe():
    table = {"model": "Factorized", "index": {"type": "InvertedLists", "share": 0.9}}

    assert model(table, "recipe", "retrieve").index == InvertedLists(share=0.9)


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)

    with pytest.raises(MissingExtraError, match=r"faiss.*tidegraph\[index\]"):
        InvertedLists().over(drawn(5))


def test_lists_and_shares_that_find_nothing_are_refused():
    with pytest.raises(ConfigError, match="lists is 0"):
        InvertedLists(lists=0)
    for part in (0.0, 1.5):
        with pytest.raises(ConfigError, match=r"share is .* at most 1"):
            InvertedLists(share=part)


def test_it_lives_in_one_process_with_a_tensor_engine():
    """Both bring threads of their own."""
    vectors, queries = drawn(), drawn(50, seed=1)
    tensor = torch.from_numpy(vectors)

    for _ in range(3):
        assert share(InvertedLists().over(vectors), vectors, queries) > 0.9
        gram = (tensor.T @ tensor).numpy()
        np.testing.assert_allclose(gram, vectors.T @ vectors, rtol=1e-3)
