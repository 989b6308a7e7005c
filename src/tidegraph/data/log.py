"""Interactions: immutable columns user, item, time, label, weight (Eq 19.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int8, Int32, Int64, Shaped

from tidegraph.arguments import checked
from tidegraph.data.context import NO_COLUMNS, check_context
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.origin import Origin
from tidegraph.data.parts import named_parts
from tidegraph.data.reading import Reading
from tidegraph.data.split import (
    Days,
    check_rows,
    first_at,
    fraction_cuts,
    is_nth_last_event,
    last_rows_of_users,
    random_parts,
    time_cuts,
    windows,
)
from tidegraph.data.times.clocks import (
    Clock,
    refuse_other_clock,
    refuse_without_order,
    refuse_without_seconds,
    span_text,
)
from tidegraph.errors import DataError
from tidegraph.rng import generator
from tidegraph.small_arrays import never_fall, span


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Who saw which item, when, and whether they acted; in time order (Eq 19.1).

    Rows of one second keep the order in which they came. Splits of one log share its
    vocabularies, so their row numbers agree. A log is never changed in place.

    Attributes:
        user: Row of the user in ``users``.
        item: Row of the item in ``items``.
        time: Unix seconds or what ``clock`` says instead, never decreasing.
        label: 1 for an action, 0 for an impression without one.
        weight: Strength of the event; 1 unless the log says otherwise.
        users: The user vocabulary, with user features.
        items: The item vocabulary, with item features.
        context: Further columns of the log, a row per event (position, price ...).
        clock: What ``time`` is: Unix seconds, positions that only order the events
            ("order"), or nothing ("none"), when all are 0 or the number of a part.
        dropped: How many rows of the source were left out because an id was missing.
        origin: Where each event stands in the source; none if it has none.
        reading: How ``read`` read it; none if it was not read.
    """

    user: Int32[np.ndarray, " n"]
    item: Int32[np.ndarray, " n"]
    time: Int64[np.ndarray, " n"]
    label: Int8[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]
    users: Vocabulary
    items: Vocabulary
    context: pl.DataFrame = field(default_factory=lambda: NO_COLUMNS)
    clock: Clock = "seconds"
    dropped: int = 0
    origin: Origin | None = None
    reading: Reading | None = None

    def __post_init__(self) -> None:
        if not never_fall(self.time):
            row = int(np.flatnonzero(self.time[1:] < self.time[:-1])[0]) + 1
            raise DataError(
                f"time goes backwards at row {row}: {self.time[row - 1]} then "
                f"{self.time[row]}. Sort by time, or build the log with interactions()."
            )
        for name, codes, size in (
            ("user", self.user, len(self.users)),
            ("item", self.item, len(self.items)),
        ):
            low, high = span(codes) if len(codes) else (0, -1)
            if low < 0 or high >= size:
                raise DataError(
                    f"{name} rows run from {low} to {high}, but the "
                    f"vocabulary has {size} ids."
                )
        check_context(self.context, len(self.time))
        for column in (self.user, self.item, self.time, self.label, self.weight):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        span = "empty"
        if len(self):
            span = span_text(int(self.time[0]), int(self.time[-1]), self.clock)
        users, items = (
            np.count_nonzero(np.bincount(codes)) for codes in (self.user, self.item)
        )
        return (
            f"Interactions({len(self):,} events, {users:,} users, {items:,} items, "
            f"{span})"
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the five event columns: 21 per event."""
        columns = (self.user, self.item, self.time, self.label, self.weight)
        return sum(column.nbytes for column in columns)

    def take(self, rows: slice | Shaped[np.ndarray, " rows"]) -> "Interactions":
        """Return the rows that a slice, mask or increasing row numbers name.

        A slice copies nothing.
        """
        check_rows(rows, len(self))
        context = self.context
        if context.width:
            if not isinstance(rows, slice) and rows.dtype == bool:
                context = context.filter(rows)
            else:
                context = context[rows]
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            time=self.time[rows],
            label=self.label[rows],
            weight=self.weight[rows],
            context=context,
            origin=self.origin and self.origin.take(rows),
        )

    def before(self, time: object) -> "Interactions":
        """Return the rows with a time strictly smaller than ``time``; no copy.

        Raises:
            DataError: ``time`` is neither Unix seconds nor another moment; milliseconds
                and dates run together are none.
        """
        return self.take(slice(0, first_at(self.time, time, self.clock)))

    def since(self, time: object) -> "Interactions":
        """Return the rows with a time of at least ``time``; no copy.

        Raises:
            DataError: ``time`` is neither Unix seconds nor another moment; milliseconds
                and dates run together are none.
        """
        return self.take(slice(first_at(self.time, time, self.clock), None))

    @checked(DataError)
    def split(
        self,
        *,
        time: object = (),
        fractions: Sequence[float] = (0.8, 0.1),
        by: str | None = None,
    ) -> "tuple[Interactions, ...]":
        """Return the parts of a split; by time they copy nothing.

        Args:
            time: When each part after the first begins, in time order; a position if
                the log has positions. If left out, ``fractions`` is used.
            fractions: Share of the events in each part but the last. Events of one
                second are never parted.
            by: A context column that says train, valid or test; the parts come in
                this order, without those that no row names. Of a log without times
                each part gets its number as time, so that it comes after the last.

        Raises:
            LeakageError: The cuts are not in time order.
            DataError: A cut is not a time, a part would be empty, the log has no times
                to cut, or ``by`` is no column of parts.
        """
        if by is not None:
            return self._split_by(by)
        refuse_without_order(self.clock, "a split by time")
        several = isinstance(time, Iterable) and not isinstance(time, str | bytes)
        several = several and getattr(cast(object, time), "ndim", 1) > 0
        cuts: list[object] = list(cast(Iterable[object], time)) if several else [time]
        starts = time_cuts(self.time, cuts, self.clock) if cuts else None
        starts = starts or fraction_cuts(self.time, fractions, self.clock)
        edges = [0, *starts, len(self)]
        return tuple(self.take(slice(*edge)) for edge in pairwise(edges))

    def _split_by(self, column: str) -> "tuple[Interactions, ...]":
        return self._parted(named_parts(self.context, column, self.origin))

    @checked(DataError)
    def random_split(
        self,
        *,
        fractions: Sequence[float] = (0.8, 0.1),
        rng: np.random.Generator | int = 0,
    ) -> "tuple[Interactions, ...]":
        """Return the parts of a split at random, a share of each user's events in each.

        It is for data without times: with them, train knows the future of test. Then
        each part gets its number as time, so that it comes after the last.

        Args:
            fractions: Share of the events in each part but the last; each user has at
                least one event in the first.
            rng: What draws the events, or its seed.

        Raises:
            DataError: The shares are not between 0 and 1, or a part would be empty.
        """
        return self._parted(random_parts(self.user, fractions, generator(rng)))

    def _parted(
        self, chosen: list[Bool[np.ndarray, " n"]]
    ) -> "tuple[Interactions, ...]":
        """Return parts by their rows, each after the last where there are no times."""
        parts = [self.take(rows) for rows in chosen]
        if self.clock != "none":
            return tuple(parts)
        return tuple(
            replace(part, time=np.full(len(part), number, np.int64))
            for number, part in enumerate(parts)
        )

    def leave_last_out(self) -> "tuple[Interactions, Interactions, Interactions]":
        """Return train, and the second-last and the last event of each user.

        It lets the future of some users into train; ``check`` says how much. Users
        with fewer than three events stay in train. An event may be an impression, of
        which nothing is found: split ``actions()`` to hold out an action of each user.

        Raises:
            DataError: No user has three events, or the log has no times.
        """
        refuse_without_order(self.clock, "leave_last_out()")
        test = is_nth_last_event(self.user, 0, at_least=3)
        valid = is_nth_last_event(self.user, 1, at_least=3)
        if not test.any():
            raise DataError("no user has three events to split. Split by time.")
        return self.take(~(valid | test)), self.take(valid), self.take(test)

    @checked(DataError)
    def leave_last(self, k: int) -> "tuple[Interactions, Interactions]":
        """Return train, and the last ``k`` events of each user who has more.

        Users with at most ``k`` events stay in train. It lets the future of some users
        into train.

        Raises:
            DataError: ``k`` is below 1, no user has more than ``k`` events, or the log
                has no times.
        """
        refuse_without_order(self.clock, "leave_last()")
        test = last_rows_of_users(self.user, k)
        return self.take(~test), self.take(test)

    @checked(DataError)
    def rolling(
        self, *, window_days: Days, step_days: Days | None = None, folds: int = 3
    ) -> "list[tuple[Interactions, Interactions]]":
        """Return pairs of everything before a window and the window; no copy.

        Args:
            window_days: Length of each window; the last one ends with the log.
            step_days: From one window to the next; ``window_days`` if left out.
            folds: How many windows.

        Raises:
            DataError: A window, or what precedes it, would be empty, or the log does
                not count in seconds.
        """
        refuse_without_seconds(self.clock, "rolling()")
        step = window_days if step_days is None else step_days
        spans = windows(self.time, window_days, step, folds)
        return [
            (self.take(slice(0, start)), self.take(slice(start, stop)))
            for start, stop in spans
        ]

    def actions(self) -> "Interactions":
        """Return the rows with label 1."""
        if bool(self.label.all()):
            return self
        return self.take(self.label == 1)

    def numbered(self, users: Vocabulary, items: Vocabulary) -> "Interactions":
        """Return the events with users and items numbered as there, new ones last."""
        users, user = users.with_rows(self.users.ids)
        items, item = items.with_rows(self.items.ids)
        user, item = user[self.user], item[self.item]
        return replace(self, user=user, item=item, users=users, items=items)

    @checked(DataError)
    def followed_by(self, later: "Interactions") -> "Interactions":
        """Return these events and those of ``later``, a part of the same log.

        They are merged in time order; of one second, these come first.

        Raises:
            DataError: The two do not share vocabularies, or not the kind of times.
        """
        if later.users is not self.users or later.items is not self.items:
            raise DataError(
                "these are parts of two logs with different vocabularies. "
                "Read them as one log and split it."
            )
        refuse_other_clock(self.clock, later.clock)
        time = np.concatenate([self.time, later.time])
        order = slice(None)
        if not never_fall(time):
            order = np.argsort(time, kind="stable")
        context = pl.concat([self.context, later.context])
        origin = self.origin and later.origin and self.origin.followed_by(later.origin)
        return replace(
            self,
            user=np.concatenate([self.user, later.user])[order],
            item=np.concatenate([self.item, later.item])[order],
            time=time[order],
            label=np.concatenate([self.label, later.label])[order],
            weight=np.concatenate([self.weight, later.weight])[order],
            context=context[order] if context.width else context,
            origin=origin and origin.take(order),
        )

    def frame(self) -> pl.DataFrame:
        """Return the events as a table with raw ids."""
        events = pl.DataFrame(
            {
                "user": self.users.decode(self.user),
                "item": self.items.decode(self.item),
                "time": self.time,
                "label": self.label,
                "weight": self.weight,
            }
        )
        return events.hstack(self.context) if self.context.width else events
