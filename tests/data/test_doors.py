"""The same table through every door is the same log."""

import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import adbc_driver_sqlite.dbapi
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.sources import read, read_sql
from tidegraph.data.tables.values import in_plain_types, series_of, stacked
from tidegraph.errors import DataError

NOON = 1_714_564_800

texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)),
    min_size=1,
    max_size=6,
).map(lambda text: f"i{text}e")
tables = st.lists(
    st.tuples(
        texts,
        st.integers(-(2**62), 2**62),
        st.integers(0, 2**33),
        st.floats(-1e6, 1e6, width=32),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=12,
)
NAMES = ("user", "item", "time", "weight", "label")
ROLES = {"weight": "weight", "label": "label", "time_unit": "s"}


def through_sqlite(rows):
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table t (user, item, time, weight, label, odd)")
        odd = [None, 7, b"\xff", "x", 2.5]
        connection.executemany(
            "insert into t values (?, ?, ?, ?, ?, ?)",
            [(*row, odd[n % 5]) for n, row in enumerate(rows)],
        )
        log = read_sql("select * from t order by rowid", connection, **ROLES)
    connection.close()
    return log


def through_adbc(rows):
    with adbc_driver_sqlite.dbapi.connect(":memory:") as connection:
        with connection.cursor() as cursor:
            cursor.adbc_ingest("t", as_arrow(rows))
        return read_sql("select * from t order by rowid", connection, **ROLES)


def through_duckdb(rows):
    with duckdb.connect() as connection:
        connection.register("t", as_arrow(rows))
        return read_sql("select *, [1, 2] as odd from t", connection, **ROLES)


def through_relation(rows):
    with duckdb.connect() as connection:
        return read(connection.from_arrow(as_arrow(rows)), **ROLES)


def as_arrow(rows) -> pa.Table:
    user, item, time, weight, label = zip(*rows, strict=True)
    return pa.table(
        {
            "user": pa.array(user, pa.string()),
            "item": pa.array(item, pa.int64()),
            "time": pa.array(time, pa.int64()),
            "weight": pa.array(weight, pa.float64()),
            "label": pa.array(label, pa.int64()),
        }
    )


def as_columns(rows) -> dict:
    columns = zip(*rows, strict=True)
    return dict(zip(NAMES, map(list, columns), strict=True)) | {"odd": object()}


def as_pandas(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=pd.Index(NAMES)).astype({"item": object})
    odd = [object() if n % 2 else {"a": n} for n in range(len(rows))]
    return frame.assign(odd=odd)


def as_records(rows) -> np.ndarray:
    kinds = ("U20", "i8", "i8", "f8", "i1")
    return np.array(rows, dtype=list(zip(NAMES, kinds, strict=True)))


NULLABLE = {"user": "string", "item": "Int64", "time": "UInt64", "label": "Int8"}
DOORS = {
    "sqlite": through_sqlite,
    "adbc": through_adbc,
    "duckdb": through_duckdb,
    "relation": through_relation,
    "columns": lambda rows: read(as_columns(rows), **ROLES),
    "pandas": lambda rows: read(as_pandas(rows), **ROLES),
    "nullable": lambda rows: read(as_pandas(rows).astype(NULLABLE), **ROLES),
    "arrow-backed": lambda rows: read(
        as_arrow(rows).to_pandas(types_mapper=pd.ArrowDtype), **ROLES
    ),
    "categorical": lambda rows: read(
        as_pandas(rows).astype({"user": "category", "item": "category"}), **ROLES
    ),
    "records": lambda rows: read(as_records(rows), **ROLES),
    "lazy": lambda rows: read(pl.DataFrame(as_arrow(rows)).lazy(), **ROLES),
    "table": lambda rows: read(as_arrow(rows), **ROLES),
    "reader": lambda rows: read(as_arrow(rows).to_reader(max_chunksize=3), **ROLES),
    "batch": lambda rows: read(as_arrow(rows).to_batches()[0], **ROLES),
    "data set": lambda rows: read(pyarrow.dataset.dataset(as_arrow(rows)), **ROLES),
}


@pytest.mark.parametrize("door", DOORS)
@given(tables)
def test_every_door_gives_the_rows_that_stand_in_the_table(door, rows):
    log = DOORS[door](rows)

    by_time = sorted(rows, key=lambda row: row[2])
    assert log.frame().select("user", "item", "time", "label").rows() == [
        (user.strip(), item, time, label) for user, item, time, _, label in by_time
    ]
    assert log.weight.tolist() == [np.float32(row[3]) for row in by_time]


mixed = st.lists(
    st.one_of(st.none(), st.integers(-(2**70), 2**70), st.floats(-9, 9), texts),
    min_size=1,
    max_size=130,
)


@given(mixed)
def test_a_column_of_any_mix_is_carried_as_the_database_holds_it(values):
    held = [v if not isinstance(v, int) or abs(v) < 2**63 else str(v) for v in values]
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table t (user, item, time, odd)")
        rows = [(f"u{n}", n, n, value) for n, value in enumerate(held)]
        connection.executemany("insert into t values (?, ?, ?, ?)", rows)
        query = "select * from t order by time"
        log = read_sql(query, connection, context=("odd",))
        stored = [row[0] for row in connection.execute("select odd from t")]
    connection.close()

    carried = log.context["odd"].to_list()
    assert len(carried) == len(stored)
    for found, wanted in zip(carried, stored, strict=True):
        assert found == wanted or found == str(wanted)


def sqlite(rows: list[tuple], columns: str = "user, item, time, x"):
    connection = sqlite3.connect(":memory:")
    connection.execute(f"create table t ({columns})")
    marks = ", ".join("?" * len(rows[0]))
    connection.executemany(f"insert into t values ({marks})", rows)
    return connection


@pytest.fixture
def late_types():
    """Whole numbers for 60,000 rows, then halves."""
    n = 60_000
    connection = sqlite(
        [(k, k % 7, NOON + k, 4) for k in range(n)]
        + [(n + 0.5, 1, NOON + n, 4.5), (n + 1.0, 2, NOON + n + 0.5, 2)]
    )
    yield connection
    connection.close()


def test_a_type_that_shows_late_is_not_cut_to_that_of_the_first_rows(late_types):
    query = "select * from t order by time"

    log = read_sql(query, late_types, weight="x", context=("x",))

    assert log.weight[-3:].tolist() == [4.0, 4.5, 2.0]
    assert log.context["x"].to_list()[-3:] == [4.0, 4.5, 2.0]
    assert log.users.ids.to_list()[-3:] == ["59999", "60000.5", "60001"]
    assert len(log.users) == 60_002
    with pytest.raises(DataError, match=r"row 1: the label in column 'x' is 4"):
        read_sql(query, late_types, label="x")


@pytest.mark.parametrize("late", [0.5, "x", b"x"], ids=repr)
@pytest.mark.parametrize("rows", [49_999, 50_000])
def test_no_batch_of_a_query_types_a_column_by_itself(rows, late):
    whole = 2**53 + 1
    values = [whole] * rows + [late]
    connection = sqlite([(k % 7, k % 5, k, x) for k, x in enumerate(values)])
    log = read_sql("select * from t order by time", connection, context=("x",))
    connection.close()

    text = late.decode() if isinstance(late, bytes) else str(late)
    assert log.context["x"].to_list() == [str(whole)] * rows + [text]


@pytest.mark.parametrize(
    ("first", "then", "held"),
    [
        (datetime(2020, 1, 1), 5, ["2020-01-01 00:00:00", "5"]),
        ([1, 2], "x", ["[1, 2]", "x"]),
        (None, 7, [None, 7]),
        (
            datetime(2020, 1, 1),
            datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))),
            [datetime(2020, 1, 1), datetime(2020, 1, 1, 1)],
        ),
    ],
    ids=["moment and number", "list and text", "nothing and number", "two zones"],
)
def test_columns_of_several_types_are_typed_by_all_values(first, then, held):
    parts = [series_of("x", [first]), series_of("x", [then])]

    assert in_plain_types(stacked(parts)).to_list() == held


