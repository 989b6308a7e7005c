"""Batches as named tuples whose fields are named by the caller."""

from collections import namedtuple
from collections.abc import Iterable
from functools import cache
from keyword import iskeyword
from typing import Any

from tidegraph.errors import RequestError


def batch_of(names: tuple[str, ...], values: Iterable[Any]) -> Any:
    """Return a named tuple that other processes can be handed too.

    Raises:
        RequestError: A name cannot be that of a field.
    """
    return _batch_type(names)(*values)


@cache
def _batch_type(names: tuple[str, ...]) -> type[Any]:
    for name in names:
        if iskeyword(name) or name.startswith("_"):
            raise RequestError(f"{name!r} cannot name a plan. Choose another name.")
    made: Any = namedtuple("Batch", names)  # type: ignore[misc]

    def parts(batch: Any) -> tuple[Any, ...]:
        return batch_of, (names, tuple(batch))

    made.__reduce__ = parts
    return made
