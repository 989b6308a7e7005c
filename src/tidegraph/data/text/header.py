"""Whether the first record of a text names its columns."""

import re
from collections.abc import Collection, Sequence

from tidegraph.data.invisible import INVISIBLE
from tidegraph.data.text.dialect import TextForm
from tidegraph.data.times.spellings import layout_of
from tidegraph.errors import DataError

_VALUE = re.compile(
    r"[+-]?(\d[\d_]*([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?$"
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    re.IGNORECASE,
)
_ABSENT = {"", "null", r"\n", "na", "n/a", "nan", "none"}


def has_header(
    name: str,
    form: TextForm,
    wanted: Collection[str],
    records: Sequence[Sequence[str]],
) -> bool:
    """Return whether the first record is a header.

    Args:
        name: What messages call the text.
        form: What is said of it.
        wanted: Names of columns that it is expected to have.
        records: The first records, one at least.

    Raises:
        DataError: It may be a header or a row, and names in its place are said.
    """
    if form.header is not None:
        return form.header
    first, rows = [field.strip(INVISIBLE) for field in records[0]], records[1:]
    if form.names is not None and first == list(form.names):
        return True
    if set(wanted) & set(first):
        return True
    if rows and len(rows[0]) != len(first) and not all(map(is_value, first)):
        return True
    if _names_values(first, rows):
        return True
    if any(map(is_value, first)):
        return False
    if form.names is not None and len(form.names) == len(first):
        raise DataError(
            f"{name}: names= is said, and whether the first row "
            f"({', '.join(first)[:60]}) holds other names or an event cannot be told. "
            "Say header=True or header=False."
        )
    return True


def _names_values(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether values stand in a column whose first field is none."""
    if list(first) == [str(place) for place in range(len(first))] and len(first) > 2:
        # What pandas writes where columns have no names.
        return True
    for place, field in enumerate(first):
        below = [row[place].strip(INVISIBLE) for row in rows if place < len(row)]
        below = [value for value in below if value.lower() not in _ABSENT]
        absent = field.lower() in _ABSENT
        if below and all(map(is_value, below)) and not (absent or is_value(field)):
            return True
    return False


def is_value(text: str) -> bool:
    """Return whether a field is a number, a time or a UUID, and so no name."""
    text = text.strip(INVISIBLE)
    return _VALUE.match(text) is not None or layout_of(text) is not None
