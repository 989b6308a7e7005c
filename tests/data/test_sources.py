import contextlib
import gzip
import sqlite3
import textwrap
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import adbc_driver_sqlite.dbapi as adbc
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import read, read_sql
from tidegraph.errors import DataError

_ZEROS = "00000000-0000-0000-0000-00000000000"
NAMES = {"user": "uid", "item": "sku", "time": "ts"}
EVENTS = pl.DataFrame(
    {"uid": ["b", "a", "b"], "sku": [7, 8, 7], "ts": [30, 10, 20], "y": [1, 0, 1]}
)


@pytest.fixture
def write(tmp_path: Path):
    def write_text(text: str, name: str = "events.csv") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write_text


def rows_of(log: Interactions) -> list[tuple]:
    return log.frame().select("user", "item", "time", "label").rows()


EXPECTED = [("a", 8, 10, 0), ("b", 7, 20, 1), ("b", 7, 30, 1)]


def test_a_csv_becomes_a_log_in_time_order(tmp_path):
    EVENTS.write_csv(tmp_path / "events.csv")

    assert rows_of(read(tmp_path / "events.csv", label="y", **NAMES)) == EXPECTED


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_the_separator_is_found_in_the_header(tmp_path, separator):
    EVENTS.write_csv(tmp_path / "events.csv", separator=separator)

    assert rows_of(read(tmp_path / "events.csv", label="y", **NAMES)) == EXPECTED


def test_a_gzipped_csv_is_read_like_the_csv(tmp_path):
    path = tmp_path / "events.csv.gz"
    path.write_bytes(gzip.compress(EVENTS.write_csv().encode()))

    assert rows_of(read(path, label="y", **NAMES)) == EXPECTED


def test_parquet_and_json_lines_are_read_like_the_csv(tmp_path):
    EVENTS.write_parquet(tmp_path / "events.parquet")
    EVENTS.write_ndjson(tmp_path / "events.jsonl")

    assert rows_of(read(tmp_path / "events.parquet", label="y", **NAMES)) == EXPECTED
    assert rows_of(read(str(tmp_path / "events.jsonl"), label="y", **NAMES)) == EXPECTED


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame,
        lambda frame: frame.lazy(),
        lambda frame: frame.to_dict(as_series=False),
        lambda frame: pd.DataFrame(frame.to_dict(as_series=False)),
        lambda frame: pa.table(frame.to_dict(as_series=False)),
    ],
    ids=["polars", "lazy polars", "mapping", "pandas", "arrow"],
)
def test_every_kind_of_frame_gives_the_same_log(convert):
    assert rows_of(read(convert(EVENTS), label="y", **NAMES)) == EXPECTED


def test_a_pandas_column_nobody_asked_for_may_hold_anything():
    frame = pd.DataFrame({**EVENTS.to_dict(as_series=False), "odd": ["x", 1, {}]})

    assert rows_of(read(frame, label="y", **NAMES)) == EXPECTED


@pytest.mark.parametrize(
    "connect",
    [
        lambda: sqlite3.connect(":memory:"),
        lambda: duckdb.connect(),
        lambda: adbc.connect(),
    ],
    ids=["sqlite", "duckdb", "adbc"],
)
def test_a_query_gives_the_log_it_selects(connect):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("create table e (uid text, sku integer, ts integer, y integer)")
    cursor.execute("insert into e values ('b',7,30,1), ('a',8,10,0), ('b',7,20,1)")

    log = read_sql("select * from e", connection, label="y", **NAMES)
    cursor.close()
    connection.close()

    assert rows_of(log) == EXPECTED


def test_a_query_longer_than_one_batch_is_read_whole():
    connection = duckdb.connect()
    query = "select i % 7 as uid, i as sku, i as ts from range(250000) t(i)"

    log = read_sql(query, connection, **NAMES)

    assert log.items.decode(log.item).to_list() == list(range(250_000))


def test_a_query_without_rows_says_so():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table e (uid, sku, ts)")

    with pytest.raises(DataError, match="returns no row"):
        read_sql("select * from e", connection, **NAMES)
    connection.close()


def test_without_a_label_column_every_row_is_an_action():
    assert read(EVENTS, **NAMES).label.tolist() == [1, 1, 1]


def test_weight_and_context_follow_their_events(write):
    path = write("uid,sku,ts,w,price\na,1,20,0.5,9.5\nb,2,10,2,1.25\n")

    log = read(path, weight="w", context=["price"], **NAMES)

    assert log.weight.tolist() == [2.0, 0.5]
    assert log.context["price"].to_list() == [1.25, 9.5]


