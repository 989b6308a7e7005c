"""Tables that a command prints and writes."""

import sys
from pathlib import Path

import polars as pl
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidegraph.artifact.writing import check_file, replaced
from tidegraph.cli.terminal import as_written, say
from tidegraph.errors import RequestError


def show(table: pl.DataFrame, *, json: bool) -> None:
    """Print a table for people or, with ``json``, a JSON object per line.

    Nothing is cut, and no word is broken: a terminal that is too narrow gets cells of
    several lines, or a line for each cell; a file gets lines as long as they are.
    """
    if json:
        sys.stdout.write(table.write_ndjson())
        return
    rows = [
        table.columns,
        *([_cell_text(value) for value in r] for r in table.iter_rows()),
    ]
    # Before widths are measured: a letter may be spelt by several.
    rows = [[as_written(cell) for cell in row] for row in rows]
    console = Console()
    frame = 1 + 3 * len(table.columns)
    widths = _column_widths(
        rows, console.width - frame if console.is_terminal else None
    )
    if widths is None:
        say("\n\n".join(_row_as_lines(rows[0], row) for row in rows[1:]))
        return
    if not console.is_terminal:
        console.width = sum(widths) + frame
    drawn = Table()
    for name, width in zip(rows[0], widths, strict=True):
        drawn.add_column(name, width=width, overflow="fold")
    for row in rows[1:]:
        # As text, since a title such as "[bold]" is no markup.
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def _column_widths(rows: list[list[str]], room: int | None) -> list[int] | None:
    """Return how wide columns are so that no word is broken; none if there is no room.

    Args:
        rows: The cells, headings too.
        room: What the columns have together; as much as they like if left out.
    """
    cells = [list(column) for column in zip(*rows, strict=True)]
    whole = [max(map(cell_len, column)) for column in cells]
    if room is None or sum(whole) <= room:
        return whole
    words = [[word for cell in column for word in cell.split()] for column in cells]
    widths = [max(map(cell_len, ["", *column])) for column in words]
    spare = room - sum(widths)
    if spare < 0:
        return None
    # What one column does not need is left to the longer ones.
    wanted = [much - least for much, least in zip(whole, widths, strict=True)]
    for done, place in enumerate(sorted(range(len(widths)), key=wanted.__getitem__)):
        more = min(wanted[place], spare // (len(widths) - done))
        widths[place] += more
        spare -= more
    return widths


def _row_as_lines(names: list[str], row: list[str]) -> str:
    """Return a row as a line for each cell."""
    wide = max(map(len, names))
    pairs = zip(names, row, strict=True)
    return "\n".join(f"{name:{wide}}  {cell}" for name, cell in pairs)


def check_table(path: Path) -> None:
    """Find out before long work whether ``write_table`` can write there.

    Raises:
        RequestError: The name ends in something else.
        ArtifactError: The place cannot be written.
    """
    if path.suffix not in _WRITERS:
        raise RequestError(
            f"{path} has no known ending. Name it {', '.join(_WRITERS)}."
        )
    check_file(path)


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, CSV or JSON lines, all of it or nothing.

    Raises:
        RequestError: The name ends in something else.
        ArtifactError: The file cannot be written.
    """
    check_table(path)
    with replaced(path) as aside:
        _WRITERS[path.suffix](table, aside)


_WRITERS = {
    ".parquet": pl.DataFrame.write_parquet,
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
}


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    # The weights of a walk are small; four decimals would make them all one.
    return f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.4f}"
