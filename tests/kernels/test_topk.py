import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.topk import stable_order


@given(st.lists(st.integers(-3, 3), max_size=70))
def test_the_least_come_first_and_equal_ones_in_their_order(values):
    value = np.array(values, np.float64)

    assert stable_order(value).tolist() == np.argsort(value, kind="stable").tolist()


def test_what_is_above_all_numbers_comes_last():
    value = np.array([np.inf, 1.0, -np.inf, np.inf, 0.0])

    assert stable_order(value).tolist() == [2, 4, 1, 0, 3]
