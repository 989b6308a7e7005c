"""The inputs that every ranker shares: what was known of user and item at the time.

Popularity, recency, habit, category and co-occurrence, each read strictly before the
time of the request. A ranker that lacks them loses to a logistic regression that has
them, so they are one layer below all rankers and the same for each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.config import did_you_mean
from tidegraph.data.ids.lookup import Lookup
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import ConfigError, DataError
from tidegraph.features.counting import NAMES, fill
from tidegraph.graph.from_log import ACTION
from tidegraph.kernels.jit import over_rows
from tidegraph.ranges import at_least
from tidegraph.stages import NO_ITEM, Candidates, Examples, Requests

GROUPS: Mapping[str, tuple[str, ...]] = {
    "item": ("item_count", "item_gap", "item_unseen", "item_recent_count"),
    "repeats": ("item_repeats",),
    "user": ("user_count", "user_gap", "user_unseen", "user_recent_count"),
    "pair": (
        "pair_count",
        "pair_gap",
        "pair_unseen",
        "pair_share",
        "pair_overdue",
        "pair_regular",
        "pair_lately",
        "pair_this_season",
    ),
    "category": ("category_share", "category_gap"),
    "co_occurrence": ("co_occurrence",),
    "votes": (),
}
"""The columns of each group; ``votes`` has two per retrieval channel.

Gaps are log(1 + days), counts log(1 + n).
"""
ALL = tuple(GROUPS)

LAST_RANK = 1000.0
"""The rank ascribed to an item that a channel did not propose."""


@settings
class FeatureSet:
    """What a ranker is to know.

    Attributes:
        groups: Groups of inputs, of ``GROUPS``; one left out is off.
        category: Item feature column that groups items, if any.
        history: How many of the latest events are looked at one by one.
    """

    groups: tuple[str, ...] = ALL
    category: str | None = None
    history: int = 30

    def __post_init__(self) -> None:
        check_groups(self.groups)
        at_least("features", 1, history=self.history)


def check_groups(groups: Iterable[str]) -> None:
    """Refuse a group that does not exist.

    Raises:
        ConfigError: There is one; the sentence names the one that was probably meant.
    """
    for name in groups:
        if name not in GROUPS:
            raise ConfigError(
                f"there is no group of features {name!r}.{did_you_mean(name, ALL)} "
                f"There are: {', '.join(ALL)}."
            )


@dataclass(frozen=True, eq=False)
class Features:
    """Standardised inputs of a ranker, with two more columns per retrieval channel.

    Attributes:
        groups: Groups of inputs that are on.
        channels: Channels whose votes are inputs, fixed when fitted.
        category: Category of each item, -1 where it has none.
        mean: Mean of each column over the training examples.
        scale: Its standard deviation, 1 where it is constant.
    """

    groups: tuple[str, ...]
    channels: tuple[str, ...]
    category: Int32[np.ndarray, " items"]
    mean: Float32[np.ndarray, " f"]
    scale: Float32[np.ndarray, " f"]

    @classmethod
    def fit(
        cls,
        examples: Examples,
        category: str | None = None,
        groups: tuple[str, ...] = ALL,
    ) -> "Features":
        """Learn means and deviations from training examples.

        Args:
            examples: Past requests and their candidates.
            category: Item feature column that groups items, if any.
            groups: Groups of inputs that are on.

        Raises:
            DataError: The log has no such column, or there is no candidate at all.
        """
        codes = category_codes(examples.requests.graph.items, category)
        channels = examples.candidates.channels if "votes" in groups else ()
        raw = _raw(examples.requests, examples.candidates, channels, codes, groups)
        there = raw[examples.candidates.present]
        if not len(there):
            raise DataError("no past request has a candidate, so there is no example.")
        scale = there.std(axis=0, dtype=np.float64)
        scale[scale < 1e-6] = 1.0
        mean = there.mean(axis=0, dtype=np.float64)
        return cls(
            groups,
            channels,
            codes,
            mean.astype(np.float32),
            scale.astype(np.float32),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each column."""
        votes = [f"{c} {what}" for c in self.channels for what in ("voted", "rank")]
        return (*_names(self.groups), *votes)

    def of(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k f"]:
        """Return the standardised inputs of each candidate; 0 where no item."""
        raw = _raw(requests, candidates, self.channels, self.category, self.groups)
        raw -= self.mean
        raw /= self.scale
        raw[~candidates.present] = 0
        return raw

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="Features",
            settings={
                "groups": list(self.groups),
                "channels": list(self.channels),
            },
            arrays={
                "category": self.category,
                "mean": self.mean,
                "scale": self.scale,
            },
        )

    @classmethod
    def from_state(cls, state: State) -> "Features":
        """Rebuild from what ``state`` returned."""
        return cls(
            tuple(cast(list[str], state.settings["groups"])),
            tuple(cast(list[str], state.settings["channels"])),
            state.arrays["category"],
            state.arrays["mean"],
            state.arrays["scale"],
        )


