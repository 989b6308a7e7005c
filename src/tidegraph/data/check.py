"""What a log holds, in numbers and plain words, before anything learns from it."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.interactions import Interactions
from tidegraph.data.split import DAY
from tidegraph.errors import DataError


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
        first: When the first event happens, in UTC.
        last: When the last event happens, in UTC.
        impressions: Number of events with label 0.
        duplicates: Rows that repeat an earlier one in user, item, second and label.
        tied: Share of events in the same second as another event of their user.
        repeats: Share of actions on an item that the user has acted on before.
        per_user: Events per user.
        per_item: Events per item.
        cold: What an 80/20 cut in time leaves unseen; none if it cannot be made.
        leak: What leave-last-out leaks; none if no user has three events.
    """

    rows: int
    users: int
    items: int
    first: np.datetime64
    last: np.datetime64
    impressions: int
    duplicates: int
    tied: float
    repeats: float
    per_user: Activity
    per_item: Activity
    cold: Cold | None
    leak: Leak | None

    def text(self) -> str:
        """Return the report in plain words, a line for each fact."""
        days = (self.last - self.first) / np.timedelta64(1, "D")
        labels = "all are actions"
        if self.impressions:
            labels = f"{self.impressions / self.rows:.1%} are impressions only"
        return "\n".join(
            [
                f"{self.rows:,} events of {self.users:,} users on {self.items:,} items",
                f"from {self.first} to {self.last} UTC, {days:,.1f} days",
                f"labels: {labels}",
                f"duplicate rows: {self.duplicates:,}, kept",
                f"in the same second as another event of the user: {self.tied:.1%}",
                f"repeats of an item by the same user: {self.repeats:.1%}",
                _activity_text("user", self.per_user),
                _activity_text("item", self.per_item),
                _cold_text(self.cold),
                _leak_text(self.leak),
            ]
        )


def check(log: Interactions) -> Report:
    """Return what a log holds and what would go wrong with it.

    Raises:
        DataError: The log is empty.
    """
    if not len(log):
        raise DataError("the log is empty, so there is nothing to check.")
    first, last = log.time[[0, -1]].astype("datetime64[s]")
    events = pl.DataFrame(
        {"user": log.user, "item": log.item, "time": log.time, "label": log.label}
    )
    acted = events.filter(pl.col("label") == 1)
    again = len(acted) - acted.select("user", "item").n_unique()
    tied = events.select("user", "time").is_duplicated()
    return Report(
        rows=len(log),
        users=events["user"].n_unique(),
        items=events["item"].n_unique(),
        first=first,
        last=last,
        impressions=len(log) - len(acted),
        duplicates=len(log) - events.n_unique(),
        tied=float(tied.to_numpy().mean()),
        repeats=again / max(1, len(acted)),
        per_user=_activity(log.user),
        per_item=_activity(log.item),
        cold=_cold(log),
        leak=_leak(log),
    )


def _activity(codes: Int32[np.ndarray, " n"]) -> Activity:
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    low, middle, high = np.quantile(counts, [0.1, 0.5, 0.9]).tolist()
    return Activity(low, middle, high, int(counts.max()))


def _cold(log: Interactions) -> Cold | None:
    try:
        train, test = log.split(fractions=(0.8,))
    except DataError:
        return None
    new_user = ~_seen(train.user, len(log.users))[test.user]
    new_item = ~_seen(train.item, len(log.items))[test.item]
    return Cold(
        users=_share_of_ids(test.user, new_user),
        items=_share_of_ids(test.item, new_item),
        events=float((new_user | new_item).mean()),
    )


def _seen(codes: Int32[np.ndarray, " n"], size: int) -> np.ndarray:
    seen = np.zeros(size, bool)
    seen[codes] = True
    return seen


def _share_of_ids(codes: Int32[np.ndarray, " n"], chosen: np.ndarray) -> float:
    return len(np.unique(codes[chosen])) / len(np.unique(codes))


def _leak(log: Interactions) -> Leak | None:
    try:
        train, _, test = log.leave_last_out()
    except DataError:
        return None
    last_train = np.full(len(log.users), -1, np.int64)
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
