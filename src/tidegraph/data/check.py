"""What a log holds, in numbers and plain words, before anything learns from it."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.arguments import checked
from tidegraph.data.features import Coverage, coverage
from tidegraph.data.log import Interactions
from tidegraph.data.oddities import (
    RESTART,
    OddIds,
    Outliers,
    ids_like_missing_values,
    ids_like_rounded_numbers,
    ids_with_invisible_letters,
    ids_with_unicode_twins,
    is_by_day,
    outliers_in_time,
    positions_restart,
)
from tidegraph.data.tables.kinds import ColumnKind, kinds, kinds_text
from tidegraph.data.times.clocks import Clock, span_text
from tidegraph.data.views.repeats import repeated
from tidegraph.durations import DAY
from tidegraph.errors import DataError

_BY_DAY = (
    "all times are midnights, so only the day is known: events of one day keep the "
    "order of the file, and what is known before an event excludes its own day"
)
_PLAUSIBLE = 10 * 365 * DAY
"""Logs of what people did on a computer end later."""
_OF_EXCEL = (20_000, 80_000)
"""Days as Excel counts them, of 1954 to 2119; as seconds they are all on one day."""
_EARLY = (
    "all times lie in the first ten years after 1970: if they are positions that only "
    "say what came first, read the log with time_unit='order'"
)


@dataclass(frozen=True)
class Activity:
    """How many events the ids of one side have, over ids with any.

    Attributes:
        low: A tenth of the ids have at most this many.
        middle: The median.
        high: A tenth have at least this many.
        most: The maximum.
    """

    low: float
    middle: float
    high: float
    most: int


@dataclass(frozen=True)
class Cold:
    """What the last fifth of the events holds that the rest has never seen.

    Attributes:
        users: Share of its users.
        items: Share of its items.
        events: Share of its events with a new user or a new item.
    """

    users: float
    items: float
    events: float


@dataclass(frozen=True)
class Leak:
    """How far a leave-last-out split lets train see beyond its test events.

    Attributes:
        early_tests: Share of test events that happen before some train event.
        late_users: Share of the split users who have a train event later than some
            other user's test event.
        future: Share of train that is later than a test event, on average over them.
        overlap_days: Median time from a test event to the last train event.
    """

    early_tests: float
    late_users: float
    future: float
    overlap_days: float


@dataclass(frozen=True)
class Report:
    """What ``check`` finds.

    Attributes:
        rows: Number of events.
        users: Number of users with an event.
        items: Number of items with an event.
        clock: Whether its times are seconds, positions or none.
        start: Time of the first event.
        end: Time of the last event.
        impressions: Number of events with label 0.
        duplicates: Rows that repeat an earlier one in user, item, second and label.
        tied: Share of events in the same second as another event of their user.
        repeats: Share of actions on an item that the user has acted on before.
        per_user: Events per user.
        per_item: Events per item.
        cold: What an 80/20 cut in time leaves unseen; none if it cannot be made.
        leak: What leave-last-out leaks; none if no user has three events, or the log
            does not count in seconds.
        restart: Whether positions count the events of each user, not of the log.
        by_day: Whether every event is dated at midnight.
        outliers: Events whose clock is far from the rest; none if there are none.
        markers: Ids that read like missing values.
        ruined: Ids that read like numbers which a spreadsheet has rounded.
        hidden: Ids with characters inside that show nothing.
        respelt: Ids that read the same as another, but are other code points.
        dropped: Rows left out in reading because an id was missing.
        features: How many ids of each side that has features have some.
        columns: What the columns of features and of context hold.
    """

    rows: int
    users: int
    items: int
    clock: Clock
    start: int
    end: int
    impressions: int
    duplicates: int
    tied: float
    repeats: float
    per_user: Activity
    per_item: Activity
    cold: Cold | None
    leak: Leak | None
    restart: bool
    by_day: bool
    outliers: Outliers | None
    markers: tuple[OddIds, ...]
    ruined: tuple[OddIds, ...]
    hidden: tuple[OddIds, ...]
    respelt: tuple[OddIds, ...]
    dropped: int
    features: tuple[Coverage, ...]
    columns: tuple[ColumnKind, ...]

    @property
    def first(self) -> np.datetime64 | None:
        """When the first event happens, in UTC; none if the log has no seconds."""
        return np.datetime64(self.start, "s") if self.clock == "seconds" else None

    @property
    def last(self) -> np.datetime64 | None:
        """When the last event happens, in UTC; none if the log has no seconds."""
        return np.datetime64(self.end, "s") if self.clock == "seconds" else None

    def text(self) -> str:
        """Return the report in plain words, a line for each fact."""
        labels = "all are actions"
        if self.impressions:
            actions = self.rows - self.impressions
            labels = (
                f"{self.impressions:,} of {self.rows:,} are impressions only, "
                f"{actions:,} {'is an action' if actions == 1 else 'are actions'}"
            )
        timed, shared = self.clock == "seconds", self.clock != "none"
        shared = shared and not self.restart
        tied = f"in the same second as another event of the user: {self.tied:.1%}"
        lines = [
            f"{self.rows:,} events of {self.users:,} users on {self.items:,} items",
            self._span_text(),
            *([RESTART] if self.restart else []),
            *([_BY_DAY] if self.by_day else []),
            *([self.outliers.text()] if self.outliers else []),
            *(marker.text() for marker in self.markers),
            *(ids.text() for ids in (*self.ruined, *self.hidden, *self.respelt)),
            *([_dropped_text(self.dropped)] if self.dropped else []),
            f"labels: {labels}",
            f"duplicate rows: {self.duplicates:,}, kept",
            *([tied] if timed else []),
            f"repeats of an item by the same user: {self.repeats:.1%}",
            _activity_text("user", self.per_user),
            _activity_text("item", self.per_item),
            *(side.text() for side in self.features),
            *([kinds_text(self.columns)] if self.columns else []),
            *(column.text() for column in self.columns if column.comma),
            *([_cold_text(self.cold)] if shared else []),
            *([_leak_text(self.leak)] if timed else []),
        ]
        return "\n".join(lines)

    def _span_text(self) -> str:
        span = span_text(self.start, self.end, self.clock)
        if self.clock != "seconds":
            return span
        text = f"from {span} UTC, {(self.end - self.start) / DAY:,.1f} days"
        if not 0 <= self.start <= self.end < _PLAUSIBLE:
            return text
        first, last = _OF_EXCEL
        days = first <= self.start and self.end <= last
        return f"{text}\n{_excel_text(self.start) if days else _EARLY}"


@checked(DataError)
def check(log: Interactions) -> Report:
    """Return what a log holds and what would go wrong with it.

    Raises:
        DataError: The log is empty.
    """
    if not len(log):
        raise DataError("the log is empty, so there is nothing to check.")
    events = pl.DataFrame(
        {"user": log.user, "item": log.item, "time": log.time, "label": log.label}
    )
    acted = log.actions()
    tied = events.select("user", "time").is_duplicated()
    return Report(
        rows=len(log),
        users=events["user"].n_unique(),
        items=events["item"].n_unique(),
        clock=log.clock,
        start=int(log.time[0]),
        end=int(log.time[-1]),
        impressions=len(log) - len(acted),
        duplicates=len(log) - events.n_unique(),
        tied=float(tied.to_numpy().mean()),
        repeats=repeated(acted),
        per_user=_activity_of(log.user),
        per_item=_activity_of(log.item),
        cold=_cold_start(log),
        leak=_time_leak(log) if log.clock == "seconds" else None,
        restart=positions_restart(log),
        by_day=is_by_day(log),
        outliers=outliers_in_time(log),
        markers=ids_like_missing_values(log),
        ruined=ids_like_rounded_numbers(log),
        hidden=ids_with_invisible_letters(log),
        respelt=ids_with_unicode_twins(log),
        dropped=log.dropped,
        features=coverage(log),
        columns=kinds(log),
    )


def _activity_of(codes: Int32[np.ndarray, " n"]) -> Activity:
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    low, middle, high = np.quantile(counts, [0.1, 0.5, 0.9]).tolist()
    return Activity(low, middle, high, int(counts.max()))


def _cold_start(log: Interactions) -> Cold | None:
    try:
        train, test = log.split(fractions=(0.8,))
    except DataError:
        return None
    new_user = ~_seen_mask(train.user, len(log.users))[test.user]
    new_item = ~_seen_mask(train.item, len(log.items))[test.item]
    return Cold(
        users=_share_of_ids(test.user, new_user),
        items=_share_of_ids(test.item, new_item),
        events=float((new_user | new_item).mean()),
    )


def _seen_mask(codes: Int32[np.ndarray, " n"], size: int) -> np.ndarray:
    seen = np.zeros(size, bool)
    seen[codes] = True
    return seen


def _share_of_ids(codes: Int32[np.ndarray, " n"], chosen: np.ndarray) -> float:
    return len(np.unique(codes[chosen])) / len(np.unique(codes))


def _time_leak(log: Interactions) -> Leak | None:
    try:
        train, _, test = log.leave_last_out()
    except DataError:
        return None
    last_train = np.full(len(log.users), np.iinfo(np.int64).min)
    # Rows are in time order, so the last write of a user is the latest event.
    last_train[train.user] = train.time
    # A user's own test event never precedes their train, so the first is another's.
    late = last_train[test.user] > test.time[0]
    not_after = np.searchsorted(train.time, test.time, side="right")
    overlap = np.maximum(0, train.time[-1] - test.time)
    return Leak(
        early_tests=float((test.time < train.time[-1]).mean()),
        late_users=float(late.mean()),
        future=float(1 - not_after.mean() / len(train)),
        overlap_days=float(np.median(overlap)) / DAY,
    )


def _excel_text(day: int) -> str:
    date = np.datetime64("1899-12-30") + np.timedelta64(day, "D")
    return (
        f"all times lie within one day of 1970: if they are days as Excel counts them "
        f"({day} is {date}), save the column as dates, or make seconds of them by "
        "(days - 25569) * 86400; if they are positions, read the log with "
        "time_unit='order'"
    )


def _dropped_text(dropped: int) -> str:
    rows = "1 row was" if dropped == 1 else f"{dropped:,} rows were"
    return f"{rows} left out in reading, because an id was missing"


def _activity_text(side: str, activity: Activity) -> str:
    return (
        f"events per {side}: median {activity.middle:,.0f}, a tenth has at most "
        f"{activity.low:,.0f}, a tenth at least {activity.high:,.0f}, the most "
        f"{activity.most:,}"
    )


def _cold_text(cold: Cold | None) -> str:
    if cold is None:
        return "the times do not allow a cut after 80 % of the events"
    return (
        f"after 80 % of the events, {cold.users:.1%} of the users and "
        f"{cold.items:.1%} of the items are new, in {cold.events:.1%} of the events"
    )


def _leak_text(leak: Leak | None) -> str:
    if leak is None:
        return "leave-last-out is not possible: no user has three events"
    return (
        f"leave-last-out would leak: {leak.early_tests:.1%} of its test events happen "
        f"before the end of train, by {leak.overlap_days:,.1f} days in the median; "
        f"{leak.late_users:.1%} of the users have train events later than another's "
        f"test event; on average {leak.future:.1%} of train is later than a test "
        "event. Split by time to avoid it"
    )
