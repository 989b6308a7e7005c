"""What is said of ids that are not held, by the same words at every door."""

import inspect
import warnings
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids.lookup import UNKNOWN, gathered
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import RequestError, UnknownIdWarning

_NAMED = 3
_PACKAGE = str(Path(__file__).parents[2])


def known_rows(
    held: Vocabulary, ids: pl.Series, kind: str, then: str
) -> Int32[np.ndarray, " n"]:
    """Return the row of each id, warning of those that are not held.

    Args:
        held: The ids of the model.
        ids: Ids that a caller passed.
        kind: What they are, in the singular, such as ``"user"``.
        then: What is done with one that is unknown, such as ``"passed over"``.
    """
    rows = held.encode(ids)
    unknown = np.flatnonzero(rows == UNKNOWN)
    if len(unknown):
        warn_unknown(kind, gathered(ids, unknown), then)
    return rows


def rows_of_all(
    held: Vocabulary, ids: pl.Series, kind: str, then: str = ""
) -> Int32[np.ndarray, " n"]:
    """Return the row of each id, all of which must be held.

    Args:
        held: The ids of a graph.
        ids: Ids that a caller passed.
        kind: What they are, in the singular, such as ``"user"``.
        then: What follows from one that is unknown, such as ``"nothing was erased"``.

    Raises:
        RequestError: One is not.
    """
    rows = held.encode(ids)
    unknown = np.flatnonzero(rows == UNKNOWN)
    if not len(unknown):
        return rows
    lacking = gathered(ids, unknown).unique(maintain_order=True)
    said = f"{kind} {first_few(lacking)} is"
    if len(lacking) > 1:
        said = f"{len(lacking):,} {kind}s ({first_few(lacking)}) are"
    there = held.ids.drop_nulls()
    like = f"Ids are written like {there[0]!r}" if len(there) else "There is none"
    raise RequestError(f"{said} not in the graph{then and f'; {then}'}. {like}.")


def warn_unknown(kind: str, ids: pl.Series, then: str) -> None:
    """Warn once that ids are not in the model, naming up to three of them.

    Args:
        kind: What they are, in the singular, such as ``"user"``.
        ids: The unknown ids; nothing is said if there are none.
        then: What is done with each.
    """
    ids = ids.unique(maintain_order=True)
    if not len(ids):
        return
    what = "not in the model"
    said = said_of(kind, ids, f"is {what}", f"are {what}", then)
    warnings.warn(said, UnknownIdWarning, stacklevel=outside())


def said_of(kind: str, ids: pl.Series, is_so: str, are_so: str, then: str) -> str:
    """Return what is so of one id or of several, naming up to three of them.

    Args:
        kind: What they are, in the singular, such as ``"user"``.
        ids: The ids, at least one.
        is_so: What one is, with its verb.
        are_so: What several are, with theirs.
        then: What is done with each.
    """
    if len(ids) == 1:
        return f"{kind} {first_few(ids)} {is_so}; {then}"
    return f"{len(ids):,} {kind}s {are_so} ({first_few(ids)}); each {then}"


def first_few(ids: pl.Series) -> str:
    """Return up to three ids for a message."""
    named = ", ".join(repr(id_) for id_ in ids.head(_NAMED))
    return f"{named}, ..." if len(ids) > _NAMED else named


def outside() -> int:
    """Return how many calls up the code is that is not ours."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level - 1
