"""Options of commands made from dataclasses, so that each is defined once."""

import csv
import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from tidegraph.arguments.conversion import alternatives
from tidegraph.data.split import second_of
from tidegraph.errors import RequestError

Given = dict[str, Any]
"""The settings that were given on the command line, by name."""
FurtherGraph = Annotated[
    Path | None,
    typer.Option(
        help="Further nodes and edges beside the log, in place of the recipe's: a "
        "folder that Graph.save wrote."
    ),
]
"""The option ``--graph`` of what trains a recipe."""


def options_of(
    argument: str, *classes: type, prefix: str = "", panel: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of some dataclasses.

    Args:
        argument: The command's argument that gets what was given, as a ``Given``.
        classes: The dataclasses; a field that is one itself gives options too.
        prefix: What the options' names begin with.
        panel: Heading of the options in the help.
    """
    options = [
        option for cls in classes for option in _options_of_fields(cls, prefix, panel)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [p for name, p in signature.parameters.items() if name != argument]
        own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            given: Given = {}
            for option in options:
                value = values.pop(option.parameter)
                if value is not None:
                    option.put(given, value)
            command(**values, **{argument: given})

        cast(Any, run).__signature__ = signature.replace(
            parameters=[*own, *(option.declared() for option in options)]
        )
        return run

    return decorate


def full_paths(**paths: Path | None) -> Given:
    """Return the paths that were given as settings of a recipe, wherever it lies."""
    return {name: str(p.absolute()) for name, p in paths.items() if p is not None}


def split_csv_line(text: str) -> list[str]:
    """Return parts written as a line of CSV, so that a quoted one may hold a comma."""
    return [part for row in csv.reader([text]) for part in row if part]


def moment_of(text: str, *, positions: bool) -> int:
    """Return the moment that ``--at`` names.

    Args:
        text: ISO 8601 or Unix seconds; a number where times are positions.
        positions: Are they?

    Raises:
        RequestError: It is a moment, and the log has positions.
        DataError: It is neither.
    """
    if not positions:
        return second_of(text)
    if not text.strip().isdigit():
        raise RequestError(f"--at is {text!r}; the log has positions. Give a number.")
    return int(text)


@dataclasses.dataclass(frozen=True)
class _Option:
    """One field as an option.

    Attributes:
        parameter: Name of the parameter; the option's, with underscores.
        path: Where the value belongs: the field, or a field of a field.
        hint: Type of the field.
        help: What the docstring says of it.
        panel: Heading in the help.
    """

    parameter: str
    path: tuple[str, ...]
    hint: Any
    help: str
    panel: str | None

    def declared(self) -> inspect.Parameter:
        """Return the parameter from which typer makes the option."""
        info = typer.Option(help=self.help, rich_help_panel=self.panel)
        return inspect.Parameter(
            self.parameter,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[self._typed() | None, info],
        )

    def put(self, given: Given, value: Any) -> None:
        """Put a value where it belongs; a list is written with commas."""
        *outer, name = self.path
        for part in outer:
            given = given.setdefault(part, {})
        is_list = tuple in (typing.get_origin(hint) for hint in alternatives(self.hint))
        given[name] = tuple(split_csv_line(value)) if is_list else value

    def _typed(self) -> Any:
        choices = alternatives(self.hint)
        for plain in (bool, float):
            if plain in choices:
                return plain
        literal = [c for c in choices if typing.get_origin(c) is typing.Literal]
        if literal:
            return literal[0]
        return int if int in choices and str not in choices else str


def _options_of_fields(cls: type, prefix: str, panel: str | None) -> Iterator[_Option]:
    hints, helps = typing.get_type_hints(cls), _described(cls)
    for field in dataclasses.fields(cast(Any, cls)):
        inner = [
            c for c in alternatives(hints[field.name]) if dataclasses.is_dataclass(c)
        ]
        if inner:
            deep = _options_of_fields(
                cast(type, inner[0]), f"{prefix}{field.name}_", panel
            )
            for option in deep:
                path = (field.name, *option.path)
                yield dataclasses.replace(option, path=path)
            continue
        text = helps[field.name]
        if field.default not in (None, (), dataclasses.MISSING):
            text = f"{text} (default: {field.default})"
        parameter = f"{prefix}{field.name}"
        yield _Option(parameter, (field.name,), hints[field.name], text, panel)


def _described(cls: type) -> dict[str, str]:
    """Return what the docstring of a dataclass says of each of its attributes."""
    listed = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:")[2]
    found: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        if re.match(r" {4}\w+: ", line):
            name, _, text = line.strip().partition(": ")
            found[name] = text
        elif line.startswith(" " * 8):
            found[name] += f" {line.strip()}"
        elif line:
            break
    return found
