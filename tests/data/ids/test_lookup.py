import copy

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.ids.lookup import UNKNOWN, Lookup

IDS = st.lists(st.integers(-500, 500), unique=True, min_size=30, max_size=60)


@pytest.mark.parametrize("kind", [pl.Int64, pl.Int16, pl.String])
@given(
    IDS, st.lists(st.lists(st.integers(-500, 500), min_size=1, max_size=3)), st.data()
)
def test_lookups_are_those_of_a_dictionary_before_and_after_there_is_an_index(
    kind, ids, asked, data
):
    known = {str(value): row for row, value in enumerate(ids)}
    lookup = Lookup(pl.Series(ids).cast(kind))
    for _ in range(9):
        lookup.rows(pl.Series([ids[0]]).cast(kind))
    for values in asked:
        # Ids that came after the index was made are found as well.
        fresh = [v for v in dict.fromkeys(values) if str(v) not in known]
        found = lookup.rows(pl.Series(values).cast(kind)).tolist()

        assert found == [known.get(str(v), UNKNOWN) for v in values]
        if data.draw(st.booleans()):
            known |= {str(v): len(known) + n for n, v in enumerate(fresh)}
            longer = pl.Series(list(known), dtype=pl.String).cast(kind)
            lookup = lookup.extended(longer)


def test_many_lookups_of_few_ids_are_made_in_an_index():
    lookup = Lookup(pl.Series(range(100)))
    one = pl.Series([99])
    for _ in range(9):
        assert lookup.rows(one).tolist() == [99]

    lookup._ids = pl.Series([0] * 100)

    assert lookup.rows(one).tolist() == [99]


def test_a_missing_value_is_unknown():
    lookup = Lookup(pl.Series(range(100)))
    for _ in range(20):
        found = lookup.rows(pl.Series([None, 3], dtype=pl.Int64))

    assert found.tolist() == [UNKNOWN, 3]


@pytest.mark.parametrize("kind", [pl.Int64, pl.Int16, pl.String])
@given(IDS, st.lists(st.integers(-500, 500), min_size=1, max_size=4))
def test_ids_are_found_by_their_saved_order_and_later_ones_too(kind, ids, values):
    held = pl.Series(ids).cast(kind)
    lookup = Lookup.ordered(held, Lookup(held).order())
    known = {value: row for row, value in enumerate(ids)}
    asked = pl.Series(values).cast(kind)

    assert lookup.rows(asked).tolist() == [known.get(v, UNKNOWN) for v in values]
    fresh = [v for v in dict.fromkeys(values) if v not in known]
    longer = lookup.extended(pl.Series([*ids, *fresh]).cast(kind))
    known |= {v: len(ids) + n for n, v in enumerate(fresh)}
    assert longer.rows(asked).tolist() == [known[v] for v in values]


def test_many_ids_are_found_by_a_saved_order():
    held = pl.Series([f"i{n * 7 % 1000}é" for n in range(1000)])
    lookup = Lookup.ordered(held, Lookup(held).order())
    asked = held.gather(range(0, 1000, 9)).extend(pl.Series(["none"]))

    assert lookup.rows(asked).tolist() == [*range(0, 1000, 9), UNKNOWN]


def test_an_order_of_other_ids_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        Lookup.ordered(pl.Series([1, 2]), Lookup(pl.Series([1, 2, 3])).order())


def test_ids_without_an_order_are_found_all_the_same():
    held = pl.Series([1.5, 0.5])
    lookup = Lookup.ordered(held, Lookup(held).order())

    assert lookup.rows(pl.Series([0.5])).tolist() == [1]


STEP = st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans())


@given(st.lists(STEP, max_size=30))
def test_lines_that_part_find_their_own_later_ids_only(steps):
    """Each step adds an id to a lookup, or takes it out; those so far do not change."""
    ids = [f"id{n}" for n in range(40)]
    first = Lookup(pl.Series(ids)).in_order()
    line = [(ids, first)]
    for which, number, leaves in steps:
        held, lookup = line[which % len(line)]
        name = f"new{number}" if number else ids[1]
        if leaves and name in held:
            row = held.index(name)
            held = [*held[:row], None, *held[row + 1 :]]
            lookup = lookup.without(pl.Series(held), np.array([row], np.int32))
            line.append((held, lookup))
        elif name not in held:
            held = [*held, name]
            line.append((held, lookup.extended(pl.Series(held))))
    asked = [*ids[:2], *(f"new{n}" for n in range(3))]
    for held, lookup in line:
        known = {value: row for row, value in enumerate(held)}

        found = lookup.rows(pl.Series(asked)).tolist()
        assert found == [known.get(value, UNKNOWN) for value in asked]
        plain = [lookup.rows_of_plain([value]) for value in asked]
        assert plain == [None if row == UNKNOWN else [row] for row in found]
        again = copy.deepcopy(lookup)
        assert again.rows(pl.Series(asked)).tolist() == found


def test_ids_in_order_are_found_without_a_join():
    lookup = Lookup(pl.Series([f"id{n}" for n in range(100)])).in_order()
    lookup._ids = pl.Series(["other"] * 100)

    assert lookup.rows(pl.Series(["id7"])).tolist() == [7]


@pytest.mark.parametrize("gone", [3, 100])
def test_ids_in_order_are_found_without_a_join_when_one_is_erased(gone):
    held = [f"id{n}" for n in range(100)]
    lookup = Lookup(pl.Series(held)).in_order()
    lookup = lookup.extended(pl.Series([*held, "later"]))
    left = [None if n == gone else v for n, v in enumerate([*held, "later"])]
    lookup = lookup.without(pl.Series(left), np.array([gone], np.int32))
    lookup._ids = pl.Series(["other"] * 101)

    asked = pl.Series(["id7", "id3", "later"])
    there = [7, UNKNOWN, 100] if gone == 3 else [7, 3, UNKNOWN]
    assert lookup.rows(asked).tolist() == there


def test_values_of_another_type_are_not_plain():
    lookup = Lookup(pl.Series(range(100))).in_order()

    assert lookup.rows_of_plain([7, 3]) == [7, 3]
    assert lookup.rows_of_plain([7, "7"]) is None
    assert lookup.rows_of_plain([True]) is None
    assert lookup.rows_of_plain([10**30]) is None
