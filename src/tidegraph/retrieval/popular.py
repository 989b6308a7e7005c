"""What everybody chooses, the recent counting more."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.arguments import checked, settings
from tidegraph.artifact.sealed import State
from tidegraph.data.interactions import Interactions
from tidegraph.errors import DataError
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.jit import compiled, sealed
from tidegraph.ranges import span
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    FromLog,
    chosen_settings,
    settle_on_log,
)
from tidegraph.retrieval.scoring.decay import (
    add_halved,
    check_half_life,
    halvings,
    sort_keys,
)
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.scoring.evidence import evident_log, trained_until
from tidegraph.retrieval.scoring.top_k import first_visible
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    Fold,
    Requests,
    Train,
    check_k,
    remembers,
)

QUESTIONS = ([{"half_life_days": days} for days in (None, 365.0, 90.0, 30.0, 7.0)],)
"""What is chosen on a log; see ``from_log``."""
MOMENTS = 10
"""One list for everybody is tried anew at so many moments."""


@settings
class Popular:
    """Recommends the items with the most actions, to everybody alike.

    Scores are those of the end of training; later events do not change them.

    Attributes:
        half_life_days: Age, at the end of training, at which an action counts half;
            None where age does not matter; chosen on the log if left out.
    """

    half_life_days: float | FromLog | None = FROM_LOG

    def __post_init__(self) -> None:
        span("Popular", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> "FittedPopular":
        """Add up the weights of each item's actions.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: The half-life is not above 0.
        """
        fold = Fold.of(train, "Popular")
        method = settle_on_log(self, QUESTIONS, fold, moments=MOMENTS)
        half_life = check_half_life(method.half_life_days, fold, "Popular")
        log = evident_log(fold, "Popular")
        (found,) = popularity_at(log, [len(log)], half_life)
        return FittedPopular(*found, trained_until(fold), chosen_settings(self, method))

    def fit_in_turn(self, folds: Sequence[Fold]) -> "Sequence[FittedPopular]":
        """Fit on folds each of which goes on where the one before ends.

        Each event is summed once, whatever the number of folds, with ages since the
        newest of all: that changes all scores by one factor.
        """
        half_life = check_half_life(self.half_life_days, folds[-1], "Popular")
        if bool((folds[-1].events.weight <= 0).any()):
            # What is evidence in one fold may be none in the next.
            return [self.fit(fold) for fold in folds]
        logs = [evident_log(fold, "Popular") for fold in folds]
        return [
            FittedPopular(*found, int(log.time[-1]))
            for log, found in zip(
                logs,
                popularity_at(logs[-1], list(map(len, logs)), half_life),
                strict=True,
            )
        ]


class Popularity(NamedTuple):
    """Items by their worth.

    Attributes:
        score: The worth of each item; ``-inf`` where that is 0 or less.
        order: The items that have a score, best first, of equals the first.
    """

    score: Float32[np.ndarray, " items"]
    order: Int32[np.ndarray, " scored"]

    @classmethod
    def of_sums(cls, total: Float64[np.ndarray, " items"]) -> "Popularity":
        """Return the items by sums of weights."""
        return cls.of_scores(np.where(total > 0, total, -np.inf).astype(np.float32))

    @classmethod
    def of_scores(cls, score: Float32[np.ndarray, " items"]) -> "Popularity":
        """Return the items by their scores."""
        order = np.argsort(-score, kind="stable")
        return cls(score, order[score[order] > -np.inf].astype(np.int32))

    @classmethod
    def of_decayed_sums(
        cls, total: Float64[np.ndarray, " items"], block: Int64[np.ndarray, " items"]
    ) -> "Popularity":
        """Return the items by sums, each of which is to be halved ``block`` times."""
        key, score = sort_keys(total.astype(np.float32), block)
        score[key <= 0] = -np.inf
        scored = np.flatnonzero(key > 0)
        order = scored[np.argsort(-key[scored], kind="stable")]
        return cls(score, order.astype(np.int32))


def popularity_at(
    log: Interactions, stops: Sequence[int], half_life_days: float | None
) -> Iterator[Popularity]:
    """Yield the popularity after so many of a log's events, each summed once.

    Args:
        log: Actions that are evidence, the oldest first.
        stops: How many of them are known; increasing.
        half_life_days: Age, at the last event of all that are summed, at which an event
            counts half; None where age does not matter. Another moment to count ages
            from changes all by one factor, and so no order but of what rounding makes
            equal.
    """
    total, block = np.zeros(len(log.items)), np.zeros(len(log.items), np.int64)
    worth, count = log.weight, None
    if half_life_days is not None:
        span = np.array([0, stops[-1]], np.int64)
        known = log.item[: stops[-1]], log.time[: stops[-1]], log.weight[: stops[-1]]
        share, count = halvings(Histories(span, *known), half_life_days)
        worth = known[2] * share
    start = 0
    for stop in stops:
        item = log.item[start:stop]
        if count is None:
            total += np.bincount(item, worth[start:stop], minlength=len(total))
            yield Popularity.of_sums(total)
        else:
            part = sealed(item, worth[start:stop], count[start:stop])
            _add_events(part[0], part[1], part[2], total, block)
            yield Popularity.of_decayed_sums(total, block)
        start = stop


@compiled
def _add_events(
    item: np.ndarray,
    worth: np.ndarray,
    count: np.ndarray,
    total: np.ndarray,
    block: np.ndarray,
) -> None:
    # The newest first, so that what is older is scaled down to it.
    for e in range(item.size - 1, -1, -1):
        add_halved(total, block, item[e], worth[e], count[e])


@dataclass(frozen=True, eq=False, repr=False)
class FittedPopular:
    """Answers the same list to everyone, unknown users too, less what is excluded.

    Attributes:
        score: What each item scores; ``-inf`` where training never saw it.
        order: The items that have a score, best first; it tells scores apart that are
            too small for a float.
        trained_until: Time of the last training event; None for training without times.
        chosen: What the log has chosen, by setting.
    """

    score: Float32[np.ndarray, " items"]
    order: Int32[np.ndarray, " scored"]
    trained_until: int | None = None
    chosen: Mapping[str, object] = field(default_factory=dict[str, object])

    def __repr__(self) -> str:
        items = f"{len(self.order):,} items"
        return describe_retriever("Popular", self.trained_until, items, **self.chosen)

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "popular with everyone"

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the same scores for every request."""
        return np.tile(self.score, (len(requests), 1))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the ``k`` most popular items that are not excluded."""
        width = min(check_k(k), len(self.score))
        choice = requests.choice(len(self.score))
        if choice is None:
            return first_visible(
                self.order,
                self._place,
                self.score,
                requests.hidden,
                width,
                "Popular",
            )
        few = choice.item
        order = np.argsort(self._place[few], kind="stable").astype(np.int32)
        order = order[self._place[few[order]] < len(self.order)]
        found = first_visible(
            order,
            _places(order, len(few)),
            self.score[few],
            choice.excluded,
            min(width, len(few)),
            "Popular",
        )
        return replace(found, item=choice.at(found.item))

    @cached_property
    def _place(self) -> Int32[np.ndarray, " items"]:
        """The place of each item in ``order``; behind it where it has no score."""
        return _places(self.order, len(self.score))

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return -1 for each: no item of the history votes here."""
        return np.full(item.shape, NO_ITEM, np.int32)

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedPopular",
            settings={"trained_until": self.trained_until, "chosen": dict(self.chosen)},
            arrays={"score": self.score, "order": self.order},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedPopular":
        """Rebuild from what ``state`` returned."""
        score = state.arrays["score"]
        order = state.arrays.get("order")
        return cls(
            score,
            Popularity.of_scores(score).order if order is None else order,
            cast(int | None, state.settings.get("trained_until")),
            cast(Mapping[str, object], state.settings.get("chosen", {})),
        )


def _places(
    order: Int32[np.ndarray, " scored"], items: int
) -> Int32[np.ndarray, " items"]:
    place = np.full(items, len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place
