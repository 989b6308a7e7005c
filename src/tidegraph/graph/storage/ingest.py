"""Tables to the columns of nodes and edges."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64, Num

from tidegraph.data.ids.id_column import IdColumn
from tidegraph.data.ids.identity import series
from tidegraph.data.ids.lookup import Lookup
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.tables.opening import read_whole
from tidegraph.data.tables.refused import as_data_error
from tidegraph.data.tables.values import without_objects
from tidegraph.data.times.datetimes import own_ticks
from tidegraph.data.times.ticks import BEYOND, PER_SECOND, TimeColumn, TimeUnit
from tidegraph.errors import DataError, type_of
from tidegraph.graph.times import TICKS, Tick, longest_tick, ticks_and_misfits

_ENDS = re.compile(
    r"\s*([^:>]+?)\s*(?::\s*(\w+)\s*)?->\s*([^:>]+?)\s*(?::\s*(\w+)\s*)?"
)

_BELOW_MICROSECONDS = r"[.,]\d{6}0*[1-9]"


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


class EdgeTimes(NamedTuple):
    """The times of a table of edges.

    Attributes:
        time: Ticks of the graph.
        unit: Unit of the column, if it holds plain numbers or it was given.
    """

    time: Int64[np.ndarray, " n"]
    unit: TimeUnit | None


def as_frame(
    source: object, ids: Collection[str], *, empty: bool = False
) -> pl.DataFrame:
    """Return a table of any kind as a polars frame.

    Args:
        source: A polars, pandas or Arrow table, a mapping of columns, or a path.
        ids: Its columns of ids, which are left as they come.
        empty: Whether one without a row, so of unknown types, is taken.

    Raises:
        DataError: It is none of these.
    """
    if isinstance(source, pl.LazyFrame):
        with as_data_error("the polars LazyFrame"):
            source = source.collect()
    if isinstance(source, pl.DataFrame):
        return without_objects(source, ids)
    return read_whole(source, ids, empty=empty)


def features_frame(given: object, edge: str) -> pl.DataFrame:
    """Return columns by name as a table, which has none where none are given.

    Raises:
        DataError: They are not columns of one length.
    """
    if given is not None and not isinstance(given, Mapping):
        raise DataError(
            f"features of edges {edge!r} are {type_of(given)}. Pass a mapping "
            "of names to columns."
        )
    with as_data_error(f"the features of edges {edge!r}"):
        return pl.DataFrame(cast(Any, dict(cast(Any, given or {}))))


def vocabulary_of_table(table: pl.DataFrame, key: str, name: str) -> Vocabulary:
    """Return the nodes of a table: its ids, with its other columns as features.

    Raises:
        DataError: The key column is missing, has a missing value, or repeats one.
    """
    check_columns(table, [key], f"the table of {name!r}")
    found = ids_in_column(table, key, name)
    again = (~found.is_first_distinct()).arg_true()
    if len(again):
        first = int((found == found[again[0]]).arg_true()[0])
        raise DataError(
            f"the table of {name!r} has several rows for {key} {table[key][first]!r}: "
            f"row {first}, and row {again[0]} with {table[key][again[0]]!r}. Keep one."
        )
    return Vocabulary(found, table.drop(key), Lookup(found))


def ids_in_column(table: pl.DataFrame, column: str, edge: str) -> pl.Series:
    """Return an id column of a table, canonical.

    Raises:
        DataError: The column is missing, or an id is.
    """
    check_columns(table, [column], f"the table of {edge!r}")
    return IdColumn(column, f"the table of {edge!r}", "keep").checked(
        table[column], range(table.height)
    )


def edge_times(
    table: pl.DataFrame, column: str, edge: str, tick: Tick, unit: TimeUnit | None
) -> EdgeTimes:
    """Return a time column of a table of edges as ticks.

    Args:
        table: One row per edge.
        column: Name of the column.
        edge: Type of the edges, for messages.
        tick: What the graph counts in.
        unit: Unit of plain numbers; found by their size if left out.

    Raises:
        DataError: The column is missing, holds what is no time, or what is finer than
            a tick.
    """
    check_columns(table, [column], f"the table of {edge!r}")
    if unit is not None and unit not in PER_SECOND:
        raise DataError(
            f"time_unit is {unit!r}; it must be one of {', '.join(PER_SECOND)}."
        )
    if not table.height:
        return EdgeTimes(np.zeros(0, np.int64), unit)
    if table[column].dtype == pl.String:
        _check_text_is_no_finer(table[column], edge, tick)
    times = TimeColumn(column, f"the table of {edge!r}", unit, historic=True)
    times.add(table[column], range(table.height))
    ticks = times.finish()
    found = whole_ticks(ticks.when, ticks.per_second, tick, edge)
    plain = table[column].dtype.is_numeric()
    of: dict[int, TimeUnit] = {ticks: unit for unit, ticks in PER_SECOND.items()}
    return EdgeTimes(found, of[ticks.per_second] if unit is None and plain else unit)


def time_array(time: object, edge: str, tick: Tick) -> Int64[np.ndarray, " n"]:
    """Return given times of edges as ticks: Unix seconds, datetimes or text.

    Raises:
        DataError: They are no times, or finer than a tick.
    """
    try:
        when = np.asarray(time)
    except ValueError as error:  # Lists of several lengths.
        raise DataError(_no_times(edge)) from error
    if when.ndim != 1:
        raise DataError(
            f"times of edges {edge!r} have {when.ndim} dimensions. Pass one time for "
            "each edge."
        )
    if when.dtype.kind == "M" and not bool(np.isnat(when).any()):
        ticks, per_second = own_ticks(when)
        far = np.flatnonzero(np.abs(ticks.astype(np.float64)) >= BEYOND * per_second)
        if len(far):
            raise DataError(
                f"the time of edge {far[0]} of {edge!r} is {when[far[0]]}, beyond the "
                "year 5138 or before -1199. Mend or drop it."
            )
        return whole_ticks(ticks, per_second, tick, edge)
    if when.dtype.kind in "OU":
        with as_data_error(f"the times of edges {edge!r}"):
            column = pl.Series("time", when.tolist())
        return edge_times(column.to_frame(), "time", edge, tick, None).time
    if when.dtype.kind not in "iuf" or not bool(np.isfinite(when).all()):
        raise DataError(_no_times(edge))
    return whole_ticks(when, 1, tick, edge)


def _no_times(edge: str) -> str:
    return f"times of edges {edge!r} are no Unix seconds or datetimes."


def whole_ticks(
    when: Num[np.ndarray, " n"], per_second: int, tick: Tick, edge: str
) -> Int64[np.ndarray, " n"]:
    """Return times of any unit as ticks, none of which lies between two.

    Raises:
        DataError: One can be no Unix second, or is finer than a tick.
    """
    if len(when):
        _check_time_bounds(when, per_second, edge)
    ticks, between = ticks_and_misfits(when, per_second, tick)
    if between.any():
        raise DataError(
            _advice_on_ticks(when, per_second, tick, edge, int(between.argmax()))
        )
    return ticks


def _check_text_is_no_finer(texts: pl.Series, edge: str, tick: Tick) -> None:
    """Refuse text that spells less than a microsecond, which reading it would cut."""
    finer = texts.str.contains(_BELOW_MICROSECONDS).fill_null(False).arg_true()
    if len(finer):
        row = int(finer[0])
        make = "" if tick == "us" else ", and make the graph with tick='us'"
        raise DataError(
            f"the time of edge {row} of {edge!r} is {texts[row]!r}, and this graph "
            f"counts whole {TICKS[tick]}. Round the column to microseconds{make}."
        )


def _check_time_bounds(when: Num[np.ndarray, " n"], per_second: int, edge: str) -> None:
    most = BEYOND * per_second
    if float(when.max()) >= most or float(when.min()) <= -most:
        row = int(np.abs(when.astype(np.float64)).argmax())
        raise DataError(
            f"the time of edge {row} of {edge!r} is second {when[row] // per_second}, "
            "beyond the year 5138 or before -1199. Divide milliseconds by 1,000, or "
            "pass time_unit='ms'."
        )


def _advice_on_ticks(
    when: Num[np.ndarray, " n"], per_second: int, tick: Tick, edge: str, row: int
) -> str:
    """Return what to do about times that lie between two ticks."""
    held = longest_tick(when, per_second)
    mend = (
        f"Make the graph with tg.Graph(tick={held!r}), or one that is there finer with "
        f"tg.Graph(graph.snapshot(), tick={held!r})."
        if held is not None
        else "Round the column to microseconds, and make the graph with tick='us'."
    )
    if when.dtype.kind == "f":
        # A fraction of today's seconds tells microseconds at best.
        second = float(when[row]) / per_second
        shown = np.datetime64(round(second * 10**6), "us")
        if not int(shown.astype(np.int64)) % (10**6 // PER_SECOND[tick]):
            shown = np.datetime64(round(second * 10**9), "ns")
            mend = f"What is below a microsecond is lost: round to {TICKS[tick]}."
    else:
        units = {ticks: unit for unit, ticks in PER_SECOND.items()}
        shown = when.astype(np.int64).astype(f"datetime64[{units[per_second]}]")[row]
    return (
        f"the time of edge {row} of {edge!r} is {str(shown).rstrip('0')}, and this "
        f"graph counts whole {TICKS[tick]}. {mend}"
    )


def node_rows(values: object, edge: str) -> Int32[np.ndarray, " n"]:
    """Return rows of nodes as an array of them.

    Raises:
        DataError: They are no whole numbers.
    """
    found = np.asarray(values)
    if found.ndim != 1 or (found.dtype.kind not in "iu" and len(found)):
        raise DataError(
            f"the rows of edges {edge!r} are {found.dtype} of shape {found.shape}, not "
            "a list of whole numbers."
        )
    # What 32 bits do not hold would wrap around to the row of another node.
    return np.clip(found.astype(np.int64), -1, 2**31 - 1).astype(np.int32)


def check_columns(table: pl.DataFrame, columns: list[str], where: str) -> None:
    """Raise DataError if a table lacks a column."""
    for column in columns:
        if column not in table.columns:
            raise DataError(
                f"{where} has no column {column!r}. "
                f"It has: {', '.join(table.columns) or 'none'}."
            )


def id_column(ids: object) -> pl.Series:
    """Return ids as a canonical column; one id alone is one.

    Raises:
        RequestError: One can be no id.
    """
    if isinstance(ids, np.ndarray):
        return series(cast(Any, ids).reshape(-1), "ids")
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable | None):
        return series([ids], "ids")
    return series(cast(object, ids), "ids")
