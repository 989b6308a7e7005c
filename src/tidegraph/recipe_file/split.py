"""How a recipe splits a log, and how a saved model finds the same parts again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np

from tidegraph.arguments import settings
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import moment_text, span_text
from tidegraph.data.views.digests import order_digest
from tidegraph.durations import DAY
from tidegraph.errors import ConfigError, DataError
from tidegraph.pipeline import Pipeline
from tidegraph.ranges import above, at_least

Part = Literal["valid", "test", "all"]
EVENTS, ORDER = "events", "order"
"""How many events were split by the order of their rows, and a digest of that."""


@settings
class Rolling:
    """Windows at the end of the log, one test part each.

    Attributes:
        window_days: Length of each window.
        folds: How many windows.
    """

    window_days: float
    folds: int = 3

    def __post_init__(self) -> None:
        above("[split.rolling]", 0, window_days=self.window_days, folds=self.folds)


@settings
class Split:
    """The table ``[split]`` of a recipe: one way to split, by shares if none is named.

    Attributes:
        valid: Share of events, right before the test part, that decides when to stop;
            0.1 if left out.
        test: Share of events, the last, that training never sees; 0.1 if left out.
        time: When the valid and the test part begin; one time alone begins the test
            part.
        by: Column that says train, valid or test.
        leave_last: How many of each user's last events are for the test, and as many
            before them for validation.
        random: Seed of a split at random, with the shares of valid and test among the
            events of each user; for data without times.
        rolling: Windows to be judged on, one after the other.
    """

    valid: float | None = None
    test: float | None = None
    time: tuple[str | int | date, ...] | None = None
    by: str | None = None
    leave_last: int | None = None
    random: int | None = None
    rolling: Rolling | None = None

    def __post_init__(self) -> None:
        shares = (self.valid, self.test)
        by_shares = shares if shares != (None, None) and self.random is None else None
        ways = {"valid and test": by_shares} | {
            name: getattr(self, name)
            for name in ("time", "by", "leave_last", "random", "rolling")
        }
        named = [name for name, value in ways.items() if value is not None]
        if len(named) > 1:
            raise ConfigError(
                f"[split] names {' and '.join(named)}, which are different splits. "
                "Keep one."
            )
        if self.time is not None and len(self.time) not in (1, 2):
            raise ConfigError(
                f"[split] time has {len(self.time)} times. Give when the valid and "
                "when the test part begin, or only the latter."
            )
        at_least("[split]", 1, leave_last=self.leave_last)
        valid, test = self.shares
        if self.random is not None and (self.random < 0 or not valid + test):
            raise ConfigError(
                f"[split] random is {self.random} with valid = {valid} and test = "
                f"{test}. Give a seed of at least 0, and a share of one of them."
            )
        if not (0 <= valid < 1 and 0 <= test < 1 and valid + test < 1):
            raise ConfigError(
                f"[split] has valid = {valid} and test = {test}. Both must be from 0 "
                "to 1, and leave something to train on."
            )

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of the valid and the test part."""
        valid = 0.1 if self.valid is None else self.valid
        return valid, 0.1 if self.test is None else self.test

    @property
    def in_time(self) -> bool:
        """Whether a part begins at a time that all users share."""
        by_user = (self.by, self.leave_last, self.random) != (None, None, None)
        return not by_user and (self.time is not None or sum(self.shares) > 0)

    @property
    def needs(self) -> Literal["times", "seconds"] | None:
        """What the log must have."""
        if self.rolling is not None:
            return "seconds"
        unsplit = self.by is None and self.shares == (0.0, 0.0)
        free = unsplit or self.by is not None or self.random is not None
        return None if free else "times"

    def parts(self, log: Interactions) -> "Parts":
        """Return the parts of a log; rolling windows have the last one as test.

        Raises:
            DataError: The log cannot be split so.
        """
        if self.rolling is not None:
            return self.windows(log)[-1]
        if self.by is not None:
            # However the file calls it, the log calls it so.
            return Parts.named(log.split(by="split"), {"by": self.by})
        if self.leave_last is not None:
            memory = {"leave_last": self.leave_last, **_row_order(log, by_user=True)}
            return Parts.named(_parts_by_leave_last(log, self.leave_last), memory)
        if self.random is not None:
            return self._at_random(log, self.random)
        cuts = self.time
        valid, test = self.shares
        if cuts is not None:
            if log.clock == "order":
                cuts = tuple(_parsed_position(cut) for cut in cuts)
            parts = log.split(time=cuts)
        elif valid and test:
            parts = log.split(fractions=(1 - valid - test, valid))
        elif valid or test:
            parts = log.split(fractions=(1 - valid - test,))
        else:
            return Parts.of(log, None, None, {})
        if cuts is None and not test:
            return Parts.of(parts[0], parts[1], None, {"valid": _first_time(parts[1])})
        names = ("valid", "test")[-len(parts) + 1 :]
        memory = {n: _first_time(p) for n, p in zip(names, parts[1:], strict=True)}
        return Parts.named(parts, memory)

    def _at_random(self, log: Interactions, seed: int) -> "Parts":
        valid, test = self.shares
        shares = [share for share in (1 - valid - test, valid, test) if share]
        parts = log.random_split(fractions=shares[:-1], rng=seed)
        memory = {"random": seed, "valid": valid, "test": test}
        memory |= _row_order(log, by_user=False)
        found = Parts.named(parts, memory)
        return found if test else replace(found, valid=found.test, test=None)

    def windows(self, log: Interactions) -> list["Parts"]:
        """Return what is known before each rolling window, and the window as test."""
        if self.rolling is None:
            return []
        days, folds = self.rolling.window_days, self.rolling.folds
        return [
            Parts.of(train, None, test, {"test": _first_time(test)})
            for train, test in log.rolling(window_days=days, folds=folds)
        ]


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a log.

    Attributes:
        train: To learn from.
        valid: To stop and to choose by; none if there is no such part.
        test: To be judged on at the end; none if there is no such part.
        memory: What a saved model needs to find the parts again.
        spans: When each of them happened.
        overlap: Did train know the future of another part, before that was moved
            behind it?
    """

    train: Interactions
    valid: Interactions | None
    test: Interactions | None
    memory: dict[str, Any]
    spans: tuple[str, ...]
    overlap: bool = False

    @classmethod
    def of(
        cls,
        train: Interactions,
        valid: Interactions | None,
        test: Interactions | None,
        memory: dict[str, Any],
    ) -> "Parts":
        """Return parts of which each comes after the one before."""
        spans = tuple(_part_span_text(part) for part in (train, valid, test))
        return cls(train, valid, test, memory, spans)

    @classmethod
    def named(cls, parts: tuple[Interactions, ...], memory: dict[str, Any]) -> "Parts":
        """Return two or three parts, the last one as test, each after the one before.

        A part that begins no later than the one before it ends, as of a split by user
        or at random, is moved right behind that: its requests are made when all of the
        other is known.
        """
        moved = [parts[0]]
        for part in parts[1:]:
            moved.append(_moved_after(part, int(moved[-1].time[-1])))
        overlap = any(a is not b for a, b in zip(parts, moved, strict=True))
        valid = moved[1] if len(moved) == 3 else None
        before = (parts[0], parts[1] if len(parts) == 3 else None, parts[-1])
        spans = tuple(_part_span_text(part) for part in before)
        return cls(moved[0], valid, moved[-1], memory, spans, overlap)

    def long_enough(self, pipeline: Pipeline) -> Pipeline:
        """Return a pipeline whose windows are as long as the log allows.

        A valid part that was moved behind train has no length to go by.
        """
        if not self.overlap or pipeline.windows.days is not None:
            return pipeline
        span = int(self.train.time[-1] - self.train.time[0])
        windows = replace(pipeline.windows, days=max(1, span // 20) / DAY)
        return replace(pipeline, windows=windows)

    @property
    def known(self) -> Interactions:
        """Everything that training may see."""
        return self.train if self.valid is None else self.train.followed_by(self.valid)


def parts_as_saved(
    log: Interactions, memory: Mapping[str, Any], part: Literal["valid", "test"]
) -> tuple[Interactions, Interactions]:
    """Return what was known before a part, and the part, as a saved model split.

    Args:
        log: The log that it was trained on, or its continuation.
        memory: What ``Parts.memory`` was.
        part: Which part.

    Raises:
        DataError: The split had no such part, the log has no event of it, has its
            events in another order than they were split by, or has grown since it was
            split at random or by more than one last event.
    """
    if {"by", "leave_last", "random"} & set(memory):
        way = dict(memory)
        if "by" not in way:
            _refuse_another_order(log, way.pop(EVENTS), way.pop(ORDER), way)
        parts = Split(**way).parts(log)
        chosen = parts.valid if part == "valid" else parts.test
        before = parts.train if part == "valid" else parts.known
    elif part in memory:
        since, end = memory[part], memory.get("test")
        chosen, before = log.since(since), log.before(since)
        if part == "valid" and end is not None:
            chosen = chosen.before(end)
    else:
        chosen, before = None, log
    if chosen is None:
        raise DataError(
            f"this model was trained without a {part} part. Name one in [split] and "
            "train again, or judge it on later events with --part all."
        )
    if not len(chosen):
        begins = ""
        if part in memory:
            begins = f", which begins at {moment_text(memory[part], log.clock)}"
        raise DataError(f"the log has no event of the {part} part{begins}.")
    return before, chosen


def _row_order(log: Interactions, *, by_user: bool) -> dict[str, Any]:
    return {EVENTS: len(log), ORDER: order_digest(log, by_user=by_user)}


def _refuse_another_order(
    log: Interactions, events: int, order: str, way: Mapping[str, Any]
) -> None:
    """Raise where the rows that were split do not stand at the head of ``log``.

    A draw at random goes by the rows, and which of a user's events of one second is
    the last by their order: another would test on what was learnt. With two or more
    left out, a user's first of them may be learnt from in a log that grew.
    """
    found = ""
    if len(log) != events and way.get("leave_last") != 1:
        found = f"was made of {events:,} events, and the log has {len(log):,}"
    else:
        head = log.take(slice(0, events))
        if order != order_digest(head, by_user="leave_last" in way):
            found = "goes by the order of its events, and the log has another"
    if found:
        raise DataError(
            f"the split of this model {found}: its parts would hold what the model was "
            "trained on. Pass the log as it was then, or judge on later events with "
            "--part all."
        )


def _parsed_position(cut: object) -> Any:
    """Return a position that a command line can only write as text."""
    return int(cut) if isinstance(cut, str) and cut.strip().isdigit() else cut


def _parts_by_leave_last(log: Interactions, k: int) -> tuple[Interactions, ...]:
    if k == 1:
        return log.leave_last_out()
    rest, test = log.leave_last(k)
    train, valid = rest.leave_last(k)
    return train, valid, test


def _moved_after(part: Interactions, end: int) -> Interactions:
    if int(part.time[0]) > end:
        return part
    return replace(part, time=np.full(len(part), end + 1, np.int64))


def _first_time(part: Interactions) -> int:
    return int(part.time[0])


def _part_span_text(part: Interactions | None) -> str:
    if part is None:
        return ""
    return span_text(int(part.time[0]), int(part.time[-1]), part.clock)
