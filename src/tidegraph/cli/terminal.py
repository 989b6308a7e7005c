"""Plain text that fits its terminal, and letters that its encoding may lack."""

import codecs
import importlib
import io
import shutil
import sys
import textwrap
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tidegraph.errors import TidegraphWarning

WIDTH = 100
"""Text in columns is no wider, however wide the terminal is."""
_SPELT = "tidegraph.spelt"
_ALIKE = {"±": "~"}
"""What stands for a letter of our tables where it is lacking, just as wide."""


def say(text: str) -> None:
    """Print plain text on standard output."""
    text = text.rstrip("\n")
    sys.stdout.write((_wrapped(text) if sys.stdout.isatty() else text) + "\n")


def complain(sentence: str) -> None:
    """Print a sentence of ours on standard error; its settings are options."""
    if "=" in sentence:
        # What it knows of settings loads what tables are read by.
        spelling = importlib.import_module("tidegraph.cli.spelling")
        sentence = spelling.as_options(sentence)
    text = f"tidegraph: {sentence}"
    sys.stderr.write((_wrapped(text) if sys.stderr.isatty() else text) + "\n")


@contextmanager
def warnings_said() -> Generator[None, None, None]:
    """Print each of our warnings as one line, without the code that raised it."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", TidegraphWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, TidegraphWarning):
                complain(str(message))
            else:
                shown(message, category, *where)

        warnings.showwarning = show
        yield


def width_of_tables() -> int:
    """Return how wide text in columns may be: as the terminal is, 100 in a file."""
    return min(WIDTH, _terminal_columns()) if sys.stdout.isatty() else WIDTH


def spell_out_what_has_no_letter() -> None:
    """Let streams write letters that their encoding lacks as JSON would, by number."""
    codecs.register_error(_SPELT, _escaped_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SPELT)


def as_written(text: str) -> str:
    """Return text as standard output will have it, whatever letters that lacks."""
    encoding, errors = sys.stdout.encoding or "utf-8", sys.stdout.errors or "strict"
    return text.encode(encoding, errors).decode(encoding, "replace")


def _terminal_columns() -> int:
    return shutil.get_terminal_size().columns


def _wrapped(text: str) -> str:
    """Return text whose lines end between words; a terminal would cut words."""
    width = _terminal_columns()
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        if len(line) > width
        else line
        for line in text.split("\n")
    )


def _escaped_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    if lacking[0] in _ALIKE:
        return _ALIKE[lacking[0]], error.start + 1
    units = lacking.encode("utf-16-be", "surrogatepass").hex()
    pieces = [f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4)]
    return "".join(pieces), error.end
