"""The inputs that every ranker shares: what was known of user and item at the time.

Popularity, recency, habit, category and co-occurrence, each read strictly before the
time of the request. A ranker that lacks them loses to a logistic regression that has
them, so they are one layer below all rankers and the same for each.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.artifact import State
from tidegraph.compiled import over_rows
from tidegraph.data.lookup import Lookup
from tidegraph.data.vocabulary import Vocabulary
from tidegraph.errors import DataError
from tidegraph.features.counting import fill
from tidegraph.graph.snapshot import ACTION
from tidegraph.stages import Candidates, Examples, Requests

NAMES = (
    "item_count",
    "item_gap",
    "item_unmet",
    "item_recent_count",
    "user_count",
    "user_gap",
    "user_unmet",
    "pair_count",
    "pair_gap",
    "pair_unmet",
    "pair_share",
    "pair_overdue",
    "pair_regular",
    "category_share",
    "category_gap",
    "co_occurrence",
    "pair_lately",
    "pair_this_season",
    "user_recent_count",
    "item_repeats",
)
"""One name per column, as ``counting.fill`` writes them; gaps are log(1 + days)."""

LAST_RANK = 1000.0
"""The rank ascribed to an item that a channel did not propose."""


@dataclass(frozen=True, eq=False)
class Features:
    """Standardised inputs of a ranker, with two more columns per retrieval channel.

    Attributes:
        channels: Channels whose votes are inputs, fixed when fitted.
        category: Category of each item, -1 where it has none.
        mean: Mean of each column over the training examples.
        scale: Its standard deviation, 1 where it is constant.
    """

    channels: tuple[str, ...]
    category: Int32[np.ndarray, " items"]
    mean: Float32[np.ndarray, " f"]
    scale: Float32[np.ndarray, " f"]

    @classmethod
    def fit(cls, examples: Examples, category: str | None = None) -> "Features":
        """Learn means and deviations from training examples.

        Args:
            examples: Past requests and their candidates.
            category: Item feature column that groups items, if any.

        Raises:
            DataError: The log has no such column, or there is no candidate at all.
        """
        codes = category_codes(examples.requests.graph.items, category)
        channels = examples.candidates.channels
        raw = _raw(examples.requests, examples.candidates, channels, codes)
        there = raw[examples.candidates.present]
        if not len(there):
            raise DataError("no past request has a candidate, so there is no example.")
        scale = there.std(axis=0, dtype=np.float64)
        scale[scale < 1e-6] = 1.0
        mean = there.mean(axis=0, dtype=np.float64)
        return cls(channels, codes, mean.astype(np.float32), scale.astype(np.float32))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each column."""
        votes = [f"{c} {what}" for c in self.channels for what in ("voted", "rank")]
        return (*NAMES, *votes)

    def of(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k f"]:
        """Return the standardised inputs of each candidate; 0 where no item."""
        raw = _raw(requests, candidates, self.channels, self.category)
        raw -= self.mean
        raw /= self.scale
        raw[~candidates.present] = 0
        return raw

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="Features",
            settings={"channels": list(self.channels)},
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


def _raw(
    requests: Requests,
    candidates: Candidates,
    channels: tuple[str, ...],
    category: Int32[np.ndarray, " items"],
) -> Float32[np.ndarray, "b k f"]:
    shape = (*candidates.item.shape, len(NAMES) + 2 * len(channels))
    out = np.zeros(shape, np.float32)
    users, items = requests.graph[ACTION], requests.graph[f"~{ACTION}"]
    history = requests.history
    # Like the times of the graph: seconds since its base.
    met, clocks = history.time - items.base, requests.time - items.base
    over_rows(
        lambda a, b: fill(
            (history.ptr, history.node, met),
            (users.start, users.stop, users.node, users.time),
            (items.start, items.stop, items.node, items.time),
            requests.user,
            clocks,
            candidates.item,
            category,
            out,
            a,
            b,
        ),
        len(requests),
        grain=64,
    )
    for c, name in enumerate(channels):
        if name in candidates.channels and candidates.votes.size:
            vote = candidates.votes[:, :, candidates.channels.index(name)]
        else:
            vote = np.zeros(candidates.item.shape, np.float32)
        out[:, :, len(NAMES) + 2 * c] = vote > 0
        rank = np.log(np.maximum(vote, 1 / LAST_RANK))
        out[:, :, len(NAMES) + 2 * c + 1] = rank
    return out
