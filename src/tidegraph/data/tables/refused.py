"""What another library refuses to read, as one sentence of ours.

Drivers, Arrow and polars raise errors of many kinds that have no base in common, also
in the middle of a stream, so any error counts that is not ours.
"""

import re
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import TypeVar, cast

from tidegraph.errors import DataError, TidegraphError

T = TypeVar("T")
_END = object()


@contextmanager
def as_data_error(where: str) -> Generator[None, None, None]:
    """Raise as a DataError what somebody else's code raises within.

    Args:
        where: What is read.
    """
    try:
        yield
    except TidegraphError:
        raise
    except Exception as error:
        raise DataError(
            f"{where} cannot be read: {_first_sentence(error)} Mend that first."
        ) from error


def iterate_and_close(
    opened: Callable[[], Iterable[T]], where: str
) -> Generator[T, None, None]:
    """Yield what a stream of somebody else's holds, and close it if it can be.

    Raises:
        DataError: It cannot be opened, or fails on the way.
    """
    with as_data_error(where):
        stream = opened()
        values = iter(stream)
    try:
        while True:
            with as_data_error(where):
                value = next(values, _END)
            if value is _END:
                return
            yield cast(T, value)
    finally:
        # Until then DuckDB refuses whatever else its connection is asked.
        getattr(stream, "close", _close_nothing)()


def _close_nothing() -> None:
    """Close what needs no closing."""


def _first_sentence(error: Exception) -> str:
    """Return the first paragraph of a message as a sentence, without the query."""
    first = re.split(r"\n\s*\n|\nLINE \d+:", str(error).strip())[0]
    said = " ".join(first.split()) or type(error).__name__
    return said if said.endswith((".", "!", "?")) else f"{said}."
