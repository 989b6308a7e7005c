import numpy as np
import pytest

from tidegraph.kernels.jit import compiled
from tidegraph.kernels.tables.vectors import (
    add_multiples,
    add_row,
    copy_row,
    dots,
    padded,
)


@compiled
def all_dots(left, at, right, begin, rows, width, out, to):
    dots(left, at, right, begin, rows, width, out, to)


@compiled
def all_multiples(factor, at, stride, source, begin, rows, width, target, to):
    add_multiples(factor, at, stride, source, begin, rows, width, target, to)


@compiled
def both(factor, source, at, copied, added, to, size):
    copy_row(source, at, copied, to, size)
    add_row(factor, source, at, added, to, size)


def drawn(size, seed=0):
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


@pytest.mark.parametrize(("size", "width"), [(1, 16), (16, 16), (17, 32), (100, 112)])
def test_a_row_is_padded_to_whole_steps(size, width):
    assert padded(size) == width


@pytest.mark.parametrize("width", [16, 32, 112])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_dots_are_products_with_each_row(width, rows):
    left, right, out = drawn(3 + width), drawn(5 + rows * width, 1), drawn(rows + 4, 2)
    was = out.copy()

    all_dots(left, 3, right, 5, rows, width, out, 2)

    want = right[5:].reshape(rows, width) @ left[3:]
    np.testing.assert_allclose(out[2 : 2 + rows], want, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(
        np.delete(out, range(2, 2 + rows)), [*was[:2], *was[-2:]]
    )


@pytest.mark.parametrize("width", [16, 48])
@pytest.mark.parametrize("rows", [0, 1, 6])
@pytest.mark.parametrize("stride", [1, 3])
def test_multiples_of_rows_are_added(width, rows, stride):
    factor, source = drawn(2 + 20 * stride), drawn(1 + rows * width, 1)
    target = drawn(width + 6, 2)
    was = target.copy()

    all_multiples(factor, 2, stride, source, 1, rows, width, target, 3)

    want = factor[2:][: rows * stride : stride] @ source[1:].reshape(rows, width)
    np.testing.assert_allclose(
        target[3 : 3 + width] - was[3 : 3 + width], want, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(target[:3], was[:3])
    np.testing.assert_array_equal(target[-3:], was[-3:])


@pytest.mark.parametrize("size", [1, 7, 8, 16, 37])
def test_rows_of_any_size_are_copied_and_added_and_nothing_beside_them(size):
    source, copied, added = drawn(2 + size), drawn(size + 5, 1), drawn(size + 5, 2)
    was = copied.copy(), added.copy()

    both(np.float32(0.5), source, 2, copied, added, 3, size)

    np.testing.assert_array_equal(copied[3 : 3 + size], source[2:])
    np.testing.assert_allclose(
        added[3 : 3 + size], was[1][3 : 3 + size] + 0.5 * source[2:], rtol=1e-5
    )
    for now, before in zip((copied, added), was, strict=True):
        np.testing.assert_array_equal(now[:3], before[:3])
        np.testing.assert_array_equal(now[-2:], before[-2:])
