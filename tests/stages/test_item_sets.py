import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.stages import ItemSets

ROWS = st.lists(
    st.tuples(st.lists(st.integers(-1, 9), max_size=6), st.lists(st.integers(-1, 9))),
    max_size=5,
)


def sets(rows: list[list[int]]) -> ItemSets:
    ptr = np.cumsum([0, *map(len, rows)])
    return ItemSets(ptr, np.array([i for row in rows for i in row], np.int32))


@given(ROWS, st.sampled_from([1, 20]))
def test_what_is_in_the_set_of_its_row_is_found_among_few_and_many(rows, times):
    own, asked = [row for row, _ in rows], [row * times for _, row in rows]

    found = sets(own).holds_each(sets(asked))

    pairs = zip(own, asked, strict=True)
    assert found.tolist() == [i >= 0 and i in row for row, some in pairs for i in some]


@pytest.mark.parametrize("width", [0, 2, 30])
def test_a_table_of_items_is_looked_up_row_by_row(width):
    item = np.tile(np.array([[3], [-1]], np.int32), (1, width))

    found = sets([[7, 3, 7], [-1, 3]]).holds(item)

    assert found.shape == (2, width)
    assert found[0].all()
    assert not found[1].any()


def test_sets_of_some_requests_stand_in_the_order_asked_for():
    some = sets([[5], [], [2, 1]]).at(np.array([2, 0, 2]))

    assert some.ptr.tolist() == [0, 2, 3, 5]
    assert some.item.tolist() == [2, 1, 5, 2, 1]
