import io
import re
import sys
import threading
from contextlib import suppress

import pytest

from tidegraph import progress
from tidegraph.progress import spelt, timing, track, working


class Waiter(io.StringIO):
    """Standard error that says when somebody has written to it."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal
        self.written = threading.Event()

    def write(self, text: str) -> int:
        size = super().write(text)
        if text.endswith("\n"):
            self.written.set()
        return size

    def isatty(self) -> bool:
        return self.terminal


def into_a_file(monkeypatch) -> Waiter:
    """Make standard error a file, and a minute short."""
    out = Waiter(terminal=False)
    monkeypatch.setattr("sys.stderr", out)
    monkeypatch.setattr(progress, "EVERY", 0.001)
    return out


def test_a_file_gets_plain_lines_with_the_count_and_the_time_left(monkeypatch):
    lines = into_a_file(monkeypatch)
    for step in track([10, 20, 30, 40], "fitting"):
        if step == 20:
            lines.written.clear()
            assert lines.written.wait(10)

    said = lines.getvalue().splitlines()
    pattern = r"fitting: 1 of 4, \d+\.\d s, about \d+\.\d s left"
    assert any(re.fullmatch(pattern, line) for line in said)


def test_a_step_without_end_is_reported_too(monkeypatch):
    lines = into_a_file(monkeypatch)
    with working("fitting EASE"):
        assert lines.written.wait(10)

    assert re.match(r"fitting EASE: \d+\.\d s\n", lines.getvalue())


def test_what_is_printed_beside_a_bar_goes_where_it_is_sent(monkeypatch, capsys):
    """Also where standard output is a file and standard error is a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", Waiter(terminal=True))
    with working("judging"):
        sys.stdout.write("0.352\n")

    assert capsys.readouterr().out == "0.352\n"


def test_what_takes_less_than_a_minute_says_nothing(monkeypatch):
    out = Waiter(terminal=False)
    monkeypatch.setattr("sys.stderr", out)

    assert list(track(range(3), "fitting")) == [0, 1, 2]
    with working("fitting"):
        pass

    assert out.getvalue() == ""


def test_a_failure_ends_the_lines(monkeypatch):
    into_a_file(monkeypatch)
    before = set(threading.enumerate())
    with suppress(RuntimeError), working("fitting"):
        fresh = set(threading.enumerate()) - before
        threads = [t for t in fresh if t.name == "progress"]
        raise RuntimeError

    assert len(threads) == 1
    threads[0].join(10)
    assert not threads[0].is_alive()


def test_bars_within_bars_reach_the_end_on_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr", Waiter(terminal=True))

    with working("training"):
        found = [(a, b) for a in track("ab", "outer") for b in track("xy", "inner")]

    assert found == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min")],
)
def test_durations_are_spelt_in_words(seconds, text):
    assert spelt(seconds) == text


def test_time_is_counted_once_by_the_outermost_work():
    with timing() as seconds:
        for _ in range(2):
            with working("training"), working("fitting"):
                pass
        with working("fitting"):
            pass
    with working("later"):
        pass

    assert list(seconds) == ["training", "fitting"]
    assert min(seconds.values()) > 0
