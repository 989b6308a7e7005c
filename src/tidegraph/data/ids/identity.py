"""What an id is: its text, by one rule at every door.

A log, a feature table, a file of users, a request and an event that is observed hold
the same id if ``canonical`` makes them the same.

- Whole numbers of any width are that number, also where a tool wrote them as floats or
  decimals: ``20001``, ``20001.0`` and ``"20001.0"`` are one id.
- Other text is itself, without white space and other characters that show nothing
  around it. ``007`` and ``+7`` are ids of their own, and so are ``A`` and ``a``, and an
  accent composed (NFC) and one behind its letter (NFD): what comes out is what went in,
  so that it can be joined with the tables it came from. ``check`` names such pairs.
- A number with a fraction is its shortest text, a date is ``2024-05-01``, a UUID is its
  lower-case text.
- Bytes are the UTF-8 text they hold; 16 bytes that are no text are a UUID.
- A truth, a moment, a list, other bytes and a float that may have lost digits are
  refused.
"""

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal, cast
from uuid import UUID

import numpy as np
import polars as pl

from tidegraph.data.invisible import AT_AN_END, INVISIBLE
from tidegraph.errors import DataError, RequestError, type_of

Missing = Literal["refuse", "drop", "keep"]
"""What is done with rows that lack an id; see ``read``."""
_POINT_ZERO = r"^(-?(?:0|[1-9][0-9]*))\.0+$"
_ODD = rf"{AT_AN_END}|^$|^-0$|\.0+$"
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:\.0+)?")
_TORN = re.compile("[\ud800-\udfff]")
_CONTROL = r"[\x00-\x1f]"
FEW = 300
"""So many texts are looked at faster in Python; a step through polars is slow."""
_INT64 = 2**63
_EXACT_BITS: dict[pl.DataType, int] = {
    pl.Float64(): 53,
    pl.Float32(): 24,
    pl.Float16(): 11,
}
_ARROW = ("__arrow_c_stream__", "__arrow_c_array__")
SINGLE: tuple[type, ...] = (str, bytes, int, float, Decimal, UUID, dt.date, np.generic)
_MEND = "Choose a column of whole numbers or text, or write the ids as text."


class NotAnIdError(DataError):
    """A value can be no id.

    Attributes:
        reason: What is wrong with it, without its place.
        row: Where the value stands among those given; -1 if all are wrong.
    """

    def __init__(self, reason: str, row: int = -1) -> None:
        super().__init__(reason)
        self.reason, self.row = reason, row


def canonical(values: pl.Series) -> pl.Series:
    """Return ids in the one way that we write them, null where there is none.

    Args:
        values: Ids of any type.

    Returns:
        Whole numbers (Int64) if all of them are, else text (String).

    Raises:
        NotAnIdError: A value can be no id.
    """
    kind = values.dtype
    if kind == pl.Int64:
        return values
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return _ids_of_text(values.cast(pl.String))
    if kind.is_integer() or kind == pl.Null:
        return _ids_of_integers(values)
    if kind.is_float():
        return _ids_of_floats(values)
    if kind.is_decimal():
        return _ids_of_decimals(values)
    if kind == pl.Binary:
        return _ids_of_text(_read_bytes(values))
    if kind == pl.Date:
        far = values.dt.year().is_null() & values.is_not_null()
        if far.any():
            row = int(far.arg_true()[0])
            raise NotAnIdError(f"a date is beyond the calendar. {_MEND}", row)
        return _ids_of_text(values.cast(pl.String))
    if kind == pl.Object:
        return _ids_of_objects(values)
    if isinstance(kind, pl.BaseExtension):
        return canonical(values.ext.storage())
    raise NotAnIdError(f"{kind} is no type of an id, which is one value. {_MEND}")


