"""Tables to the columns of nodes and edges."""

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.data.ids import IdColumn
from tidegraph.data.tables import read_whole
from tidegraph.data.times import TimeColumn, TimeUnit
from tidegraph.data.vocabulary import Vocabulary
from tidegraph.errors import DataError

_ENDS = re.compile(
    r"\s*([^:>]+?)\s*(?::\s*(\w+)\s*)?->\s*([^:>]+?)\s*(?::\s*(\w+)\s*)?"
)


@dataclass(frozen=True)
class Ends:
    """Which columns say where edges start and end, and of which type those nodes are.

    Attributes:
        source: Column of the node an edge starts from.
        target: Column of the node it leads to.
        source_type: Node type of the source; found by its key if left out.
        target_type: Node type of the target; found by its key if left out.
    """

    source: str
    target: str
    source_type: str | None = None
    target_type: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Ends":
        """Read ``"user_id -> item_id"`` or ``"buyer: user -> seller: user"``.

        Raises:
            DataError: The text is something else.
        """
        found = _ENDS.fullmatch(text)
        if found is None:
            raise DataError(
                f"{text!r} does not say where edges lead. Write 'user_id -> item_id', "
                "or 'buyer: user -> seller: user' to name the node types."
            )
        source, source_type, target, target_type = found.groups()
        return cls(source, target, source_type, target_type)


def frame(source: object) -> pl.DataFrame:
    """Return a table of any kind as a polars frame.

    Args:
        source: A polars, pandas or Arrow table, a mapping of columns, or a path.

    Raises:
        DataError: It is none of these.
    """
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    return read_whole(source)


def vocabulary(table: pl.DataFrame, key: str, name: str) -> Vocabulary:
    """Return the nodes of a table: its ids, with its other columns as features.

    Raises:
        DataError: The key column is missing, has a missing value, or repeats one.
    """
    _check(table, [key], f"the table of {name!r}")
    column = IdColumn(key, f"the table of {name!r}")
    column.add(table[key], 0)
    twice = table[key].filter(table[key].is_duplicated())
    if len(twice):
        raise DataError(
            f"the table of {name!r} has several rows for {key} {twice[0]!r}. Keep one."
        )
    return Vocabulary(table[key], table.drop(key))


def ids(table: pl.DataFrame, column: str, edge: str) -> pl.Series:
    """Return an id column of a table of edges.

    Raises:
        DataError: The column is missing, or an id is.
    """
    _check(table, [column], f"the table of {edge!r}")
    IdColumn(column, f"the table of {edge!r}").add(table[column], 0)
    return table[column]


def seconds(
    table: pl.DataFrame, column: str, edge: str, unit: TimeUnit | None = None
) -> Int64[np.ndarray, " n"]:
    """Return a time column of a table of edges as Unix seconds.

    Args:
        table: One row per edge.
        column: Name of the column.
        edge: Type of the edges, for messages.
        unit: Unit of plain numbers; found by their size if left out.

    Raises:
        DataError: The column is missing, or holds what is no time.
    """
    _check(table, [column], f"the table of {edge!r}")
    if not table.height:
        return np.zeros(0, np.int64)
    times = TimeColumn(column, f"the table of {edge!r}", unit)
    times.add(table[column], 0)
    ticks = times.finish()
    return np.floor_divide(ticks.when, ticks.per_second).astype(np.int64)


def _check(table: pl.DataFrame, columns: list[str], where: str) -> None:
    for column in columns:
        if column not in table.columns:
            raise DataError(
                f"{where} has no column {column!r}. "
                f"It has: {', '.join(table.columns) or 'none'}."
            )