def test_a_query_without_a_table_or_rows_or_with_doubles_is_refused():
    connection = sqlite([("a", "x", 1, 2)])

    with pytest.raises(DataError, match="the query returns no row"):
        read_sql("select * from t where time > 5", connection)
    with pytest.raises(DataError, match=r"selects nothing\. Write a SELECT"):
        read_sql("create table s (a)", connection)
    with pytest.raises(DataError, match=r"two columns 'item'.* with AS"):
        read_sql("select user, item, time, x as item from t", connection)
    assert len(read_sql("select *, 1 as x, 2 as x from t", connection)) == 1
    connection.close()


def test_a_connection_may_be_wrapped_or_be_a_cursor_and_nothing_else():
    inner = sqlite([("a", "x", 1, 2)])
    engine = SimpleNamespace(raw_connection=lambda: inner)
    alchemy = SimpleNamespace(connection=inner)

    for connection in (inner, inner.cursor(), engine, alchemy):
        assert len(read_sql("select * from t", connection)) == 1
    with pytest.raises(DataError, match="a str is not a database connection"):
        read_sql("select 1", "sqlite:///log.db")
    inner.close()


def test_adbc_types_a_column_by_all_its_rows():
    with adbc_driver_sqlite.dbapi.connect(":memory:") as connection:
        with connection.cursor() as cursor:
            cursor.execute("create table t (user, item, time, x)")
            rows = [(k, k % 7, NOON + k, None) for k in range(2000)]
            cursor.executemany("insert into t values (?, ?, ?, ?)", rows)
            cursor.execute("insert into t values (2000.5, 1, 1714570000, 'late')")
        log = read_sql("select * from t", connection, context=("x",))

    assert log.users.ids.to_list()[-2:] == ["1999", "2000.5"]
    assert log.context["x"].to_list()[-2:] == [None, "late"]


