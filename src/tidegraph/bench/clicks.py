"""Clicks: a log as what click models learn from, stop by and are judged on.

A request is made for each positive event, at its time, of what was known strictly
before it. The first candidate is the item; the others are negatives: items alive at the
time and outside the user's past, or, where a log says what was shown in vain, that.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.arguments import checked, settings
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import refuse_without_past
from tidegraph.durations import DAY
from tidegraph.errors import ConfigError, DataError
from tidegraph.fitting.examples import examples, items_acted_on_within
from tidegraph.fitting.shown import from_log
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.snapshot import Snapshot
from tidegraph.ranges import at_least, from_0_to_1
from tidegraph.stages import NO_ITEM, Candidates, Examples, Fold, Requests

PARTS = ("train", "valid", "test")
HARDLY = 0.1
"""So few negatives for a positive leave hardly anything to tell positives from."""
REPEATS = "of items that the user had chosen before"


@settings
class ClickProtocol:
    """How the requests of a log are split in time, and what positives are told from.

    A request is made for each positive; where a log says what was shown, for all that
    a user was shown at one moment.

    Attributes:
        valid: Share of the requests, by time, before which a model learns.
        test: Share of the requests, by time, from which on it is judged.
        negatives: How many are drawn for each positive to learn from and to stop by;
            one in the test, of which probabilities then have the odds.
        power: Negatives are drawn in proportion to (actions before) to this power.
        warm: Leave out the events of users who had none before?
        repeat: Is an item that the user had before a positive, and a negative, too?
        most: Most requests of each part, drawn at random.
        propensity: Column of the log's context: how probable it was that each row would
            be shown. Models learn by one over it, and are judged by each row once.
    """

    valid: float = 0.75
    test: float = 0.85
    negatives: int = 4
    power: float = 0.0
    warm: bool = True
    repeat: bool = False
    most: int = 200_000
    propensity: str | None = None

    def __post_init__(self) -> None:
        at_least("a protocol of clicks", 1, negatives=self.negatives, most=self.most)
        from_0_to_1("a protocol of clicks", power=self.power)
        if not 0 < self.valid < self.test < 1:
            raise ConfigError(
                f"a protocol of clicks has valid={self.valid} and test={self.test}; "
                "both must be between 0 and 1, and test the larger."
            )


PROTOCOLS: Mapping[str, ClickProtocol] = {
    "time": ClickProtocol(),
    # 85 % by time, of which the last tenth is for validation.
    "literature": ClickProtocol(valid=0.765, negatives=1, power=1.0, warm=False),
}
"""``time`` is ours; ``literature`` is that of DSGL and the papers it is compared with.

