import sqlite3
from contextlib import closing

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.ids.id_list import read_ids
from tidegraph.data.ids.missing import rows_with_ids
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.sources import read, read_sql
from tidegraph.errors import DataError, RequestError

ids = st.sampled_from(["a", "b", "", " NULL ", None, "7"])
EVENTS = st.lists(st.tuples(ids, ids), max_size=12)


@given(EVENTS.filter(len))
def test_rows_with_all_their_ids_are_told_from_the_others(events):
    user, item = zip(*events, strict=True)
    batch = pl.DataFrame(
        {"user": user, "item": item},
        schema={"user": pl.String, "item": pl.String},
    )

    kept = rows_with_ids(batch, ("user", "item"))

    there = [all(i is not None and i in "ab7" and i for i in e) for e in events]
    assert kept.tolist() == there


def test_a_log_leaves_out_rows_without_an_id_whatever_else_they_hold(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "user,item,time,clicked,price\n"
        "NULL,x,never,maybe,1\n"
        "a,x,10,1,2\n"
        "a,NA,nor now,,3\n"
        ",,,,4\n"
        "b,y,20,0,5\n"
    )

    log = read(path, label="clicked", context=["price"], missing="drop")

    assert log.dropped == 3
    assert log.frame().select("user", "item", "time", "label", "price").rows() == [
        ("a", "x", 10, 1, 2),
        ("b", "y", 20, 0, 5),
    ]


def test_what_is_wrong_in_a_kept_row_is_named_where_it_stands(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,time\nNA,x,1\na,x,1\n,x,x\na,x,soon\n")

    with pytest.raises(DataError, match=r"row 4: .*soon"):
        read(path, missing="drop")


def test_a_log_of_which_nothing_is_left_is_refused():
    with pytest.raises(DataError, match="has no row with ids"):
        read({"user": [None], "item": ["a"], "time": [1]}, missing="drop")


def test_markers_are_refused_by_name_or_kept_as_ids():
    table = {"user": ["a", "NULL"], "item": [1, 2], "time": [1, 2]}

    with pytest.raises(DataError, match=r"row 2: column 'user' holds 'NULL'"):
        read(table)
    assert read(table, missing="keep").users.ids.to_list() == ["a", "NULL"]


@pytest.mark.parametrize("padding", [0, 400], ids=["few rows", "many rows"])
def test_rows_without_an_id_are_counted_over_both_columns_and_the_first_is_named(
    padding,
):
    table = {
        "user": ["a", "NA", "b", None, *"c" * padding],
        "item": ["x", "y", "NULL", "x", *"z" * padding],
        "time": ["2024-01-01", "soon", "2024-01-01", None, *["2024-01-01"] * padding],
    }

    with pytest.raises(DataError) as refused:
        read(table | {"time": ["2024-01-01"] * (4 + padding)})
    with pytest.raises(DataError) as kept:
        read(table, missing="keep")

    assert str(refused.value).startswith(
        "the dict, row 2: column 'user' holds 'NA', which stands for a missing id; 3 "
        "rows lack an id. Give them one, or leave such rows out with missing='drop'."
    )
    assert "row 4: column 'user' has no id. Give it one, or leave" in str(kept.value)


def test_a_log_whose_rows_lack_ids_in_later_batches_counts_them_all():
    rows = [(k, 1, k + 1) for k in range(60_000)]
    rows[100], rows[59_000] = (None, 1, 1), (5, "NULL", 1)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (user, item, time)")
        connection.executemany("insert into t values (?, ?, ?)", rows)

        with pytest.raises(DataError, match=r"row 101: .* has no id; 2 rows lack an"):
            read_sql("select * from t order by rowid", connection)


def test_a_feature_table_treats_missing_ids_as_the_log_does():
    table = {"user": ["a", "NA"], "item": [1, 2], "time": [1, 2]}
    users = {"user": ["NA", "a", None], "age": [1, 2, 3]}

    dropped = read(table, users=users, missing="drop")
    kept = read(table, users={k: v[:2] for k, v in users.items()}, missing="keep")

    assert dropped.users.features["age"].to_list() == [2]
    assert kept.users.features["age"].to_list() == [2, 1]
    with pytest.raises(DataError, match=r"row 1: .* holds 'NA', .*; 2 rows lack an id"):
        read({k: v[:1] for k, v in table.items()}, users=users)


def test_a_feature_table_names_rows_as_they_stand_also_where_some_are_dropped():
    table = {"user": ["a", "b"], "item": [1, 2], "time": [1, 2]}

    with pytest.raises(DataError, match="several rows for user 'a': row 2, and row 4"):
        read(table, users={"user": ["NA", "a", "b", "a"]}, missing="drop")


def test_rows_are_dropped_from_columns_whose_type_shows_late():
    rows = [(k or None, 1, k + 1, 1) for k in range(60_000)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (user, item, time, x)")
        connection.executemany("insert into t values (?, ?, ?, ?)", rows)
        connection.execute("insert into t values (null, 'a', 1, 'late')")
        connection.execute("insert into t values ('u', 'a', 70000, 'late')")
        log = read_sql(
            "select * from t order by rowid",
            connection,
            context=("x",),
            missing="drop",
        )

    assert (len(log), log.dropped) == (60_000, 2)
    assert log.frame().select("user", "item", "x").rows()[-1] == ("u", "a", "late")


@pytest.mark.parametrize("missing", ["refuse", "drop", "keep"])
def test_half_a_character_is_no_id_and_named_where_it_stands(tmp_path, missing):
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"user": "a", "item": "x", "time": 1}\n'
        '{"user": "\\ud800", "item": "x", "time": 2}\n'
    )

    with pytest.raises(DataError, match=r"surrogates, half a character"):
        read(path, missing=missing)
    with pytest.raises((DataError, RequestError), match=r"half a character"):
        read_ids(path, ["user"], Vocabulary(pl.Series(["a"])))