def test_text_ids_with_a_leading_zero_stay_text(write):
    path = write("uid,sku,ts\n007,1,1\n7,2,2\n")

    log = read(path, **NAMES)

    assert log.users.ids.to_list() == ["007", "7"]
    assert log.items.ids.to_list() == [1, 2]


def test_features_reach_the_ids_they_belong_to_and_bring_new_ones(tmp_path, write):
    users = pl.DataFrame({"uid": ["b", "a"], "age": [30, 40]})
    items = write("sku,colour\n8,red\n9,blue\n", "items.csv")

    log = read(EVENTS, users=users, items=items, **NAMES)

    assert log.users.ids.to_list() == ["a", "b"]
    assert log.users.features["age"].to_list() == [40, 30]
    assert log.items.ids.to_list() == [8, 7, 9]
    assert log.items.features["colour"].to_list() == ["red", None, "blue"]


def test_one_text_id_in_a_feature_table_makes_all_ids_text(write):
    items = write("sku,colour\n7,red\nx9,blue\n", "items.csv")

    assert read(EVENTS, items=items, **NAMES).items.ids.to_list() == ["8", "7", "x9"]


def test_a_feature_table_of_other_ids_is_refused(write):
    items = write("code,colour\n70,red\n", "items.csv")

    with pytest.raises(DataError, match=r"no id of the log .* 'code' of items\.csv"):
        read(EVENTS, items=items, **NAMES)


def test_a_feature_table_with_an_id_twice_is_refused(write):
    items = write("sku,colour\n7,red\n7,blue\n", "items.csv")

    with pytest.raises(
        DataError, match=r"items\.csv has several rows for sku '7': row 1, and row 2"
    ):
        read(EVENTS, items=items, **NAMES)


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (["x", "y", "x"], ["x", "y", "x"]),
        ([3, 1, 3], [3, 1, 3]),
        ([2.0, 5.0, 2.0], [2, 5, 2]),
        ([2.5, 5.0, 2.5], ["2.5", "5", "2.5"]),
        ([date(2024, 1, 2)] * 3, ["2024-01-02"] * 3),
        ([b"q", b"p", b"q"], ["q", "p", "q"]),
        ([UUID(int=1), UUID(int=2), UUID(int=1)], [f"{_ZEROS}{k}" for k in (1, 2, 1)]),
    ],
)
def test_ids_of_any_type_are_their_text(ids, text):
    log = read({"uid": ids, "sku": [1, 2, 3], "ts": [1, 2, 3]}, **NAMES)

    assert log.users.decode(log.user).to_list() == text


def test_categorical_ids_become_text():
    ids = pl.Series(["x", "y", "x"], dtype=pl.Categorical)

    log = read({"uid": ids, "sku": [1, 2, 3], "ts": [1, 2, 3]}, **NAMES)

    assert log.users.ids.dtype == pl.String
    assert log.users.decode(log.user).to_list() == ["x", "y", "x"]


def at(times: object, **more) -> list[int]:
    rows = range(len(times))
    frame = pl.DataFrame({"uid": list(rows), "sku": list(rows), "ts": times})
    return read(frame, **NAMES, **more).time.tolist()


NOON = 1_714_564_800  # 2024-05-01T12:00:00Z


@pytest.mark.parametrize(
    "spelling",
    [
        NOON,
        float(NOON),
        NOON * 1000,
        NOON * 10**6,
        NOON * 10**9,
        str(NOON),
        f"{NOON}.5",
        datetime(2024, 5, 1, 12),
        datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        "2024-05-01T12:00:00Z",
        "2024-05-01 12:00:00",
        "2024-05-01T14:00:00+02:00",
        "2024-05-01T06:30:00.250-0530",
        "2024-05-01 12:00:00 UTC",
        "2024-05-01T12:00",
    ],
    ids=repr,
)
def test_every_spelling_of_noon_is_the_same_second(spelling):
    assert at([spelling]) == [NOON]


def test_a_date_is_its_midnight_in_utc():
    assert at([date(2024, 5, 1)]) == [NOON - 43_200]
    assert at(["2024-05-01"]) == [NOON - 43_200]


def test_iso_times_of_several_forms_may_stand_in_one_column():
    texts = ["2024-05-01", "2024-05-01T14:00:00+02:00", "2024-05-01 12:00:01"]

    assert at(texts) == [NOON - 43_200, NOON, NOON + 1]


