"""No file, pickle or column in memory holds a byte of what was erased."""

from io import BytesIO
from multiprocessing.reduction import ForkingPickler

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from tidegraph.data.tables.packed import packed
from tiers import chosen

TEXT = "ana@example.com wrote this, and it was long"
TRACE = TEXT.encode()
SHARE = 100
"""One event in so many is hers."""


def notes(size: int) -> pl.Series:
    """Return texts in buffers that they share, as whatever computes them makes them."""
    number = pl.int_range(size)
    others = pl.lit("somebody else wrote a longer text, of no matter ") + number.cast(
        pl.String
    )
    hers = number % SHARE == 3
    return pl.select(pl.when(hers).then(pl.lit(TEXT)).otherwise(others)).to_series()


COLUMNS = {
    "text": lambda text: text,
    "bytes": lambda text: text.cast(pl.Binary),
    "category": lambda text: text.cast(pl.Categorical),
    "list": lambda text: text.reshape((-1, 1)).arr.to_list(),
    "array": lambda text: text.reshape((-1, 1)),
    "struct": lambda text: text.alias("of").to_frame().to_struct(),
    "list of structs": lambda text: pl.select(
        pl.concat_list(text.alias("of").to_frame().to_struct())
    ).to_series(),
    "list of categories": lambda text: pl.select(
        pl.concat_list(text.cast(pl.Categorical))
    ).to_series(),
}
SIZES = chosen({"1,000": 1_000, "20,000": 20_000, "100,000": 100_000}, "1,000")


def log(column: str, size: int) -> pl.DataFrame:
    number = pl.int_range(size)
    return pl.select(
        user=pl.when(number % SHARE == 3)
        .then(pl.lit("ana@example.com"))
        .otherwise(pl.lit("u") + (number % 97).cast(pl.String)),
        item=pl.lit("i") + (number % 31).cast(pl.String),
        time=number + 1_700_000_000,
        note=COLUMNS[column](notes(size)),
    )


def handed_over(value: object) -> bytes:
    """Return what another process would get of a value: all its buffers."""
    return bytes(ForkingPickler.dumps(value))


def traces(folder) -> int:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return sum(p.read_bytes().count(TRACE) for p in files)


def traces_in(graph: tg.Graph) -> int:
    """Return how often the buffers of a graph's columns hold the text."""
    now = graph.snapshot()
    tables = [edges.features for edges in now.edges.values()]
    tables += [nodes.vocabulary.features for nodes in now.nodes.values()]
    return sum(handed_over(table).count(TRACE) for table in tables)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("column", COLUMNS)
def test_nothing_of_an_erased_users_events_stays_in_a_graph(column, size, tmp_path):
    table = log(column, size)
    users = table.unique("user", maintain_order=True)
    graph = tg.Graph().nodes("user", users.select("user", about="note"), key="user")
    graph.nodes("item", table.select("item").unique(), key="item")
    graph.edges("click", table, "user -> item", time="time", time_unit="s")
    graph.save(tmp_path / "before")
    graph.erase("user", "ana@example.com").save(tmp_path / "after")

    assert traces(tmp_path / "before") > 0
    assert traces(tmp_path / "after") == 0
    assert TRACE not in handed_over(graph)
    assert traces_in(graph) == 0
    left = graph.snapshot().edges["click"].features["note"]
    kept = table.filter(pl.col("user") != "ana@example.com")["note"]
    assert left.equals(kept)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("column", COLUMNS)
def test_nothing_of_an_erased_users_events_stays_in_a_model(column, size, tmp_path):
    table = log(column, size)
    columns = {"user": "user", "item": "item", "time": "time", "context": ("note",)}
    model = tg.Pipeline(tg.Popular()).fit(tg.read(table, **columns))
    late = table.head(8).with_columns(time=pl.lit(1_700_200_000))
    model.observe(late)
    model.save(tmp_path / "model")
    opened = tg.load(tmp_path / "model")
    before = traces(tmp_path / "model")
    for one in (model, opened):
        one.erase(["ana@example.com"])
        one.save(tmp_path / "model")

        assert before > traces(tmp_path / "model") == 0
        assert TRACE not in handed_over(one)
        assert traces_in(one.live) == 0


@pytest.mark.parametrize("column", COLUMNS)
def test_a_packed_column_is_what_it_was_without_the_bytes_of_others(column):
    whole = pl.Series("a", COLUMNS[column](notes(300)))
    left = whole.filter(np.arange(300) % SHARE != 3)
    for values in (left, left.clear(), left.clear(3), left.head(1)):
        found, held = packed(values), BytesIO()
        assert found.equals(values)
        assert (found.name, found.dtype) == ("a", values.dtype)
        found.to_frame().write_ipc(held)
        assert TRACE not in held.getvalue() + handed_over(found)