Departs: in ``literature`` too negatives are alive at their time and counted by what
came before it, and positives that nobody had chosen yet are left out.
"""


@dataclass(frozen=True, eq=False)
class ClickParts:
    """What models learn from, stop by, and are judged on; each later than the last.

    Attributes:
        train: Requests to learn from.
        valid: Requests to stop and to choose settings by.
        test: Requests to be judged on.
        odds: How many times higher the odds of a positive are in the test than in what
            models learn from.
        left_out: How many positives are in no part, by why.
    """

    train: Examples
    valid: Examples
    test: Examples
    odds: float
    left_out: Mapping[str, int]

    @property
    def cuts(self) -> tuple[int, int]:
        """When validation and test begin."""
        begin = [int(part.requests.time.min()) for part in (self.valid, self.test)]
        return begin[0], begin[1]

    @property
    def mostly_repeats(self) -> bool:
        """Were most positives left out for being items that the user had before?"""
        kept = sum(len(part.requests) for part in (self.train, self.valid, self.test))
        return self.left_out.get(REPEATS, 0) > kept

    @property
    def doubt(self) -> str:
        """In words, that a part has hardly any negative; blank if each has enough."""
        for name, part in zip(PARTS, (self.train, self.valid, self.test), strict=True):
            right = int(part.label.sum())
            wrong = int(part.candidates.present.sum()) - right
            if wrong < HARDLY * right:
                return (
                    f"The {name} part has {wrong:,} rows with label 0 beside {right:,} "
                    "with label 1, so little was told apart. If the log does not say "
                    "what was shown in vain, take its rows with label 0 out; negatives "
                    "are drawn then."
                )
        return ""

    def __str__(self) -> str:
        sizes = ", ".join(
            f"{name} {len(part.requests):,}"
            for name, part in zip(
                PARTS, (self.train, self.valid, self.test), strict=True
            )
        )
        left = [f"{count:,} {why}" for why, count in self.left_out.items() if count]
        return f"requests: {sizes}" + (f"; left out: {', '.join(left)}" if left else "")


@checked(ConfigError)
def click_parts(
    log: Interactions, protocol: ClickProtocol, *, rng: np.random.Generator
) -> ClickParts:
    """Return the parts of a log.

    Args:
        log: Positives, and rows with label 0 where the log says what was shown.
        protocol: How it is split, and what positives are told from.
        rng: Draws negatives, and requests where there are too many.

    Raises:
        DataError: The log has no times, too few events, or propensities that are none.
    """
    refuse_without_past(log.clock)
    graph = Snapshot.of(Fold.of(log, "a comparison of rankers").events)
    if not log.label.all() or protocol.propensity is not None:
        return _parts_with_shown_negatives(log, graph, protocol, rng)
    return _parts_with_drawn_negatives(log, graph, protocol, rng)


def _parts_with_drawn_negatives(
    log: Interactions,
    graph: Snapshot,
    protocol: ClickProtocol,
    rng: np.random.Generator,
) -> ClickParts:
    """Return parts whose negatives are drawn."""
    chosen, left_out = _eligible_events(log, graph, protocol)
    user, item, time = log.user[chosen], log.item[chosen], log.time[chosen]
    made: list[Examples] = []
    for name, rows in zip(PARTS, _rows_of_parts(time, protocol, rng), strict=True):
        requests = Requests.of_users(
            graph, user[rows], time[rows], repeat=protocol.repeat
        )
        positive = Candidates(item[rows][:, None], np.zeros((len(rows), 1), np.float32))
        found = examples(
            requests,
            # Whatever else the user chose at the very moment is no negative.
            items_acted_on_within(requests, 1 / DAY),
            positive,
            negatives=1 if name == "test" else protocol.negatives,
            power=protocol.power,
            rng=rng,
        )
        made.append(replace(found, until=requests.time + 1))
    wrong = [part.candidates.present.sum() / len(part.requests) - 1 for part in made]
    return ClickParts(made[0], made[1], made[2], float(wrong[0] / wrong[2]), left_out)


def _eligible_events(
    log: Interactions, graph: Snapshot, protocol: ClickProtocol
) -> tuple[Int64[np.ndarray, " n"], dict[str, int]]:
    """Return the rows that become requests, and how many do not, by why."""
    time, pair = log.time, log.user.astype(np.int64) * len(log.items) + log.item
    new_item = _first_time(log.item, time) == time
    new_user = (_first_time(log.user, time) == time) & protocol.warm
    first = np.zeros(len(log), np.bool_)
    if protocol.repeat:
        pair = pair + (time - time.min(initial=0)) * (pair.max(initial=0) + 1)
    first[np.unique(pair, return_index=True)[1]] = True
    alive = graph[f"~{ACTION}"].alive.births.before(time)
    alone = alive <= _count_items_taken(log, first, ~new_item, repeat=protocol.repeat)
    left_out: dict[str, int] = {}
    kept = np.ones(len(log), np.bool_)
    for why, gone in (
        ("of a weight of 0 or below, such as returns", log.weight <= 0),
        ("of items that nobody had chosen before", new_item),
        ("at the first moment of their users, a whole first basket", new_user),
        (REPEATS, ~first),
        ("at times when nothing else was alive", alone),
    ):
        left_out[why] = int((kept & gone).sum())
        kept &= ~gone
    return np.flatnonzero(kept), left_out


def _count_items_taken(
    log: Interactions,
    first: Bool[np.ndarray, " n"],
    known: Bool[np.ndarray, " n"],
    *,
    repeat: bool,
) -> Int64[np.ndarray, " n"]:
    """Return how many of the items alive at each event are no negatives of it.

    Those that the user chose at that very moment, and where none is to be repeated,
    those of earlier ones.

    Args:
        log: Events in time order.
        first: Is each the first of its user with its item; of those of its moment, if
            items are repeated?
        known: Had somebody chosen its item before?
        repeat: Are items of earlier moments negatives, too?
    """
    order = np.argsort(log.user, kind="stable")
    user, time = log.user[order], log.time[order]
    same_user = np.diff(user, prepend=-1) == 0
    moment = np.cumsum(~(same_user & (np.diff(time, prepend=0) == 0))) - 1
    count = np.bincount(moment, (first & known)[order]).astype(np.int64)
    if not repeat:
        each = np.bincount(moment, first[order]).astype(np.int64)
        before = np.cumsum(each) - each
        begins = moment[~same_user]
        count += before - np.repeat(before[begins], np.diff(begins, append=len(each)))
    taken = np.empty(len(order), np.int64)
    taken[order] = count[moment]
    return taken


def _parts_with_shown_negatives(
    log: Interactions,
    graph: Snapshot,
    protocol: ClickProtocol,
    rng: np.random.Generator,
) -> ClickParts:
    """Return parts whose negatives were shown in vain."""
    whole = from_log(log, graph, propensity=protocol.propensity)
    requests, label = whole.requests, whole.label
    known = np.diff(requests.history.ptr) > 0
    chosen = np.flatnonzero(known | (not protocol.warm))
    lost = int(label.sum() - label[chosen].sum())
    made: list[Examples] = []
    for name, rows in zip(
        PARTS, _rows_of_parts(requests.time[chosen], protocol, rng), strict=True
    ):
        part = _split_wide_requests(whole, chosen[rows])
        right, shown = int(part.label.sum()), int(part.candidates.present.sum())
        if right in (0, shown):
            raise DataError(
                f"the {name} part has {right:,} rows with label 1 among {shown:,}, so "
                "there is nothing to tell apart. Give a longer log, or take its rows "
                "with label 0 out; negatives are drawn then."
            )
        made.append(part)
    left_out = {"of users without an earlier action": lost}
    return ClickParts(made[0], made[1], made[2], 1.0, left_out)


def _split_wide_requests(shown: Examples, rows: Int64[np.ndarray, " part"]) -> Examples:
    """Return some requests, those of many items as several of the usual number.

    A row of a table has room for the most items that were shown at once.
    """
    item, label = shown.candidates.item[rows], shown.label[rows]
    there = item != NO_ITEM
    width = math.ceil(there.sum() / len(rows))
    row, place = np.nonzero(there)
    part, among = place // width, place % width
    _, of = np.unique(row * item.shape[1] + part, return_inverse=True)
    first = np.flatnonzero(among == 0)
    narrow = np.full((len(first), width), NO_ITEM, np.int32)
    right, weight = np.zeros(narrow.shape, np.float32), None
    narrow[of, among], right[of, among] = item[there], label[there]
    if shown.weight is not None:
        weight = np.ones_like(right)
        weight[of, among] = shown.weight[rows][there]
    owner, requests = rows[row[first]], shown.requests
    score = np.where(narrow == NO_ITEM, -np.inf, 0).astype(np.float32)
    return Examples(
        Requests.of_users(requests.graph, requests.user[owner], requests.time[owner]),
        Candidates(narrow, score),
        right,
        weight,
        until=None if shown.until is None else shown.until[owner],
    )


def _rows_of_parts(
    time: Int64[np.ndarray, " n"], protocol: ClickProtocol, rng: np.random.Generator
) -> list[Int64[np.ndarray, " part"]]:
    """Return the rows of each part; events of one moment go to the later one.

    Raises:
        DataError: A part has none.
    """
    cuts = [
        np.sort(time)[int(share * len(time))] if len(time) else 0
        for share in (protocol.valid, protocol.test)
    ]
    part = np.searchsorted(np.array(cuts), time, side="right")
    rows = [np.flatnonzero(part == number) for number in range(len(PARTS))]
    for name, held in zip(PARTS, rows, strict=True):
        if not len(held):
            raise DataError(
                f"the {name} part has no request: of the log, {len(time):,} events can "
                "be asked about, which are too few or too many at one moment. Give a "
                "longer log."
            )
    return [_sample_rows(held, protocol.most, rng) for held in rows]


def _sample_rows(
    rows: Int64[np.ndarray, " n"], most: int, rng: np.random.Generator
) -> Int64[np.ndarray, " m"]:
    if len(rows) <= most:
        return rows
    return np.sort(rng.choice(rows, most, replace=False))


def _first_time(
    node: Int32[np.ndarray, " n"], time: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Return when the node of each row first came; rows are in time order."""
    _, first, place = np.unique(node, return_index=True, return_inverse=True)
    return time[first][place]