def series(values: object, what: str) -> pl.Series:
    """Return the ids that a caller passed as a column of canonical ones.

    Args:
        values: A list, tuple, set, array or column, of one type or several.
        what: What the ids are for, for messages, such as ``"exclude"``.

    Raises:
        RequestError: It is one id and not a list of them, one is missing, or one can
            be no id.
    """
    if isinstance(values, SINGLE) or values is None:
        mend = f"Write {what}=[{values!r}]"
        mend = "None is no word for all of them" if values is None else mend
        raise RequestError(
            f"{what} is {values!r}, and a list of ids is expected. {mend}."
        )
    try:
        ids = canonical(column(values))
    except NotAnIdError as error:
        place = f", place {error.row}" if error.row >= 0 else ""
        raise RequestError(f"{what}{place}: {error.reason}") from error
    except TypeError as error:
        raise RequestError(
            f"{what} is {type_of(values)}, and a list of ids is expected. "
            "Pass a list, an array or a column."
        ) from error
    if ids.null_count():
        place = int(ids.is_null().arg_true()[0])
        raise RequestError(f"{what}, place {place}: there is no id. Leave it out.")
    return ids


def _ids_of_text(text: pl.Series) -> pl.Series:
    if len(text) <= FEW:
        return _ids_of_few(text)
    plain = text
    if text.str.contains(_ODD).any():
        plain = text.str.strip_chars(INVISIBLE)
        plain = plain.set(plain == "", None).str.replace(_POINT_ZERO, "$1")
        plain = plain.set(plain == "-0", "0")
    first = plain.first(ignore_nulls=True)
    if isinstance(first, str) and _WHOLE.fullmatch(first) is None:
        return plain
    whole = plain.cast(pl.Int64, strict=False)
    if whole.null_count() != plain.null_count():
        return plain
    return whole if (whole.cast(pl.String) == plain).all() else plain


def _ids_of_few(text: pl.Series) -> pl.Series:
    """Return the same as for many texts."""
    given: list[str | None] = text.to_list()
    plain: list[str | None] = []
    whole = True
    for value in given:
        value = (value or "").strip(INVISIBLE) or None
        if value is not None:
            number = _WHOLE.fullmatch(value)
            if number is not None:
                value = "0" if number[1] == "-0" else number[1]
            whole = whole and number is not None and -_INT64 <= int(value) < _INT64
        plain.append(value)
    if whole:
        numbers = [None if value is None else int(value) for value in plain]
        return pl.Series(text.name, numbers, dtype=pl.Int64)
    if plain == given and text.dtype == pl.String:
        return text
    return pl.Series(text.name, plain, dtype=pl.String)


def _ids_of_integers(values: pl.Series) -> pl.Series:
    whole = values.cast(pl.Int64, strict=False)
    if whole.null_count() == values.null_count():
        return whole
    return values.cast(pl.String)


def _ids_of_floats(values: pl.Series) -> pl.Series:
    values = values.fill_nan(None)
    limit = 2.0 ** _EXACT_BITS[values.dtype]
    lost = values.abs() >= limit
    if lost.any():
        row = int(lost.arg_true()[0])
        what = "no number" if np.isinf(values[row]) else "a float that lost digits"
        raise NotAnIdError(
            f"{values[row]!r} is {what}, so it can be no id. Read the column as whole "
            "numbers or text.",
            row,
        )
    whole = values.cast(pl.Int64, strict=False)
    fraction = whole.cast(values.dtype) != values
    if not fraction.any():
        return whole
    text = whole.cast(pl.String)
    return text.zip_with(~fraction.fill_null(False), values.cast(pl.String))


def _ids_of_decimals(values: pl.Series) -> pl.Series:
    text = values.cast(pl.String)
    pointed = text.str.contains(".", literal=True).fill_null(False)
    short = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return _ids_of_text(short.zip_with(pointed, text))


def _read_bytes(values: pl.Series) -> pl.Series:
    """Return bytes as the text they hold, or as UUIDs if they are 16 and no text."""
    unlike = values.bin.size() != 16
    try:
        text = values.cast(pl.String)
        if not text.str.contains(_CONTROL).any():
            return text
    except pl.exceptions.PolarsError:
        text = None
    return uuid_text(values) if not unlike.any() else _texts_of_objects(values)


