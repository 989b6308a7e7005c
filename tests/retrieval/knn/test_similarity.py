import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import jaccard_score
from sklearn.metrics.pairwise import cosine_similarity

from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.search import Index, nearest
from tidegraph.retrieval.knn.similarity import (
    BM25,
    TFIDF,
    Corpus,
    Cosine,
    Jaccard,
    Pearson,
    Similarity,
)

EVERY = [Cosine(), Pearson(), Jaccard(), BM25(), TFIDF()]


def draw(seed: int = 0, rows: int = 25, columns: int = 30) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 4, (rows, columns)) * (rng.random((rows, columns)) < 0.2)
    return sparse.csr_array(dense.astype(np.float32))


def all_pairs(similarity: Similarity, vectors, shrinkage: float = 0.0) -> np.ndarray:
    """The positive similarities as a dense matrix, from the kernel."""
    profiles = similarity.profiles(vectors, Corpus.of(vectors))
    size = vectors.shape[0]
    found, near = nearest(
        profiles,
        Index.of(profiles),
        neighbors=size,
        shrinkage=shrinkage,
        skip=np.full(size, -1, np.int32),
    )
    dense = np.zeros((size, size))
    row, place = np.nonzero(found >= 0)
    dense[row, found[row, place]] = near[row, place]
    return dense


def overlap(vectors) -> np.ndarray:
    seen = vectors.toarray() > 0
    return (seen.astype(int) @ seen.T.astype(int)) > 0


def test_cosine_is_that_of_scikit_learn():
    vectors = draw()

    np.testing.assert_allclose(
        all_pairs(Cosine(), vectors), cosine_similarity(vectors), rtol=1e-5
    )


def test_pearson_is_the_correlation_where_it_is_positive_and_something_is_shared():
    vectors = draw()
    correlation = np.corrcoef(vectors.toarray())
    expected = np.where(overlap(vectors) & (correlation > 0), correlation, 0)

    np.testing.assert_allclose(
        all_pairs(Pearson(), vectors), expected, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("shrinkage", [0.0, 10.0])
@pytest.mark.parametrize("features", [3, 5, 6, 7, 10, 13, 49])
def test_what_is_the_same_everywhere_correlates_with_nothing(features, shrinkage):
    # Of many lengths, rounding leaves sum x^2 - (sum x)^2 / n a little above 0.
    vectors = np.zeros((4, features), np.float32)
    vectors[:2], vectors[2, 0], vectors[3, :2] = 1, 1, 1
    near = all_pairs(Pearson(), sparse.csr_array(vectors), shrinkage)

    assert not near[:2].any()
    assert not near[:, :2].any()
    assert near[2, 3] > 0


def test_jaccard_is_that_of_scikit_learn():
    vectors = draw(rows=8)
    seen = vectors.toarray() > 0
    expected = [[jaccard_score(a, b) for b in seen] for a in seen]

    np.testing.assert_allclose(all_pairs(Jaccard(), vectors), expected, rtol=1e-5)


def test_tfidf_is_the_cosine_of_scikit_learns_weights():
    vectors = draw()
    weighted = TfidfTransformer().fit_transform(sparse.csr_matrix(vectors))

    np.testing.assert_allclose(
        all_pairs(TFIDF(), vectors), cosine_similarity(weighted), rtol=1e-5
    )


def test_bm25_is_the_formula_worked_out_densely():
    vectors = draw()
    x = vectors.toarray().astype(float)
    occurrences = (x > 0).sum(0)
    rare = np.log(1 + (25 - occurrences + 0.5) / (occurrences + 0.5))
    length = x.sum(1, keepdims=True)
    weighted = x * 2.2 / (x + 1.2 * (0.25 + 0.75 * length / length.mean())) * rare

    np.testing.assert_allclose(
        all_pairs(BM25(), vectors), weighted @ weighted.T, rtol=1e-5
    )


def test_shrinkage_is_added_to_the_denominator():
    # Two equal vectors of two ones: 2 / (sqrt 2 sqrt 2 + 3).
    vectors = sparse.csr_array(np.ones((2, 2), np.float32))

    np.testing.assert_allclose(all_pairs(Cosine(), vectors, 3.0), 0.4, rtol=1e-6)


@pytest.mark.parametrize("similarity", EVERY)
def test_a_vector_of_nothing_is_like_no_other(similarity):
    dense = draw().toarray()
    dense[3] = 0

    near = all_pairs(similarity, sparse.csr_array(dense))

    assert not near[3].any()
    assert not near[:, 3].any()


@pytest.mark.parametrize("similarity", EVERY)
def test_a_recipe_names_a_similarity_and_reads_it_back(similarity):
    settings = ItemKNN(similarity=similarity)

    assert build(ItemKNN, to_table(settings), "retrieve") == settings


def test_a_recipe_with_an_unknown_similarity_is_refused():
    with pytest.raises(ConfigError, match="similarity"):
        build(ItemKNN, {"similarity": {"kind": "cosin"}}, "retrieve")
