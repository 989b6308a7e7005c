"""Warnings of the library as lines on standard error."""

import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tidegraph.errors import TidegraphWarning


@contextmanager
def said() -> Generator[None, None, None]:
    """Print each of our warnings as one line, without the code that raised it."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", TidegraphWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, TidegraphWarning):
                sys.stderr.write(f"tidegraph: {message}\n")
            else:
                shown(message, category, *where)

        warnings.showwarning = show
        yield
