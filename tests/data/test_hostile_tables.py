"""Any table that a common writer writes reads back equal, in every dialect."""

import contextlib
import csv
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data.hostile import (
    HOSTILE,
    SEPARATORS,
    Rows,
    expected,
    held,
    others,
    reads_back,
    tables,
)
from tidegraph.data.ids.identity import canonical
from tidegraph.data.sources import read
from tidegraph.data.text import csv_files
from tidegraph.errors import DataError

# 200 examples in all by default; the nightly profile makes it 200,000.
thorough = settings(
    max_examples=4 * settings.default.max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

CR_AS_DATA = "\ue000"


@contextlib.contextmanager
def written(text: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        path.write_bytes(text)
        yield path


@contextlib.contextmanager
def chunks_of(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "CHUNK", size)
        yield


def columns_of(path: Path, names: list[str], **said: object) -> dict[str, list[str]]:
    return held(read(path, time=None, missing="keep", context=names, **said), names)


def check(text: bytes, table: Rows, size: int = 1 << 20, **said: object) -> None:
    """The file holds the table, whether or not all its columns are asked for."""
    whole, names = expected(table), others(table)
    with written(text) as path, chunks_of(size):
        assert columns_of(path, names, **said) == whole
        few = columns_of(path, names[:1], **said)
        assert few == {name: whole[name] for name in few}


@thorough
@given(
    tables(),
    st.sampled_from(SEPARATORS),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.integers(1, 40),
)
def test_what_pythons_csv_writes_is_read(
    table, separator, end, quoting, encoding, size
):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerows(table)
    assume(reads_back(file.getvalue(), table, separator))

    check(file.getvalue().encode(encoding), table, size)


@thorough
@given(
    tables(),
    st.sampled_from(SEPARATORS),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_pandas_writes_is_read(table, separator, end, quoting):
    frame = pd.DataFrame(table[1:], columns=table[0])
    text = frame.to_csv(sep=separator, index=False, lineterminator=end, quoting=quoting)
    assume(reads_back(text, table, separator))

    check(text.encode(), table)


@thorough
@given(
    tables(),
    st.sampled_from(SEPARATORS),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["necessary", "always", "non_numeric"]),
    st.booleans(),
)
def test_what_polars_writes_is_read(table, separator, end, style, marked):
    frame = pl.DataFrame(
        {name: [row[k] for row in table[1:]] for k, name in enumerate(table[0])}
    )
    text = frame.write_csv(separator=separator, line_terminator=end, quote_style=style)
    assume(reads_back(text, table, separator))

    check(text.encode("utf-8-sig" if marked else "utf-8"), table)


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        yield connection


@thorough
@given(tables(), st.sampled_from(SEPARATORS), st.booleans(), st.integers(1, 40))
def test_what_duckdb_writes_is_read(database, table, separator, forced, size):
    frame = pl.DataFrame(
        {name: [row[k] for row in table[1:]] for k, name in enumerate(table[0])}
    )
    # Names that differ only in case would be one column there.
    assume(len({name.lower() for name in table[0]}) == len(table[0]))
    database.register("frame", frame.to_arrow())
    quotes = ", FORCE_QUOTE *" if forced else ""
    with written(b"") as path:
        database.execute(
            f"COPY frame TO '{path}' (HEADER, DELIMITER '{separator}'{quotes})"
        )
        text = path.read_bytes()
    database.unregister("frame")
    assume(reads_back(text.decode(), table, separator))

    check(text, table, size)


def as_python_reads(text: str, quoting: int) -> Rows:
    """The records below the header; one of blanks alone is none.

    The header ends with LF, so CR alone is data, which Python's csv has no word for.
    """
    marked = re.sub(r"\r(?!\n|$)", CR_AS_DATA, text)
    rows = csv.reader(io.StringIO(marked, newline=""), quoting=quoting)
    read = [[cell.replace(CR_AS_DATA, "\r") for cell in row] for row in rows]
    return [row for row in read if len(row) > 1 or "".join(row).strip(" ")][1:]


def as_found(rows: Rows) -> dict[str, list[str]] | None:
    if {len(row) for row in rows} != {3}:
        return None
    users, items, titles = zip(*rows, strict=True)
    return {
        "user": canonical(pl.Series(users)).to_list(),
        "item": canonical(pl.Series(items)).to_list(),
        "title": list(titles),
    }


@thorough
@given(st.lists(st.lists(HOSTILE, max_size=4), max_size=5), st.integers(1, 40))
def test_text_that_nobody_wrote_is_read_as_python_does_or_refused(rows, size):
    """Fields are joined as they are, so quotes open and close anywhere."""
    lines = [["user", "item", "title"], ["k", "k", "t"], *rows]
    text = "\n".join(",".join(line) for line in lines)
    with written(text.encode()) as path, chunks_of(size):
        try:
            found = columns_of(path, ["title"])
        except DataError:
            return

    # A quote that is never closed makes text of all quotes.
    readings = [
        as_python_reads(text, quoting)
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)
    ]
    assert found in [as_found(rows) for rows in readings]
