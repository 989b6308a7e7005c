import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.errors import DataError
from tidegraph.graph.storage.append_only import Column, Table, numbers


@given(st.lists(st.integers(0, 5), max_size=30))
def test_a_table_that_grew_holds_all_rows_in_parts_that_double(sizes):
    table, held, seen = Table(pl.DataFrame({"x": pl.Series([], dtype=pl.Int64)})), 0, []
    for size in sizes:
        seen.append((table, held))
        table = table.extended(pl.DataFrame({"x": np.arange(held, held + size)}))
        held += size

    for one, rows in [*seen, (table, held)]:
        assert one.frame["x"].to_list() == list(range(rows))
    assert table.frame.n_chunks() <= 1 + np.log2(max(held, 1))


def test_a_feature_is_kept_up_when_it_is_asked_for_and_what_is_lacking_counts_as_0():
    table = Table(pl.DataFrame({"x": [1.0, None], "y": [1.0, 2.0]}))
    assert table.weights("x").tolist() == [1, 0]
    new = pl.DataFrame({"x": [float("nan"), 4.0], "y": [5.0, None]})
    one, other = table.extended(new), table.extended(new[::-1])

    assert one.weights("x").tolist() == [1, 0, 0, 4]
    assert other.weights("x").tolist() == [1, 0, 4, 0]
    assert one.rechunked().weights("y").tolist() == [1, 2, 5, 0]
    assert table.weights("x").tolist() == [1, 0]


def test_a_feature_that_is_not_finite_counts_as_0_and_a_weight_is_refused():
    table = pl.DataFrame({"x": [1.0, float("inf"), float("-inf"), 1e39]})

    assert Table(table).weights("x").tolist() == [1, 0, 0, 0]
    with pytest.raises(DataError, match="column 'x' is inf in row 1"):
        numbers(table, "x")


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 60))
def test_the_rows_from_one_on_are_those_of_the_whole_table(sizes, row):
    table, held = Table(pl.DataFrame({"x": pl.Series([], dtype=pl.Int64)})), 0
    for size in sizes:
        table = table.extended(pl.DataFrame({"x": np.arange(held, held + size)}))
        held += size

    assert table.height == held
    row = min(row, held)
    assert table.since(row)["x"].to_list() == list(range(row, held))


def test_a_column_of_nulls_alone_takes_a_type_however_late_its_first_value():
    table = Table(pl.DataFrame({"x": [1, 2], "y": [None, None]}))
    nulls = table.extended(pl.DataFrame({"x": [3], "y": [None]}))
    typed = nulls.extended(pl.DataFrame({"x": [4], "y": ["a"]}))
    longer = typed.extended(pl.DataFrame({"x": [5], "y": ["b"]}))

    assert longer.frame["y"].to_list() == [None, None, None, "a", "b"]
    assert nulls.frame["y"].dtype == pl.Null


def test_a_column_that_two_extend_is_not_shared():
    column = Column(np.arange(3, dtype=np.float32))
    one = column.extended(np.array([7], np.float32))
    other = column.extended(np.array([8], np.float32))
    last = one.extended(np.array([9], np.float32))

    assert column.values.tolist() == [0, 1, 2]
    assert one.values.tolist() == [0, 1, 2, 7]
    assert other.values.tolist() == [0, 1, 2, 8]
    assert last.values.tolist() == [0, 1, 2, 7, 9]


def test_two_that_extend_one_column_at_once_share_nothing():
    for _ in range(200):
        base = Column(np.zeros(64, np.float32)).extended(np.zeros(1, np.float32))
        found: dict[int, Column] = {}
        start = threading.Barrier(2)

        def extend(who: int, base=base, found=found, start=start) -> None:
            start.wait()
            found[who] = base.extended(np.full(40, who, np.float32))

        pair = [threading.Thread(target=extend, args=(who,)) for who in (1, 2)]
        for one in pair:
            one.start()
        for one in pair:
            one.join()
        assert all((found[who].values[65:] == who).all() for who in (1, 2))
