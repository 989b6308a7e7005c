"""Tables of a fixed size find what was put in, as a dict and a set do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.hash_table import EMPTY, is_new, slot

numbers = st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 8), max_size=31)


@given(numbers)
def test_a_number_is_found_where_it_was_put_and_nowhere_before(asked):
    held, placed = np.full(64, EMPTY, np.int32), {}
    for number in asked:
        at = slot(held, number)
        assert held[at] == (number if number in placed else EMPTY)
        held[at] = number
        placed.setdefault(number, at)
        assert placed[number] == at


@given(st.lists(numbers, max_size=6))
def test_sets_made_in_one_table_do_not_mix(sets):
    held = np.zeros(64, np.int64)
    for serial, asked in enumerate(sets, start=1):
        seen = set()
        for number in asked:
            assert is_new(held, serial, number) == (number not in seen)
            seen.add(number)
