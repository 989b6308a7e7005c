"""Tables that are hard to read: quotes, separators, ends of lines, strange letters."""

import contextlib
import csv
import io

import polars as pl
from hypothesis import strategies as st

from tidegraph.data.interactions import Interactions

SEPARATORS = (",", ";", "\t", "|")
PIECES = st.text(
    "\",;\t|\n\r :#%=\ufeffaé漢🙂01.-\\'\v\f\x1c\x85\u2028\u0301\u200f", max_size=6
)
HOSTILE = PIECES | st.sampled_from(
    ['7" mix', '"Weird" Jam', '""', '"', "a,b", "sep=;", "#", "NULL", "x\r\ny", " "]
)
# An id loses its outer blanks, and without them it is its text.
IDS = HOSTILE.map(lambda text: f"k{text}k")
NAMES = HOSTILE.filter(str.strip).map(lambda text: f"n{text}n")
# Without a letter a column could be one of numbers; its first cell says it is not.
FIRST = HOSTILE.map(lambda text: f"t{text}")

Rows = list[list[str]]


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """A header and rows; the columns of ids stand anywhere."""
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    columns = [["user"], ["item"], *([name] for name in names)]
    height = draw(st.integers(1, 7))
    for column in columns:
        cells = IDS if column[0] in ("user", "item") else HOSTILE
        column.append(draw(IDS if cells is IDS else FIRST))
        column.extend(draw(cells) for _ in range(height - 1))
    order = draw(st.permutations(range(len(columns))))
    return [list(row) for row in zip(*(columns[k] for k in order), strict=True)]


def held(log: Interactions, names: list[str]) -> dict[str, list[str]]:
    """What a log holds of users, items and further columns, row by row."""
    users = log.users.ids.gather(pl.Series(log.user)).to_list()
    items = log.items.ids.gather(pl.Series(log.item)).to_list()
    carried = {name: log.context[name].fill_null("").to_list() for name in names}
    return {"user": users, "item": items, **carried}


def expected(table: Rows) -> dict[str, list[str]]:
    """The columns of a table by name."""
    header, *rows = table
    return {name: [row[place] for row in rows] for place, name in enumerate(header)}


def others(table: Rows) -> list[str]:
    """The columns beside user and item."""
    return [name for name in table[0] if name not in ("user", "item")]


def reads_back(text: str, table: Rows, separator: str) -> bool:
    """Whether the writer wrote what it was given, by the judgment of Python's csv."""
    with contextlib.suppress(csv.Error):
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        return list(rows) == table
    return False