def test_duckdb_brings_times_uuids_and_decimals():
    someone = "8a7f4c80-0f0a-4c3e-9d0b-0123456789ab"
    with duckdb.connect() as connection:
        log = read_sql(
            f"select '{someone}'::uuid as user, 12.00::decimal(9, 2) as item, "
            "timestamptz '2024-05-01 14:00:00+02' as time",
            connection,
        )

    assert log.frame().rows()[0][:3] == (someone, 12, NOON)


@pytest.mark.parametrize(
    "asked",
    [
        lambda query, connection, **said: read_sql(query, connection, **said),
        lambda query, connection, **said: read(connection.sql(query), **said),
    ],
    ids=["query", "relation"],
)
def test_a_refused_column_leaves_duckdb_free_for_the_next_question(asked):
    query = f"select 'u' as user, 'i' as item, {NOON} as time, interval 1 day as x"
    with duckdb.connect() as connection:
        for label in ("x", "user"):
            with pytest.raises(DataError):
                asked(query, connection, label=label)

        assert connection.sql("select 1").fetchall() == [(1,)]


def test_a_reader_is_left_open_for_its_owner():
    batches = [pa.record_batch(one(label=[value] * 2)) for value in (5, 1, 1)]
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)

    with pytest.raises(DataError, match="row 1: the label"):
        read(reader, label="label")
    assert reader.read_next_batch().num_rows == 2


@pytest.mark.parametrize(
    "frame",
    [
        pl.scan_csv("no-such-file.csv"),
        pl.LazyFrame(dict(user=["a"], item=[1], time=[1])).select("nothing"),
        pl.LazyFrame(dict(user=["a"], item=["b"], time=["c"])).with_columns(
            pl.col("time").cast(pl.Int64)
        ),
    ],
    ids=["file", "schema", "values"],
)
def test_what_a_lazy_frame_cannot_do_is_one_sentence(frame):
    with pytest.raises(DataError, match=r"the polars LazyFrame cannot be read: .+\."):
        read(frame)