def test_a_fraction_of_a_second_orders_events_and_is_dropped():
    frame = {
        "uid": ["late", "early"],
        "sku": [1, 2],
        "ts": ["2024-05-01T12:00:00.9Z", "2024-05-01T12:00:00.1Z"],
    }

    log = read(frame, **NAMES)

    assert log.users.decode(log.user).to_list() == ["early", "late"]
    assert log.time.tolist() == [NOON, NOON]


def test_nanoseconds_too_close_for_floats_still_order_events():
    frame = {"uid": ["late", "early"], "sku": [1, 2], "ts": [NOON * 10**9 + 2, 0]}
    frame["ts"][1] = NOON * 10**9 + 1

    log = read(frame, **NAMES)

    assert log.users.decode(log.user).to_list() == ["early", "late"]


def test_a_named_unit_is_taken_at_its_word():
    assert at([5_000], time_unit="ms") == [5]


def test_small_numbers_are_seconds():
    assert at([0, 1, 2]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([NOON, None], "row 2: the time in column 'ts' is missing"),
        ([NOON, -5], "row 2: .* is -5, before 1970"),
        ([1.0, float("nan")], "row 2: .* is nan, not a finite number"),
        ([1.0, float("inf")], "row 2: .* is inf, not a finite number"),
        ([1.0, 1e300], "row 2: .* beyond what a time can be"),
        (["2024-05-01", "yesterday"], "row 2: .* is 'yesterday', not a time"),
        (["2024-05-01", "2024-02-30"], "row 2: .* is '2024-02-30', not a time"),
        (["5", "soon"], "row 2: .* is 'soon', not a number"),
        ([NOON, NOON * 1000], "mixes units: .* row 1 .* seconds and .* row 2"),
        ([20240501, 20240502], "time_unit='s' if they are seconds"),
        ([2022, 2023], "holds 2022, which may be a date"),
        ([20240501123000, 20240501123001], "may be a date or Unix time"),
        ([202405011230, 202405011231], "if they are milliseconds"),
        ([20240501123000123], "if they are microseconds"),
        ([202405, 202412], "holds 202405, which may be a date"),
        ([2024001, 2024366], "holds 2024001, which may be a date"),
        ([20240501.0, 20240502.0], "holds 20240501.0, which may be a date"),
        (["20240501.0", "20240502.0"], "holds 20240501.0, which may be a date"),
        ([Decimal("20240501"), Decimal("20240502")], "may be a date or Unix time"),
        (pd.Series([2023, None, 2024]).dropna(), "holds 2023.0, which may be a date"),
        ([True, False], "holds Boolean, not times"),
        ([-1.5], "is -1.5, before 1970. .* times before 1970 as dates"),
    ],
)
def test_a_time_that_is_not_one_is_named_with_its_row(times, sentence):
    with pytest.raises(DataError, match=sentence):
        at(times)


def test_decimals_and_floats_are_read_by_the_pattern_that_is_asked_for():
    for times in ([20240501.0], [Decimal("20240501")], [Decimal("20240501.00")]):
        assert at(times, time_format="%Y%m%d") == [NOON - 12 * 3600]


def test_seconds_with_fractions_are_no_dates():
    assert at([20240501.5, 20240502.0]) == [20240501, 20240502]


def test_a_short_float_that_rounded_a_time_is_refused_and_one_that_did_not_is_read():
    """In 32 bits whole numbers are exact below 2^24, and today's seconds to 128."""
    small, large = np.float32(2**24 - 1), np.float32(NOON)

    assert at(pl.Series([small])) == [2**24 - 1]
    with pytest.raises(DataError, match=r"row 2: .* short float\. Read .* 64 bits"):
        at(pl.Series([small, large]))


@pytest.mark.parametrize("number", [202400, 202413, 2024000, 2024367, 190000, 220101])
def test_a_number_that_reads_as_no_date_is_seconds(number):
    assert at([number]) == [number]


