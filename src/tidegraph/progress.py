"""Progress bars with an estimate of the time left, shown to people only."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


def track(steps: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield from ``steps``, drawing a bar on standard error if a person is watching.

    Args:
        steps: What is being worked through.
        what: A few words for the bar's left side.
        total: How many steps there are, where ``steps`` has no length.
    """
    if not sys.stderr.isatty():
        yield from steps
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(steps, total=total, description=what)
