"""Values that a recipe writes otherwise than as a table of their settings."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tidegraph.arguments.conversion import shown
from tidegraph.errors import ConfigError


class Written(NamedTuple):
    """How values of a kind are written.

    Attributes:
        read: From what is written, and the setting that it stands for, to the value, or
            to what is written where that is none.
        example: What may be written, as TOML has it.
    """

    read: Callable[[object, str], object]
    example: str


AllWritten = Mapping[str, Written]
"""How values are written, by the name of their type."""


def read_written(value: object, kind: type, where: str, written: Written) -> Any:
    """Return the value of a kind that is written so.

    Raises:
        ConfigError: It is none, or none of that kind.
    """
    made = written.read(value, where)
    if made is not None and not isinstance(made, kind):
        found = repr(value) if isinstance(value, str) else shown(value)
        raise ConfigError(
            f"[{where}] is {found}; it must be a {kind.__name__}, such as "
            f"{written.example}."
        )
    return made
