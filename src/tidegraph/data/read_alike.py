"""A frame read as another log was: by its columns, units and formats."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from tidegraph.data.ids.identity import Missing
from tidegraph.data.interactions import Interactions
from tidegraph.data.reading import Reading
from tidegraph.data.sources import read
from tidegraph.data.tables.build import NoneAtLeastError
from tidegraph.data.tables.opening import read_whole
from tidegraph.data.tables.refused import as_data_error
from tidegraph.data.times.clocks import Clock
from tidegraph.data.times.ticks import BEYOND
from tidegraph.errors import DataError

COLUMNS = ("user", "item", "time", "label", "weight")


def read_alike(
    frame: Any,
    reading: Reading | None,
    clock: Clock,
    *,
    what: str = "the events",
    roles: Sequence[str] = COLUMNS,
    context: Collection[str] = (),
    missing: Missing = "refuse",
    placed: bool = False,
    historic: bool = False,
) -> Interactions | None:
    """Return the log of a frame, read as another was; none if it has no row.

    Args:
        frame: A frame, an Arrow table or a mapping of columns.
        reading: How the other was read, if it was; columns called user, item ... stand
            for those that the frame lacks.
        clock: What the times of the other are.
        what: What messages call the frame.
        roles: Which columns are read.
        context: Further columns that are read where they are there.
        missing: What becomes of rows without an id, as ``read`` takes it.
        placed: Whether rows of a frame without positions may be their own, if those of
            the other were.
        historic: Whether numbers below 0 are seconds before 1970.

    Raises:
        DataError: A column is missing, or a value is not what it should be.
    """
    if isinstance(frame, pl.LazyFrame):
        with as_data_error("the polars LazyFrame"):
            frame = frame.collect()
    if not _has_columns(frame):  # A reader of Arrow, which can be read once.
        frame = read_whole(frame, empty=True)
    names = _column_names(frame)
    if not _row_count(frame):
        return None
    reading = reading or Reading()
    said = {role: next(iter(column), role) for role, column in reading.wanted().items()}
    called = {
        role: said[role] if said[role] in names else role
        for role in roles
        if role in names or said[role] in names
    }
    free = clock == "none" or (placed and not reading.timed and "time" not in called)
    needed = COLUMNS[: 2 if free else 3]
    for role in needed:
        if role not in called:
            raise DataError(
                f"no column of {what} is called {said[role]!r}; there are: "
                f"{', '.join(map(str, names))}. Name the columns "
                f"{', '.join(said[r] for r in needed[:-1])} and {said[needed[-1]]}."
            )
    least = reading.format.at_least
    if least is not None and "weight" in roles and "weight" not in called:
        raise DataError(
            f"no column of {what} is called {said['weight']!r}, whose rows of at least "
            f"{least:g} are events; there are: {', '.join(map(str, names))}. Name it "
            f"{said['weight']} or weight."
        )
    spelt: dict[str, Any] = {"time": None}
    if clock == "order":
        spelt = {"time_unit": "order"} | (spelt if free else {})
    elif not free:
        spelt = _time_format_of(frame, called["time"], reading)
        if historic and _is_before_1970(frame[called["time"]]):
            spelt = {"time_unit": "s"} | {k: v for k, v in spelt.items() if v}
    if "weight" in called:
        spelt["at_least"] = least
    also = [name for name in context if name in names]
    try:
        return read(frame, **cast(Any, called | spelt), context=also, missing=missing)
    except NoneAtLeastError:
        return None


def _time_format_of(frame: Any, column: str, reading: Reading) -> dict[str, Any]:
    """Return how the times of a frame are written, as ``read`` takes it.

    What was said of a column holds for that alone: one that is called time holds what
    any other frame would.
    """
    if column != str(reading.columns.time):
        return {}
    spelt: dict[str, Any] = {"time_unit": reading.format.time_unit}
    if _holds_text(frame[column]):
        spelt["time_format"] = reading.format.time_format
    return spelt


def _is_before_1970(values: Iterable[Any]) -> bool:
    """Whether values are numbers that are seconds, and one of these is below 0."""
    numbers = np.asarray(values)
    return numbers.dtype.kind in "if" and bool(-BEYOND < numbers.min(initial=0) < 0)


def _holds_text(values: Iterable[Any]) -> bool:
    first = next((value for value in values if value is not None), None)
    # Arrow's scalars are not the values that they hold.
    return isinstance(getattr(first, "as_py", lambda: first)(), str)


def is_table(value: object) -> bool:
    """Whether a value is a frame, or another thing that ``read_alike`` reads."""
    return _has_columns(value) or hasattr(type(value), "read_next_batch")


def _has_columns(frame: Any) -> bool:
    """Whether columns lie in memory and are had by their names."""
    # Of the class, since a lazy frame works out its columns, or fails to.
    kind = cast(Any, type(frame))
    if isinstance(frame, Mapping) or hasattr(kind, "column_names"):
        return True
    records = getattr(getattr(frame, "dtype", None), "names", None)
    return bool(records) or hasattr(kind, "columns")


def _column_names(frame: Any) -> list[Any]:
    if isinstance(frame, Mapping):
        return list(cast(Mapping[Any, Any], frame))
    if getattr(getattr(frame, "dtype", None), "names", None):
        return list(frame.dtype.names)
    if hasattr(frame, "column_names"):
        return list(frame.column_names)
    return list(frame.columns)


def _row_count(frame: Any) -> int:
    if isinstance(frame, Mapping):
        columns = cast(Mapping[Any, Any], frame).values()
        return max((len(c) for c in columns if hasattr(c, "__len__")), default=1)
    return frame.num_rows if hasattr(frame, "num_rows") else len(frame)
