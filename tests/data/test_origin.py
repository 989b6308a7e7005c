"""What is odd in a log is named by the row of its source, through every door."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.check import check
from tidegraph.data.interactions import interactions
from tidegraph.data.origin import Origin, concatenated
from tidegraph.data.sources import read, read_sql
from tidegraph.errors import DataError, RoundedIdWarning

NOON = 1_700_000_000
# The latest comes first, one clock of row 3 is stray, row 4 has a marker for an id.
ROWS = 200
TABLE = {
    "who": ["u1", "u2", "u3", "NULL", *["u5"] * (ROWS - 4)],
    "what": [1, 2, 3, 4, *[5] * (ROWS - 4)],
    "at": [NOON + 999, NOON + 998, NOON * 3, *range(NOON + ROWS - 3, NOON, -1)],
    "part": ["train", "train", "test", "training", "tset", *["dev"] * (ROWS - 5)],
}
ROLES = {"user": "who", "item": "what", "time": "at", "split": "part"}


def by_csv(table, folder):
    path = folder / "log.csv"
    pl.DataFrame(table).write_csv(path)
    return read(path, missing="keep", **ROLES)


def by_json(table, folder):
    path = folder / "log.jsonl"
    pl.DataFrame(table).write_ndjson(path)
    return read(path, missing="keep", **ROLES)


def by_sqlite(table, folder):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table log (who, what, at, part)")
        rows = zip(*table.values(), strict=True)
        connection.executemany("insert into log values (?, ?, ?, ?)", rows)
        query = "select * from log order by rowid"
        return read_sql(query, connection, missing="keep", **ROLES)


DOORS = {
    "csv": (by_csv, "log.csv"),
    "json": (by_json, "log.jsonl"),
    "sqlite": (by_sqlite, "the query"),
    "polars": (
        lambda table, _: read(pl.DataFrame(table), missing="keep", **ROLES),
        "the polars DataFrame",
    ),
    "pandas": (
        lambda table, _: read(pd.DataFrame(table), missing="keep", **ROLES),
        "the pandas DataFrame",
    ),
    "arrow": (
        lambda table, _: read(pa.table(table), missing="keep", **ROLES),
        "the pyarrow Table",
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_check_names_the_row_that_the_user_sees(door, tmp_path):
    reading, name = DOORS[door]
    log = reading(TABLE, tmp_path)
    text = check(log).text()

    assert "1 event is far from the rest, which runs from 2023-11-14" in text
    assert f": {name}, row 3; the first says 2131-08-" in text
    assert f"a user id like 'NULL' in column 'who' ({name}, row 4)" in text
    with pytest.raises(DataError, match=f"{name}, row 5: column 'part' holds 'tset'"):
        log.split(by="split")


def test_parts_of_a_log_name_the_rows_of_the_whole(tmp_path):
    train, late = by_csv(TABLE, tmp_path).split(fractions=(0.4,))
    again = train.followed_by(late)

    assert np.asarray(train.origin.row)[:2].tolist() == [ROWS, ROWS - 1]
    assert check(late).outliers.row == 3
    assert check(late).markers[0].row == 4
    assert check(again).outliers.row == 3
    assert sorted(np.asarray(again.origin.row)) == [*range(1, ROWS + 1)]


def test_rows_that_were_dropped_are_counted(tmp_path):
    path = tmp_path / "log.csv"
    days = "".join(f"u{k},i,{NOON + k}\n" for k in range(300))
    path.write_text(f"user,item,time\nNA,i,1\n,i,2\nu,i,{NOON * 3}\nu,,4\n{days}")

    report = check(read(path, missing="drop"))

    assert "log.csv, row 3; the first says" in report.text()
    assert report.dropped == 3


def test_an_impression_is_named_by_the_row_that_shows_it(tmp_path):
    path = tmp_path / "behaviors.tsv"
    good = "{}\tU{}\t11/15/2019 8:0{}:00 AM\tN1\tN1-0 N2-1 N3-0\n"
    rows = [good.format(k, k, k) for k in range(1, 6)]
    path.write_text("".join(rows) + "6\tU6\tsoon\tN1\tN1-1\n")

    with pytest.raises(DataError, match=r"behaviors.tsv, row 6: the time .* 'soon'"):
        read(path, label="item")

    stray = "6\tU6\t11/15/2029 8:00:00 AM\tN1\tN4-1\n"
    path.write_text("".join([*rows * 40, stray]))
    assert check(read(path, label="item")).outliers.where == "behaviors.tsv, row 201"


@pytest.mark.parametrize("door", DOORS)
def test_ids_that_a_spreadsheet_rounded_are_warned_of_in_reading(door, tmp_path):
    reading, name = DOORS[door]
    users = ["u1", "1.23457E+12", "4E+15", "1.23457E+12", *["u5"] * (ROWS - 4)]

    with pytest.warns(RoundedIdWarning) as told:
        log = reading({**TABLE, "who": users}, tmp_path)

    (sentence,) = [str(one.message) for one in told]
    assert sentence.startswith(
        f"3 rows hold an id like '1.23457E+12' in column 'who' ({name}, rows 2, 3, 4), "
    )
    assert sentence.rstrip(".") in check(log).text()


def test_a_feature_table_of_rounded_ids_is_warned_of():
    table = {"user": ["a"], "item": [1], "time": [1]}

    with pytest.warns(RoundedIdWarning, match="column 'user'.*dict, row 2"):
        read(table, users={"user": ["a", "1.5E+9"], "age": [1, 2]})


@given(st.lists(st.integers(1, 99), min_size=1, max_size=30), st.data())
def test_an_origin_keeps_each_events_row_through_sorting_and_taking(times, data):
    rows = len(times)
    log = interactions(range(rows), range(rows), times)
    mask = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))

    for part in (log, log.take(slice(1, None)), log.take(np.array(mask, bool))):
        # Each event has its own user, who is named by the row.
        assert np.asarray(part.origin.row).tolist() == (
            part.users.ids.gather(pl.Series(part.user)).to_list()
        )


def test_rows_that_follow_one_another_are_a_range():
    assert concatenated([range(1, 4), range(4, 6)]) == range(1, 6)
    assert concatenated([range(1, 4), range(5, 6)]).tolist() == [1, 2, 3, 5]
    assert concatenated([range(1, 3), np.array([4, 4])]).tolist() == [1, 2, 4, 4]
    log = interactions([1, 2], [1, 2], [1, 2])
    assert log.origin.row == range(2)
    assert Origin("x", "u", "i", range(9)).take(slice(2, 5)).row == range(2, 5)
