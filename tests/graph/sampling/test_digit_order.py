import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.graph.sampling.digit_order import digits_of, order_by_digits


@pytest.mark.parametrize("limit", [1, 2, 4096, 4097, 2**24 + 1, 2**40])
@given(st.data())
def test_numbers_stand_as_a_stable_sort_has_them(limit, data):
    some = st.integers(0, limit - 1) | st.integers(0, min(limit - 1, 3))
    number = np.array(data.draw(st.lists(some)), np.int64)

    found = order_by_digits(number, digits_of(limit))

    assert np.array_equal(found, np.argsort(number, kind="stable"))


def test_many_numbers_are_in_order():
    number = np.random.default_rng(0).integers(0, 5_000_000, 100_000)

    found = order_by_digits(number, digits_of(5_000_000))

    assert np.array_equal(found, np.argsort(number, kind="stable"))
