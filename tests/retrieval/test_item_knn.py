from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import (
    BM25,
    TFIDF,
    Corpus,
    Cosine,
    Jaccard,
    Pearson,
    Profiles,
)
from tidegraph.testing.retrievers import RetrieverLaws, requests_at

DAY = 86_400


class TestItemKNN(RetrieverLaws):
    retriever = ItemKNN()


class TestItemKNNByPearson(RetrieverLaws):
    variant_of = "TestItemKNN"
    retriever = ItemKNN(neighbors=5, similarity=Pearson(), shrinkage=2.0)


class TestItemKNNByJaccard(RetrieverLaws):
    variant_of = "TestItemKNN"
    unmoved = 0.9
    retriever = ItemKNN(neighbors=5, similarity=Jaccard())


class TestItemKNNByBM25(RetrieverLaws):
    variant_of = "TestItemKNN"
    retriever = ItemKNN(neighbors=5, similarity=BM25())


class TestItemKNNByTFIDF(RetrieverLaws):
    variant_of = "TestItemKNN"
    retriever = ItemKNN(neighbors=5, similarity=TFIDF())


class TestItemKNNWithHalfLife(RetrieverLaws):
    variant_of = "TestItemKNN"
    retriever = ItemKNN(half_life_days=3.0)


def test_scores_are_the_history_times_the_kept_cosines():
    log = draw_log()
    dense = Matrix.of(log).csr().toarray()
    near = cosine_similarity(dense.T)
    np.fill_diagonal(near, 0)
    kept = np.argsort(-near, axis=1, kind="stable")[:, :3]
    model = np.zeros_like(near)
    np.put_along_axis(model, kept, np.take_along_axis(near, kept, 1), 1)
    expected = (dense > 0) @ model

    scores = (
        ItemKNN(neighbors=3, similarity=Cosine(), shrinkage=0.0)
        .fit(log)
        .scores(requests_at(log))
    )

    np.testing.assert_allclose(np.maximum(scores, 0), expected, rtol=1e-4, atol=1e-6)


def test_an_item_of_the_history_counts_half_a_half_life_after_its_last_event():
    # a has x twice; b and c link x to y and z to w: both cosines are 1 / sqrt 2.
    log = interactions(
        ["b", "b", "c", "c", "a", "a", "a"],
        ["x", "y", "z", "w", "x", "x", "z"],
        [0, 0, 0, 0, 0, 10 * DAY, 20 * DAY],
    )
    once = log.take(np.arange(len(log)) != 4)
    fitted = ItemKNN(similarity=Cosine(), shrinkage=0.0, half_life_days=10.0).fit(once)

    requests = requests_at(log, at=20 * DAY + 1)
    a = log.users.row("a")
    scores = fitted.scores(requests)[a]

    y, w = log.items.row("y"), log.items.row("w")
    np.testing.assert_allclose(scores[y], 0.5 / np.sqrt(2), rtol=1e-4)
    np.testing.assert_allclose(scores[w], 1 / np.sqrt(2), rtol=1e-4)


def test_a_similarity_of_ones_own_goes_where_ours_goes():
    @dataclass(frozen=True)
    class CommonNeighbours:
        def profiles(self, vectors, corpus: Corpus) -> Profiles:
            return Profiles.of(vectors.sign(), size=0.5)

    log = interactions(["a", "a", "b", "b"], ["x", "y", "x", "y"], [1, 2, 3, 4])

    fitted = ItemKNN(similarity=CommonNeighbours(), shrinkage=0.0).fit(log)

    np.testing.assert_array_equal(fitted.csr().toarray(), [[0, 2], [2, 0]])


def test_asymmetry_divides_by_the_lengths_to_its_powers():
    # a, b, c, d have x, a has y: together once; lengths are 2 and 1.
    log = interactions(list("aabcd"), list("xyxxx"), range(5))

    model = ItemKNN(similarity=Cosine(), shrinkage=0.0, asymmetry=0.75).fit(log).csr()

    # From x to y 1 / (2^1.5 x 1), from y to x 1 / (1 x 2^0.5).
    expected = [[0, 2**-1.5], [2**-0.5, 0]]
    np.testing.assert_allclose(model.toarray(), expected, rtol=1e-6)


def test_an_asymmetry_beyond_one_is_refused(log):
    with pytest.raises(ConfigError, match=r"asymmetry is 1\.5"):
        ItemKNN(asymmetry=1.5).fit(log)