def uuid_text(values: pl.Series) -> pl.Series:
    """Return UUIDs of 16 bytes as their text."""
    digits = values.bin.encode("hex")
    parts = [digits.str.slice(at, n) for at, n in _UUID_PARTS]
    joined = pl.concat_str(parts, separator="-").alias(values.name)
    return pl.select(joined).to_series()


_UUID_PARTS = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))


def _ids_of_objects(values: Iterable[object]) -> pl.Series:
    return _ids_of_text(_texts_of_objects(values))


def _texts_of_objects(values: Iterable[object]) -> pl.Series:
    texts: list[str | None] = []
    for row, value in enumerate(values):
        try:
            texts.append(_text_of_value(value))
        except NotAnIdError as error:
            raise NotAnIdError(error.reason, row) from error
    try:
        return pl.Series(texts, dtype=pl.String)
    except UnicodeEncodeError as error:
        row = next(k for k, text in enumerate(texts) if is_torn(text))
        raise NotAnIdError(
            f"{texts[row]!r} has surrogates, half a character.", row
        ) from error


def is_torn(text: str | None) -> bool:
    """Whether a text holds half of a character, which is no Unicode."""
    return text is not None and _TORN.search(text) is not None


def _text_of_value(value: Any) -> str | None:
    """Return the text of one value of any type, none if there is none."""
    if isinstance(value, np.generic):
        return _text_of_scalar(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        raise NotAnIdError(f"{value!r} is a truth and no id. {_MEND}")
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, UUID):
        return str(value)
    if value is None or is_no_value(value):
        return None
    if isinstance(value, float):
        return canonical(pl.Series([value], dtype=pl.Float64)).cast(pl.String)[0]
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, bytes):
        return _text_of_bytes(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    raise NotAnIdError(
        f"{value!r} is {type_of(value)}, and an id is a whole number or text. {_MEND}"
    )


def _text_of_scalar(value: Any) -> str | None:
    if value.dtype.kind == "f":
        return canonical(pl.Series(np.array([value]))).cast(pl.String)[0]
    if value.dtype.kind in "mM" and np.isnat(value):
        return None
    if value.dtype.kind in "mMV":
        raise NotAnIdError(f"{value!r} is no id. {_MEND}")
    return _text_of_value(value.item())


def is_no_value(value: object) -> bool:
    """Return whether this is pandas's missing value, or a number that is none."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | Decimal) and value != value


def decimal_text(value: Decimal) -> str:
    """Return the shortest text of a decimal, without an exponent."""
    if not value.is_finite():
        raise NotAnIdError(f"{value!r} is no id. {_MEND}")
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text_of_bytes(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
        if re.search(_CONTROL, text) is None:
            return text
    except UnicodeDecodeError:
        pass
    if len(value) == 16:
        return str(UUID(bytes=value))
    raise NotAnIdError(f"{value!r} are bytes that are no UTF-8 text. {_MEND}")


def column(values: Any) -> pl.Series:
    """Return a column of what may be of any type and of several."""
    if isinstance(values, pl.Series):
        return values
    if hasattr(type(cast(object, values)), "columns"):
        raise TypeError(f"{type(values).__name__} has columns")
    if isinstance(values, np.ndarray):
        return _ids_of_array(values)
    # Arrow would make one type of pandas's objects, such as 1 of a truth.
    objects = str(getattr(values, "dtype", "")) == "object"
    if not objects and any(hasattr(values, name) for name in _ARROW):
        try:
            return pl.Series(values=values)
        except (TypeError, ValueError, ImportError, pl.exceptions.PolarsError):
            pass  # Of several types; taken one by one.
    listed: list[object] = list(values)
    for kind, dtype in ((int, pl.Int64), (str, pl.String)):
        if all(type(value) is kind for value in listed):
            try:
                return pl.Series(listed, dtype=dtype)
            except (OverflowError, TypeError, UnicodeEncodeError):
                break
    return _texts_of_objects(listed)


def _ids_of_array(values: Any) -> pl.Series:
    if values.ndim != 1:
        raise NotAnIdError(
            f"an array of shape {values.shape} is no list of ids. Pass one dimension."
        )
    return pl.Series(values) if values.dtype.kind in "iuf" else column(values.tolist())
