"""What a driver or another library refuses is one sentence, with its own words."""

import gzip
import os
import sqlite3
from contextlib import closing

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from tidegraph import read, read_sql
from tidegraph.errors import DataError

LONG = "select i AS user, i AS item, {time} AS time from range(200000) t(i)"
LATE = "case when i > 150000 then error('lost') else i end"


def sqlite():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table log (user, item, time)")
    connection.execute("insert into log values (1, 2, 3), (2, 2, 4)")
    return connection


def adbc():
    return pytest.importorskip("adbc_driver_sqlite.dbapi").connect()


@pytest.mark.parametrize("connect", [sqlite, duckdb.connect, adbc])
@pytest.mark.parametrize(
    ("query", "says"),
    [("select * from nope", "nope"), ("selec", "syntax error")],
    ids=["table", "syntax"],
)
def test_a_query_that_is_refused_is_said_in_the_drivers_words(connect, query, says):
    with closing(connect()) as connection, pytest.raises(DataError) as told:
        read_sql(query, connection)

    assert str(told.value).startswith("the query ")
    assert says in str(told.value)
    assert "\n" not in str(told.value)
    assert isinstance(told.value.__cause__, Exception)
    assert not type(told.value.__cause__).__module__.startswith("tidegraph")


@pytest.mark.parametrize("connect", [sqlite, duckdb.connect, adbc])
def test_a_connection_that_is_closed_is_said(connect):
    connection = connect()
    connection.close()

    with pytest.raises(DataError, match=r"^the query cannot be read: .* Mend that"):
        read_sql("select 1", connection)


def test_a_query_that_fails_on_the_way_is_said_and_frees_its_connection():
    with duckdb.connect() as connection:
        with pytest.raises(DataError, match=r"^the query cannot be read: .*lost\. "):
            read_sql(LONG.format(time=LATE), connection)

        assert len(read_sql(LONG.format(time="i"), connection)) == 200_000


def test_rows_that_fail_on_the_way_are_said():
    with closing(sqlite()) as connection:
        connection.create_function("lost", 1, lambda value: 1 // (value - 4))
        with pytest.raises(DataError, match="user-defined function raised exception"):
            read_sql("select user, item, lost(time) AS time from log", connection)

        assert len(read_sql("select * from log", connection)) == 2


def test_an_error_of_the_reader_of_the_rows_is_not_the_querys():
    with (
        closing(sqlite()) as connection,
        pytest.raises(DataError, match=r"^the query, row 1: the label"),
    ):
        read_sql("select *, 7 AS l from log", connection, label="l")


def test_a_relation_that_fails_or_is_gone_is_said():
    connection = duckdb.connect()
    late = connection.sql(LONG.format(time=LATE))
    with pytest.raises(DataError, match=r"^the .*Relation cannot be read: .*lost"):
        read(late)

    gone = connection.sql(LONG.format(time="i"))
    connection.close()
    with pytest.raises(DataError, match=r"Relation cannot be read: .* closed"):
        read(gone)


def test_a_stream_of_arrow_that_breaks_is_said():
    rows = pa.record_batch({"user": [1], "item": [1], "time": [1]})

    def stream():
        yield rows
        raise ConnectionError("the peer hung up")

    reader = pa.RecordBatchReader.from_batches(rows.schema, stream())

    with pytest.raises(DataError, match=r"cannot be read: the peer hung up\. Mend"):
        read(reader)


def damaged(folder):
    path = folder / "log.parquet"
    frame = {"user": [1, 2] * 500, "item": [*range(1000)], "time": [*range(1000)]}
    pl.DataFrame(frame).write_parquet(path)
    whole = bytearray(path.read_bytes())
    whole[200:600] = b"\x55" * 400
    path.write_bytes(whole)
    return path


def test_a_damaged_file_is_said_as_a_path_a_frame_and_a_data_set(tmp_path):
    path = damaged(tmp_path)

    for source in (path, pl.scan_parquet(path), pyarrow.dataset.dataset(path)):
        with pytest.raises(DataError, match=r"cannot be read: .* Mend that first\.$"):
            read(source)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "'' is no path"),
        ("a\0b", "is no path"),
        ("x" * 300, "cannot be opened"),
        ("s3://shop/log.parquet", "s3://shop/log.parquet is an address"),
        ("https://example.org/log.csv", "is an address"),
    ],
    ids=["empty", "zero", "long", "s3", "https"],
)
def test_what_can_be_no_file_is_said(source, says):
    with pytest.raises(DataError) as told:
        read(source)

    assert says in str(told.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (b"PK\x03\x04" + b"\0" * 40, "an Excel workbook"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 40, "HDF5"),
        (b"ARROW1\0\0", "Arrow"),
        (b"PAR1", "cannot be read"),
        (gzip.compress(os.urandom(500))[:200], "cannot be unpacked"),
    ],
    ids=["html", "xml", "lfs", "xlsx", "hdf", "arrow", "parquet", "gzip"],
)
def test_a_file_that_is_no_table_is_called_what_it_is(tmp_path, content, says):
    path = tmp_path / "log.csv"
    path.write_bytes(content)

    for take in (read, lambda file: read(LOG, users=file)):
        with pytest.raises(DataError) as told:
            take(path)
        assert "log.csv" in str(told.value)
        assert says in str(told.value)


LOG = {"user": [1, 2], "item": [1, 2], "time": [1, 2]}
