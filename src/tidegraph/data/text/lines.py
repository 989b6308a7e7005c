"""Files with a line for each user, ``user item item item``, which are no tables."""

from collections import Counter
from collections.abc import Sequence

from tidegraph.errors import DataError

_MOST = 0.8
"""Where more records than this have one width, those that differ are bad rows."""


def are_user_lines(records: Sequence[Sequence[str]]) -> bool:
    """Return whether records are whole numbers alone, more or fewer in each."""
    if len({len(record) for record in records}) < 2:
        return False
    lines = [_without_empty_end(record) for record in records]
    if not all(field.strip().isdecimal() for line in lines for field in line):
        return False
    return max(Counter(map(len, lines)).values()) <= _MOST * len(lines)


def refuse_user_lines(name: str, records: Sequence[Sequence[str]]) -> None:
    """Refuse records such as those, and say how to make a table of them.

    Args:
        name: What messages call the file.
        records: Its first records.

    Raises:
        DataError: They are.
    """
    if not are_user_lines(records):
        return
    widths = [len(_without_empty_end(record)) for record in records]
    row = next(n for n, width in enumerate(widths) if width != widths[0])
    raise DataError(
        f"{name}, row {row + 1}: there are {widths[row]} numbers, and the first row "
        f"has {widths[0]}. If each line is a user and then their items, make a row of "
        f"each pair: lines = pl.Series(pathlib.Path({name!r}).read_text().splitlines())"
        '.str.extract_all(r"\\d+"); frame = pl.DataFrame({"user": lines.list.first(), '
        '"item": lines.list.slice(1)}).explode("item").drop_nulls(). Read the frame '
        'with time=None, time_unit="order", or write it with frame.write_csv(). '
        "Else mend the row."
    )


def _without_empty_end(record: Sequence[str]) -> Sequence[str]:
    """Return fields without the empty one behind a blank at the end of a line."""
    return record if record[-1].strip() else record[:-1]
