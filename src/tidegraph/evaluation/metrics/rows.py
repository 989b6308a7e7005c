"""What a caller passes by row: one number each, or a sentence that names the row."""

from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int64, Shaped

from tidegraph.arguments.conversion import shown
from tidegraph.errors import DataError

_ARROW = ("__arrow_c_stream__", "__arrow_c_array__")


def numbers_by_row(**columns: object) -> tuple[Float64[np.ndarray, " n"], ...]:
    """Return columns as numbers, of as many rows each.

    Args:
        columns: Lists, arrays, series or Arrow columns, by what they are called.

    Raises:
        DataError: One is not one number for each row, or they differ in length.
    """
    found = {name: _checked_numbers(name, given) for name, given in columns.items()}
    check_rows(**found)
    return tuple(found.values())


def places_by_row(name: str, values: object) -> Int64[np.ndarray, " n"]:
    """Return a column of whole numbers of at least 0.

    Args:
        name: What they are called.
        values: A list, array, series or Arrow column.

    Raises:
        DataError: One is none.
    """
    (found,) = numbers_by_row(**{name: values})
    _refuse_first(name, found, _is_place(found), "0, 1, 2 or so on")
    return found.astype(np.int64)


def check_lists(item: Shaped[np.ndarray, "..."]) -> None:
    """Refuse what is no block of lists, a row each.

    Raises:
        DataError: It is none.
    """
    if item.ndim != 2:
        raise DataError(
            f"lists are of shape {item.shape}; they must be a block with a row for "
            "each request and a column for each place."
        )


def check_rows(**columns: np.ndarray) -> None:
    """Refuse arrays whose first axes differ, which would be spread over one another.

    Raises:
        DataError: They differ.
    """
    sizes = {name: len(found) for name, found in columns.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise DataError(f"rows differ in number: {said}. Pass one value for each row.")


def check_finite(name: str, values: Float64[np.ndarray, " n"]) -> None:
    """Refuse numbers without an end, of which there is no mean.

    Raises:
        DataError: One is.
    """
    _refuse_first(name, values, np.isfinite(values), "finite")


def check_share(name: str, values: Float64[np.ndarray, " n"]) -> None:
    """Refuse numbers that are no probability.

    Raises:
        DataError: One lies outside 0 and 1.
    """
    _refuse_first(name, values, (values >= 0) & (values <= 1), "from 0 to 1")


def check_chance(name: str, values: Float64[np.ndarray, " n"]) -> None:
    """Refuse probabilities of what has happened that are none, or 0.

    Raises:
        DataError: One is not above 0, or is above 1.
    """
    _refuse_first(name, values, (values > 0) & (values <= 1), "above 0, and at most 1")


def column_by_row(name: str, given: Any) -> Shaped[np.ndarray, " n"]:
    """Return a column as an array, of whatever type its values are.

    Raises:
        DataError: It is none.
    """
    if np.ma.isMaskedArray(given):
        given = np.ma.filled(given.astype(np.float64), np.nan)
    elif not hasattr(given, "__array__") and any(hasattr(given, one) for one in _ARROW):
        given = pl.Series(name, given)
    try:
        found = np.asarray(given)
    except (TypeError, ValueError):  # Rows of different lengths.
        raise _not_a_column(name, shown(given)) from None
    if found.ndim != 1:
        raise _not_a_column(name, f"of shape {found.shape}")
    return found


def _checked_numbers(name: str, given: object) -> Float64[np.ndarray, " n"]:
    found = column_by_row(name, given)
    if found.dtype.kind not in "bifuO" and len(found):
        raise _not_a_column(name, f"of {found.dtype}")
    if found.dtype.kind == "O":
        listed = cast(list[object], found.tolist())
        found = np.array(
            [_checked_number(name, row, one) for row, one in enumerate(listed)]
        )
    found = found.astype(np.float64, copy=False)
    _refuse_first(name, found, ~np.isnan(found), "a number")
    return found


def _is_place(values: Float64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    return np.isfinite(values) & (values >= 0) & (values == np.floor(values))


def _checked_number(name: str, row: int, value: Any) -> float:
    if isinstance(value, str | bytes):
        raise _refusal(name, row, value, "a number")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _refusal(name, row, value, "a number") from None


def _refuse_first(
    name: str, values: np.ndarray, fit: np.ndarray, expected: str
) -> None:
    if not bool(fit.all()):
        row = int(fit.argmin())
        raise _refusal(name, row, values[row].item(), expected)


def _refusal(name: str, row: int, value: object, expected: str) -> DataError:
    return DataError(
        f"{name} of row {row} is {shown(value)}; it must be {expected}. Mend the row, "
        "or leave it out of all columns."
    )


def _not_a_column(name: str, found: str) -> DataError:
    return DataError(
        f"{name} is {found}; it must be a list of one number for each row."
    )
