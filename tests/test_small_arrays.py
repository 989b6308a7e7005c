import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.small_arrays import never_fall, places_among, span

NUMBERS = st.lists(st.integers(-50, 50), min_size=1, max_size=40)


@given(NUMBERS, NUMBERS)
def test_places_are_those_of_a_list(held, wanted):
    held = sorted(set(held))
    found = places_among(np.array(held), np.array(wanted))
    assert found.tolist() == [held.index(w) if w in held else -1 for w in wanted]


@given(NUMBERS)
def test_the_least_and_the_greatest_whether_few_or_many(values):
    assert span(np.array(values)) == (min(values), max(values))


@given(st.lists(st.integers(-3, 3), max_size=5))
def test_numbers_never_fall_where_sorting_changes_nothing(values):
    assert never_fall(np.array(values)) == (sorted(values) == values)
