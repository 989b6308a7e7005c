"""How far long work is: bars for people at a terminal, a line a minute elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from tidegraph.lazy import Homes

T = TypeVar("T")

EVERY = 60.0
"""Seconds between two lines where no terminal shows a bar."""
_CLOCK: ContextVar[dict[str, float] | None] = ContextVar("clock", default=None)


def track(
    steps: Iterable[T], what: str | Callable[[], str], total: int | None = None
) -> Iterator[T]:
    """Yield from ``steps``, saying on standard error how far it is.

    A terminal gets a bar with the time left; a file or a pipe gets a plain line every
    minute, also in the midst of a long step.

    Args:
        steps: What is being worked through.
        what: A few words for the left side, or what says them as they are now, which
            is asked whenever they are shown.
        total: How many steps there are, where ``steps`` has no length.
    """
    if total is None and isinstance(steps, Sized):
        total = len(steps)
    text = (lambda: what) if isinstance(what, str) else what
    if sys.stderr.isatty():
        with _terminal_bars() as progress:
            bar = progress.add_task(_Live(text), total=total)
            for step in steps:
                yield step
                progress.update(bar, advance=1)
        return
    with _Lines(text, total) as lines:
        for step in steps:
            yield step
            lines.done += 1


@contextmanager
def working(what: str) -> Generator[None, None, None]:
    """Say on standard error that ``what`` goes on: work without steps to count."""
    with _record_seconds(what):
        if sys.stderr.isatty():
            with _terminal_bars() as progress:
                progress.add_task(what, total=None)
                yield
        else:
            with _Lines(lambda: what, None):
                yield


@contextmanager
def timing() -> Generator[dict[str, float], None, None]:
    """Collect the seconds that each ``working`` takes, by what it was called.

    Work within other work belongs to that; work of one name adds up.
    """
    seconds: dict[str, float] = {}
    token = _CLOCK.set(seconds)
    try:
        yield seconds
    finally:
        _CLOCK.reset(token)


def spelt(seconds: float) -> str:
    """Return a duration in words, such as ``12.5 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def _record_seconds(what: str) -> Generator[None, None, None]:
    seconds = _CLOCK.get()
    if seconds is None:
        yield
        return
    # What is inside would be counted twice.
    token = _CLOCK.set(None)
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[what] = seconds.get(what, 0.0) + time.perf_counter() - started
        _CLOCK.reset(token)


def _terminal_bars() -> Any:
    # Only a terminal needs what draws them.
    return Homes({"bars": "tidegraph.bars"})["bars"]()


class _Live:
    """Text as it is whenever it is drawn, in the midst of a step too."""

    def __init__(self, text: Callable[[], str]) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text()


class _Lines:
    """A plain line on standard error every minute, from a thread of its own.

    The thread prints in the midst of a step too, since one step may take an hour.
    """

    def __init__(self, what: Callable[[], str], total: int | None) -> None:
        self.what, self.total, self.done = what, total, 0
        self._started = time.monotonic()
        self._over = threading.Event()

    def __enter__(self) -> "_Lines":
        threading.Thread(target=self._run, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            try:
                sys.stderr.write(f"{self._line()}\n")
                sys.stderr.flush()
            except (OSError, ValueError):
                return  # Nobody reads any more.

    def _line(self) -> str:
        elapsed = time.monotonic() - self._started
        if self.total is None:
            return f"{self.what()}: {spelt(elapsed)}"
        line = f"{self.what()}: {self.done} of {self.total}, {spelt(elapsed)}"
        if self.done:
            left = elapsed / self.done * (self.total - self.done)
            line += f", about {spelt(left)} left"
        return line
