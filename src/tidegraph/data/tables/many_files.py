"""A table that lies in several files: a folder of parts, or all that a pattern names.

Rows are counted through all parts, in the order of their names.
"""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from tidegraph.data.tables.table import Batches, Table
from tidegraph.data.text.dialect import Dialect, FileForm
from tidegraph.errors import DataError

_PATTERN = set("*?[")
_JSON = {FileForm.JSON_LINES, FileForm.JSON_ARRAY, FileForm.LITERALS}
_ASIDE = (".", "_")
"""What begins the names of files that say something of the parts, as Spark's do."""


def files_of(path: Path) -> list[Path] | None:
    """Return the files of a table, in the order of their names; none if it is one file.

    Args:
        path: A file, a folder, or a pattern of ``glob`` such as ``events/*.parquet``.

    Raises:
        DataError: There is no file, or a folder holds files of several kinds.
    """
    # Of a path that can be none, pathlib raises what the system says.
    if os.path.isdir(path):
        found = [p for p in path.iterdir() if not p.name.startswith(_ASIDE)]
    elif _PATTERN & set(str(path)) and not os.path.exists(path):
        found = list(map(Path, glob.glob(str(path), recursive=True)))
    else:
        return None
    files = sorted(p for p in found if p.is_file() and p.stat().st_size)
    kinds = sorted({_suffix_without_number(file) for file in files})
    if not files or (path.is_dir() and len(kinds) > 1):
        holds = (
            f"files of several kinds ({', '.join(filter(None, kinds))})"
            if files
            else "no file"
        )
        raise DataError(
            f"{path} holds {holds}. Name a file, or a pattern such as "
            f"{path if path.is_dir() else path.parent}/*.parquet."
        )
    return files


def _suffix_without_number(file: Path) -> str:
    """Return how a file's name ends, but for the number of a part."""
    return "" if file.suffix[1:].isdigit() else file.suffix


def concatenated_table(name: str, parts: Sequence[Table]) -> Table:
    """Return tables of the same columns one below the other.

    Args:
        name: What messages call them together.
        parts: The tables, at least one.

    Raises:
        DataError: One has other columns than the first.
    """
    first = parts[0]
    for part in parts[1:]:
        _check_alike(first, part)
    columns = dict.fromkeys(column for part in parts for column in part.columns)

    def batches(columns: Sequence[str]) -> Batches:
        for part in parts:
            yield from part.batches(columns)

    return Table(name, tuple(columns), first.is_text, batches, first.form)


def _check_alike(first: Table, part: Table) -> None:
    if first.form in _JSON and part.form in _JSON:
        return  # A key may be absent.
    kinds = [isinstance(table.form, Dialect) for table in (first, part)]
    if kinds[0] != kinds[1] or (not kinds[0] and first.form != part.form):
        raise DataError(
            f"{part.name} is {part.form}, and {first.name} is {first.form}. Parts of "
            "one table are written alike."
        )
    for one, other in ((first, part), (part, first)):
        lacking = [column for column in one.columns if column not in other.columns]
        if lacking:
            raise DataError(
                f"{other.name} has no column {lacking[0]!r}, and {one.name} has one. "
                "Parts of one table have the same columns."
            )
