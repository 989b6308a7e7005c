import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tidegraph.errors import ConfigError
from tidegraph.kernels import jit
from tidegraph.retrieval.knn.search import Index, as_matrix_of_neighbors, nearest
from tidegraph.retrieval.knn.similarity import Corpus, Cosine


def find(dense: np.ndarray, neighbors: int, shrinkage: float = 0.0):
    vectors = sparse.csr_array(dense.astype(np.float32))
    profiles = Cosine().profiles(vectors, Corpus.of(vectors))
    return nearest(
        profiles,
        Index.of(profiles),
        neighbors=neighbors,
        shrinkage=shrinkage,
        skip=np.arange(len(dense), dtype=np.int32),
    )


@given(seed=st.integers(0, 10_000), neighbors=st.integers(1, 12))
def test_the_nearest_are_those_of_a_full_sort_that_breaks_ties_on_the_number(
    seed, neighbors
):
    rng = np.random.default_rng(seed)
    dense = (rng.random((12, 6)) < 0.4).astype(float)
    found, _ = find(dense, neighbors)

    # Lengths are roots of whole numbers, so ties are exact in float32.
    length = np.sqrt(dense.sum(1))
    for row in range(12):
        near = dense @ dense[row]
        shared = [v for v in np.flatnonzero(near) if v != row]
        cosine = {v: np.float32(near[v] / (length[row] * length[v])) for v in shared}
        expected = sorted(shared, key=lambda v: (-cosine[v], v))[:neighbors]
        assert found[row][found[row] >= 0].tolist() == expected


def test_a_dot_product_that_cancels_to_zero_is_no_neighbour_and_is_met_once():
    # Features 0 and 1 cancel between the first two, feature 2 joins the first and last.
    dense = np.array([[1, 1, 1], [1, -1, 0], [0, 0, 1]])

    found, _ = find(dense, 3)

    assert found[0].tolist() == [2, -1, -1]
    assert found[1].tolist() == [-1, -1, -1]


def test_one_processor_finds_the_same_bits_as_several(monkeypatch):
    dense = np.random.default_rng(3).random((200, 40)) ** 6
    several = find(dense, 10)
    monkeypatch.setattr(jit, "cpu_count", lambda: 1)

    alone = find(dense, 10)

    np.testing.assert_array_equal(several[0], alone[0])
    np.testing.assert_array_equal(several[1], alone[1])


def test_neighbours_become_a_matrix_without_the_empty_places():
    found = np.array([[1, -1], [0, 2]], np.int32)
    near = np.array([[0.5, -np.inf], [0.25, 0.75]], np.float32)

    matrix = as_matrix_of_neighbors(found, near, 3)

    np.testing.assert_array_equal(matrix.toarray(), [[0, 0.5, 0], [0.25, 0, 0.75]])


@pytest.mark.parametrize(("neighbors", "shrinkage"), [(0, 0.0), (5, -1.0)])
def test_settings_out_of_range_are_refused(neighbors, shrinkage):
    with pytest.raises(ConfigError, match="at least"):
        find(np.eye(3), neighbors, shrinkage)