def test_a_row_is_counted_from_the_file_start_in_later_batches():
    frame = pl.DataFrame({"n": range(150_000)}).select(
        uid="n", sku="n", ts=pl.when(pl.col("n") == 149_999).then(-1).otherwise("n")
    )

    with pytest.raises(DataError, match=r"row 150000: .* is -1"):
        read(frame, **NAMES)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("uid,sku,ts\n", "column names and no row"),
        ("uid,sku,tss\na,b,1\n", "no column 'ts'. Did you mean 'tss'"),
        ("uid,sku,ts\na,b,1\n,b,2\n", "row 2: column 'uid' has no id"),
        ('uid,sku,ts\na,"",1\n', "row 1: column 'sku' has no id"),
        ("uid,sku,ts\na,b,1\na,b,2,3\n", "row 2: there are 4 fields.*header has 3"),
        ("uid,uid,ts,sku\na,b,1,2\n", "two columns 'uid'"),
        ("uid,sku,ts,y\na,b,1,5\n", "row 1: .* label in column 'y' is '5'"),
        ("uid,sku,ts,y\na,b,1,\n", "row 1: .* label in column 'y' is None"),
    ],
)
def test_a_broken_csv_is_named_with_its_row(write, text, sentence):
    label = "y" if "y" in text.split("\n")[0].split(",") else None

    with pytest.raises(DataError, match=sentence):
        read(write(text), label=label, **NAMES)


def test_a_weight_that_is_not_finite_is_named(write):
    with pytest.raises(DataError, match=r"row 1: the weight in column 'w' is 'inf'"):
        read(write("uid,sku,ts,w\na,b,1,inf\n"), weight="w", **NAMES)


def test_words_for_true_and_false_are_labels(write):
    log = read(write("uid,sku,ts,y\na,b,1,True\na,b,2,FALSE\n"), label="y", **NAMES)

    assert log.label.tolist() == [1, 0]


def test_one_row_is_a_log_of_one_event(write):
    assert len(read(write("uid,sku,ts\na,b,1\n"), **NAMES)) == 1


def test_duplicate_rows_are_kept(write):
    assert len(read(write("uid,sku,ts\na,b,1\na,b,1\n"), **NAMES)) == 2


def test_a_byte_order_mark_is_not_part_of_the_first_name(write):
    assert len(read(write("\ufeffuid,sku,ts\na,b,1\n"), **NAMES)) == 1