def one(user=("a", "b"), item=(1, 2), time=(NOON, NOON + 1), **more) -> dict:
    return {"user": user, "item": item, "time": time, **more}


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(one(time=pd.to_datetime([NOON, NOON + 1], unit="s"))),
        pd.DataFrame(
            one(
                time=pd.to_datetime([NOON, NOON + 1], unit="s", utc=True).tz_convert(
                    "Asia/Tokyo"
                )
            )
        ),
        pd.DataFrame(
            one(time=pd.period_range("2024-05-01 12:00", periods=2, freq="s"))
        ),
        pd.DataFrame(one(time=[pd.Timestamp(NOON, unit="s"), date(2024, 5, 2)])),
        pd.DataFrame(one(time=[datetime(2024, 5, 1, 12, tzinfo=UTC), NOON + 1])).assign(
            time=lambda f: f["time"].map(lambda t: getattr(t, "timestamp", lambda: t)())
        ),
        one(
            time=[datetime(2024, 5, 1, 12), datetime(2024, 5, 1, 12, 0, 1, tzinfo=UTC)]
        ),
        one(time=np.array([NOON, NOON + 1], "datetime64[s]")),
        one(time=pd.Series([NOON, NOON + 1], dtype="Int64")),
        one(item=[Decimal("1.0"), 2]),
        one(user=[UUID(int=1), UUID(int=2)]),
        pl.DataFrame({**one(), "odd": [object(), 3]}, strict=False),
    ],
    ids=range(11),
)
def test_times_and_ids_of_every_library_are_read(frame):
    log = read(frame)

    assert log.time[0] == NOON
    assert log.items.ids.to_list() == [1, 2]


def test_columns_named_by_numbers_and_named_twice():
    frame = pd.DataFrame([["a", 1, NOON]])
    twice = pd.DataFrame([["a", 1, NOON, 5, 6]], columns=[*"uit", "x", "x"])

    assert len(read(frame, user=0, item=1, time=2)) == 1
    assert len(read(twice, user="u", item="i", time="t")) == 1
    with pytest.raises(DataError, match="has two columns 'x'"):
        read(twice, user="u", item="i", time="t", weight="x")


def test_columns_of_several_levels_are_refused_with_the_mend():
    levels = pd.MultiIndex.from_tuples([("a", "user"), ("a", "item")])

    with pytest.raises(DataError, match="columns of several levels, such as"):
        read(pd.DataFrame([[1, 2]], columns=levels), time=None)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (5, "an int is not a table"),
        ([1, 2], "a list is not a table"),
        ({"user": "a", "item": 5, "time": [1]}, "column 'item' is an int, not one"),
        (
            {"user": ["a"], "item": [5, 6], "time": [1]},
            "'item' has 2 values and 'user'",
        ),
        (np.zeros((2, 3)), "an ndarray is not a table"),
    ],
)
def test_what_is_no_table_is_said(source, sentence):
    with pytest.raises(DataError, match=sentence):
        read(source)


def test_scalars_of_numpy_are_those_of_python():
    log = read(
        one(item=[np.int8(1), 2], user=[np.str_("a"), "b"], time=[np.int64(5), 6.5]),
    )
    sparse = pd.DataFrame(one()).assign(x=pd.arrays.SparseArray([1.0, np.nan]))

    assert log.frame().select("user", "item", "time").rows() == [
        ("a", 1, 5),
        ("b", 2, 6),
    ]
    assert read(sparse, context=["x"]).context["x"].to_list()[0] == 1.0


def test_columns_that_arrow_cannot_take_are_values_of_python():
    frame = pd.DataFrame(one()).assign(x=[1j, 2j])

    assert len(read(frame)) == 2
    assert read(frame, context=["x"]).context["x"].to_list() == ["1j", "2j"]
    with pytest.raises(DataError, match="row 1: the weight in column 'x' is '1j'"):
        read(frame, weight="x")


def named(cursor, row):
    return {
        column[0]: value for column, value in zip(cursor.description, row, strict=True)
    }


@pytest.mark.parametrize(
    "factory",
    [None, sqlite3.Row, named, lambda _, row: [*row]],
    ids=["tuple", "Row", "dict", "list"],
)
def test_rows_may_be_tuples_or_mappings_by_name(factory):
    connection = sqlite([("a", 1, NOON, 2), ("b", 2, NOON + 1, 3)])
    connection.row_factory = factory

    log = read_sql("select x, item, user, time from t", connection, weight="x")

    assert log.frame().select("user", "item", "weight").rows() == [
        ("a", 1, 2.0),
        ("b", 2, 3.0),
    ]
    connection.close()


@pytest.mark.parametrize(
    "factory", [lambda _, row: row[0], lambda *_: {}], ids=["value", "empty"]
)
def test_rows_of_no_columns_are_refused(factory):
    connection = sqlite([("abcd", 1, NOON, 2)])
    connection.row_factory = factory

    with pytest.raises(
        DataError, match=r"have no column .user.\. Take the row factory"
    ):
        read_sql("select user, item, time from t", connection)
    connection.close()