def category_codes(
    items: Vocabulary, column: str | None
) -> Int32[np.ndarray, " items"]:
    """Return a number per category of each item, -1 where it has none.

    Raises:
        DataError: The items have no such feature.
    """
    if column is None:
        return np.full(len(items), -1, np.int32)
    if column not in items.features.columns:
        raise DataError(
            f"category={column!r} is not an item feature. "
            f"There are: {', '.join(items.features.columns) or 'none'}."
        )
    values = items.features[column]
    kinds = values.drop_nulls().unique(maintain_order=True)
    return Lookup(kinds).rows(values).copy()


def _names(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of some groups, in the order of ``NAMES``."""
    on = {name for group in groups for name in GROUPS[group]}
    return tuple(name for name in NAMES if name in on)


def _raw(
    requests: Requests,
    candidates: Candidates,
    channels: tuple[str, ...],
    category: Int32[np.ndarray, " items"],
    groups: tuple[str, ...] = ALL,
) -> Float32[np.ndarray, "b k f"]:
    """Return the inputs before they are standardised."""
    counted = np.zeros((*candidates.item.shape, len(NAMES)), np.float32)
    items = requests.graph[f"~{ACTION}"]
    history = requests.history
    # Like the times of the graph: seconds since its base.
    times, clocks = history.time - items.base, requests.time - items.base
    read = _Read.of(requests, candidates, category)
    over_rows(
        lambda a, b: fill(
            (history.ptr, read.history, times),
            (read.start, read.stop, items.node, items.time),
            requests.user,
            clocks,
            read.candidates,
            read.category,
            "co_occurrence" in groups,
            "repeats" in groups,
            counted,
            a,
            b,
        ),
        len(requests),
        grain=64,
    )
    names = _names(groups)
    if names != NAMES:
        counted = counted[:, :, [NAMES.index(name) for name in names]]
    if not channels:
        return np.ascontiguousarray(counted)
    return np.concatenate([counted, _voted(candidates, channels)], axis=2)


class _Read(NamedTuple):
    """The items that are read, numbered anew where they are few beside all.

    So a request costs what it reads, not what the catalogue holds.
    """

    history: Int32[np.ndarray, " events"]
    candidates: Int32[np.ndarray, "b k"]
    start: Int64[np.ndarray, " read"]
    stop: Int64[np.ndarray, " read"]
    category: Int32[np.ndarray, " kinds"]

    @classmethod
    def of(
        cls,
        requests: Requests,
        candidates: Candidates,
        category: Int32[np.ndarray, " items"],
    ) -> "_Read":
        history, item = requests.history.node, candidates.item
        items = requests.graph[f"~{ACTION}"]
        if len(history) + item.size >= len(items):
            return cls(history, item, items.start, items.stop, category)
        present = candidates.present
        read = np.concatenate([history, item[present]])
        nodes, place = np.unique(read, return_inverse=True)
        place = place.astype(np.int32)
        among = np.full(item.shape, NO_ITEM, np.int32)
        among[present] = place[len(history) :]
        kind = np.full(len(nodes), -1, np.int32)
        known = nodes < len(category)
        kind[known] = category[nodes[known]]
        return cls(place[: len(history)], among, *items.span(nodes), kind)


def _voted(
    candidates: Candidates, channels: tuple[str, ...]
) -> Float32[np.ndarray, "b k v"]:
    """Return per channel whether it proposed a candidate, and the log of its vote."""
    out = np.zeros((*candidates.item.shape, 2 * len(channels)), np.float32)
    for c, name in enumerate(channels):
        if name in candidates.channels and candidates.votes.size:
            vote = candidates.votes[:, :, candidates.channels.index(name)]
        else:
            vote = np.zeros(candidates.item.shape, np.float32)
        out[:, :, 2 * c] = vote > 0
        out[:, :, 2 * c + 1] = np.log(np.maximum(vote, 1 / LAST_RANK))
    return out
