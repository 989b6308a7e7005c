"""A few numbers counted anew are those numbers, in their order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.kernels.distinct_numbers import NONE, Few

# Numbers close together are marked in a table, those far apart are sorted.
number = st.one_of(st.integers(-1, 40), st.integers(-1, 10**6))
some = st.lists(number, max_size=30).map(lambda n: np.array(n, np.int32))


@given(some, some)
def test_a_place_leads_back_to_its_number_and_others_have_none(numbers, asked):
    few = Few.of(numbers)
    places = few.places(asked)

    held = np.isin(asked, numbers) & (asked >= 0)
    assert (few.at(places) == np.where(held, asked, NONE)).all()
    assert ((places == NONE) == ~held).all()


@given(some)
def test_places_are_in_the_order_of_the_numbers_without_gaps(numbers):
    few = Few.of(numbers)

    assert few.number.tolist() == sorted({n for n in numbers.tolist() if n >= 0})
    assert few.places(few.number).tolist() == list(range(len(few)))
