"""What everybody chooses, the recent counting more."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.arguments import checked, settings
from tidegraph.artifact.sealed import State
from tidegraph.data.interactions import Interactions
from tidegraph.errors import DataError
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.ranges import span
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    FromLog,
    chosen_settings,
    settle_on_log,
)
from tidegraph.retrieval.scoring.decay import check_half_life, sort_keys
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.scoring.evidence import evident_log, trained_until
from tidegraph.retrieval.scoring.weighted_history import summed
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    Fold,
    ItemSets,
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
        if half_life is None:
            total = np.bincount(log.item, log.weight, minlength=len(log.items))
            score = np.where(total > 0, total, -np.inf).astype(np.float32)
            order = _order_by_score(score)
        else:
            score, order = _recent_popularity(log, half_life)
        return FittedPopular(
            score, order, trained_until(fold), chosen_settings(self, method)
        )


def _order_by_score(
    score: Float32[np.ndarray, " items"],
) -> Int32[np.ndarray, " scored"]:
    order = np.argsort(-score, kind="stable")
    return order[score[order] > -np.inf].astype(np.int32)


def _recent_popularity(
    log: Interactions, half_life_days: float
) -> tuple[Float32[np.ndarray, " items"], Int32[np.ndarray, " scored"]]:
    """Return each item's score and the items in order, all events one history."""
    span = np.array([0, len(log)], np.int64)
    whole = Histories(span, log.item, log.time, log.weight)
    total = summed(whole, len(log.items), half_life_days)
    key, score = sort_keys(*total.arrays[2:])
    scored = key > 0
    everywhere = np.full(len(log.items), -np.inf, np.float32)
    everywhere[total.row[scored]] = score[scored]
    order = total.row[scored][np.lexsort((total.row[scored], -key[scored]))]
    return everywhere, order


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
            return _top_visible(
                self.order, self._place, self.score, requests.hidden, width
            )
        few = choice.item
        order = np.argsort(self._place[few], kind="stable").astype(np.int32)
        order = order[self._place[few[order]] < len(self.order)]
        found = _top_visible(
            order,
            _places(order, len(few)),
            self.score[few],
            choice.excluded,
            min(width, len(few)),
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
            _order_by_score(score) if order is None else order,
            cast(int | None, state.settings.get("trained_until")),
            cast(Mapping[str, object], state.settings.get("chosen", {})),
        )


def _places(
    order: Int32[np.ndarray, " scored"], items: int
) -> Int32[np.ndarray, " items"]:
    place = np.full(items, len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place


def _top_visible(
    order: Int32[np.ndarray, " scored"],
    place: Int32[np.ndarray, " items"],
    popularity: Float32[np.ndarray, " items"],
    hidden: ItemSets,
    width: int,
) -> Candidates:
    """Return the first items of an order that a request does not hide."""
    item = np.full((len(hidden), width), NO_ITEM, np.int32)
    score = np.full(item.shape, -np.inf, np.float32)
    over_rows(
        lambda a, b: _first_visible(
            order, place, popularity, hidden.ptr, hidden.item, item, score, a, b
        ),
        len(hidden),
    )
    return Candidates.of_channel(item, score, "Popular")


@compiled
def _first_visible(
    order: np.ndarray,
    place: np.ndarray,
    popularity: np.ndarray,
    hidden_ptr: np.ndarray,
    hidden_item: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    width, longest = item.shape[1], 0
    for request in range(first, last):
        longest = max(longest, hidden_ptr[request + 1] - hidden_ptr[request])
    # By place, the request that hides it: no more places than these are looked at.
    hidden_by = np.full(width + longest, -1, np.int64)
    for request in range(first, last):
        start, stop = hidden_ptr[request], hidden_ptr[request + 1]
        reach = min(width + stop - start, order.size)
        for e in range(start, stop):
            i = hidden_item[e]
            # Later items than training's have no place.
            if 0 <= i < place.size and place[i] < reach:
                hidden_by[place[i]] = request
        found = 0
        for at in range(reach):
            if found == width:
                break
            if hidden_by[at] != request:
                item[request, found] = order[at]
                score[request, found] = popularity[order[at]]
                found += 1
