import numpy as np
import pytest
import scipy

from tidegraph.kernels.jit import use_threads
from tidegraph.kernels.sparse_products import entry_products, spread_sums, weighted_sums


@pytest.fixture
def matrix(rng):
    """A sparse matrix of 1,500 rows, some of them empty."""
    dense = rng.normal(size=(1500, 700)) * (rng.random((1500, 700)) < 0.01)
    dense[::7] = 0
    return scipy.sparse.csr_array(dense.astype(np.float32))


def parts(matrix):
    return matrix.indptr.astype(np.int64), matrix.indices, matrix.data


@pytest.mark.parametrize("size", [1, 5, 64])
def test_sums_are_the_products_of_scipy_either_way_round(matrix, rng, size):
    right = rng.normal(size=(700, size)).astype(np.float32)
    left = rng.normal(size=(1500, size)).astype(np.float32)
    ptr, column, weight = parts(matrix)

    found = weighted_sums(ptr, column, weight, right)
    turned = spread_sums(ptr, column, weight, left, 700)
    entries = entry_products(ptr, column, left, right)

    row = matrix.tocoo().row
    np.testing.assert_allclose(found, matrix @ right, atol=1e-4)
    np.testing.assert_allclose(turned, matrix.T @ left, atol=1e-4)
    expected = (left[row] * right[column]).sum(axis=1)
    np.testing.assert_allclose(entries, expected, atol=1e-4)


def test_the_bits_do_not_depend_on_threads_or_blocks(matrix, rng):
    ptr, column, weight = parts(matrix)
    right = rng.normal(size=(700, 33)).astype(np.float32)
    left = rng.normal(size=(1500, 33)).astype(np.float32)

    found = []
    for threads, grain in ((1, 10_000), (2, 512), (3, 1)):
        with use_threads(threads, grain):
            turned = spread_sums(ptr, column, weight, left, 700)
            found.append((weighted_sums(ptr, column, weight, right), turned))

    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)
