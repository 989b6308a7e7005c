"""Which part of a split a row belongs to, as a column of the log names it."""

import numpy as np
import polars as pl
from jaxtyping import Bool

from tidegraph.data.context import carried_column
from tidegraph.data.invisible import stripped
from tidegraph.data.origin import Origin
from tidegraph.errors import DataError

_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev", "development"),
    "test": ("test", "testing", "holdout"),
}
_PART = {name: part for part, names in _NAMES.items() for name in names}


def named_parts(
    context: pl.DataFrame, column: str, origin: Origin | None
) -> list[Bool[np.ndarray, " n"]]:
    """Return the rows of train, valid and test; what no row belongs to is left out.

    Args:
        context: The columns that the log carries.
        column: The one that names the parts.
        origin: Where the rows stand in the source, for messages.

    Raises:
        DataError: The log does not carry the column, a value of it names no part, or
            it names fewer than two parts or no train.
    """
    values = carried_column(context, column, "to split by")
    called = column
    if origin is not None and column == "split":
        called = origin.split
    spelt = stripped(values.cast(pl.String)).str.to_lowercase()
    part = spelt.replace_strict(_PART, default=None, return_dtype=pl.String)
    if part.null_count():
        row = int(part.is_null().arg_true()[0])
        place = f"event {row} of the log"
        if origin is not None:
            place = f"{origin.name}, row {origin.row[row]}"
        raise DataError(
            f"{place}: column {called!r} holds {values[row]!r}, which names "
            "no part of a split. Write train, valid or test."
        )
    present = [name for name in _NAMES if (part == name).any()]
    if "train" not in present or len(present) < 2:
        raise DataError(
            f"column {called!r} names only {' and '.join(present) or 'no part'}. "
            "A split has train, and valid or test or both."
        )
    return [(part == name).to_numpy() for name in present]