def test_a_broken_json_line_is_named(write):
    path = write('{"uid": 1, "sku": 2, "ts": 3}\n{"uid": 1, "sk\n', "events.jsonl")

    with pytest.raises(DataError, match="row 2 is not JSON"):
        read(path, **NAMES)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read(tmp_path / "nothing.csv", **NAMES)
    with pytest.raises(DataError, match="holds no file"):
        read(tmp_path, **NAMES)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("events.csv", bytes(range(256)), "byte 0 is zero"),
        (
            "events.csv",
            b"uid,sku,ts\n\xc3\xa9,b,1\n\xff,b,1",
            "line 3: byte 0xff is not",
        ),
        ("events.csv", b"PAR1 and so on", "cannot be read: parquet"),
        ("events.csv", b"PK\x03\x04 and so on", "a zip archive"),
        ("events.xlsx", b"PK\x03\x04 and so on", "an Excel workbook"),
        ("events.parquet", b"PAR1 and so on PAR1", "cannot be read"),
        ("events.jsonl", b"\x00\x01\x02", "byte 0 is zero"),
        ("events.csv.gz", b"\x1f\x8b\x08garbage", "cannot be unpacked"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=sentence):
        read(tmp_path / name, **NAMES)


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["csv", "jsonl"]))
def test_garbage_raises_nothing_but_data_errors(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("garbage") / f"events.{suffix}"
    path.write_bytes(b"uid,sku,ts\n" + content if suffix == "csv" else content)

    events = 1
    with contextlib.suppress(DataError):
        events = len(read(path, **NAMES))

    assert events > 0


def test_a_gzip_bomb_is_refused_before_it_fills_memory_or_disk(tmp_path):
    path = tmp_path / "events.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"uid,sku,ts\n")
        for _ in range(80):
            file.write(b"\n" * (1 << 20))

    with pytest.raises(DataError, match=r"more than 67,108,864 bytes"):
        read(path, **NAMES)


@pytest.mark.parametrize("source", [5, None, [1, 2], object()])
def test_what_is_neither_path_nor_frame_is_refused(source):
    with pytest.raises(DataError, match="is not a table"):
        read(source, **NAMES)


def test_a_connection_that_is_none_is_refused():
    with pytest.raises(DataError, match="not a database connection"):
        read_sql("select 1", object(), **NAMES)


def test_a_column_of_lists_cannot_be_ids():
    with pytest.raises(DataError, match="no type of an id, which is one value"):
        read({"uid": [[1], [2]], "sku": [1, 2], "ts": [1, 2]}, **NAMES)


def test_many_users_with_one_event_each_are_read():
    users = np.arange(1_000_000)
    frame = pl.DataFrame({"uid": users, "sku": users % 10, "ts": users})

    log = read(frame, **NAMES)

    assert len(log.users) == 1_000_000
    assert log.users.encode(pl.Series([0, 999_999])).tolist() == [0, 999_999]


def test_a_column_named_like_a_doubled_one_is_a_column(tmp_path):
    path = tmp_path / "LOG.CSV"
    path.write_text("user,user_duplicated_0,item,time\na,z,x,1700000000\n")

    assert read(path, user="user", item="item", time="time").users.ids.to_list() == [
        "a"
    ]


def test_a_message_about_columns_carries_no_control_characters(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("\x1b[2J,b\n1,2\n")

    with pytest.raises(DataError) as told:
        read(path, user="user", item="item", time="time")
    assert str(told.value).isprintable()


def test_a_log_is_read_without_times_and_by_positions():
    frame = {"user": ["a", "b"], "item": ["x", "y"], "place": [20240502, 20240501]}

    untimed = read(frame, time=None)
    ordered = read(frame, time="place", time_unit="order")
    as_they_stand = read(frame, time=None, time_unit="order")

    assert (untimed.clock, untimed.time.tolist()) == ("none", [0, 0])
    assert (ordered.clock, ordered.time.tolist()) == ("order", [20240501, 20240502])
    assert (as_they_stand.clock, as_they_stand.time.tolist()) == ("order", [0, 1])
    assert ordered.users.ids.to_list() == ["b", "a"]


def test_a_log_is_read_by_a_given_time_format(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,time\na,x,01/02/2020 8:05\n")

    log = read(path, time_format="%d/%m/%Y %H:%M")

    assert log.time.tolist() == [1580544300]
    with pytest.raises(DataError, match="may have the day or the month first"):
        read(path)


@pytest.mark.parametrize(
    ("weight", "mend"),
    [
        ("1,5", "Write its decimals behind a point"),
        ("1.234,5", "Write its decimals behind a point"),
        ("much", "Mend or drop the row"),
    ],
)
def test_a_weight_that_is_no_number_is_told_how_to_write_one(weight, mend):
    rows = {"user": ["a", "b"], "item": [1, 2], "time": [1, 2], "w": ["2", weight]}

    with pytest.raises(DataError, match=rf"row 2: .* '{weight}', not a .*\. {mend}"):
        read(rows, weight="w")


@pytest.mark.parametrize(
    "cells",
    [
        ["18446744073709551614", "18446744073709551615"],
        ["12345678901234567890123", "12345678901234567890124"],
        ["9007199254740993", "0.5"],
        ["12E3", "1.2E4"],
    ],
    ids=repr,
)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_what_floats_would_make_one_value_stays_text(tmp_path, cells, suffix):
    lines = ["item,x", f"a,{cells[0]}", f"b,{cells[1]}"]
    if suffix == ".jsonl":
        lines = [f'{{"item": {n}, "x": {cell}}}' for n, cell in enumerate(cells, 1)]
    (tmp_path / f"items{suffix}").write_text("\n".join(lines) + "\n")
    ids = ["a", "b"] if suffix == ".csv" else [1, 2]
    log = {"user": [1, 2], "item": ids, "time": [1, 2]}

    items = read(log, items=tmp_path / f"items{suffix}").items
    assert items.features["x"].to_list() == cells


@pytest.mark.parametrize(
    "cells", [["1e-05", "3"], ["1.5E10", "2.5"], ["1e+16", "0.5"], ["12", "0.5"]]
)
def test_numbers_as_programs_write_them_are_numbers(tmp_path, cells):
    (tmp_path / "items.csv").write_text(f"item,x\na,{cells[0]}\nb,{cells[1]}\n")
    log = {"user": [1, 2], "item": ["a", "b"], "time": [1, 2]}

    found = read(log, items=tmp_path / "items.csv").items.features["x"]
    assert found.to_list() == [float(cell) for cell in cells]


def test_a_context_column_that_is_named_twice_is_carried_once(tmp_path):
    table = {"user": [1], "item": [2], "time": [3], "a": [4], "split": ["train"]}

    assert read(table, context=["a", "a"]).context.columns == ["a"]
    both = read(table, context=["split", "a"], split="split")
    assert both.context.columns == ["a", "split"]
    with pytest.raises(DataError, match="context column cannot be called 'split'"):
        read(table | {"s": ["train"]}, context=["split"], split="s")
