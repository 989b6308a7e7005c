"""What everybody chooses, the recent counting more."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.artifact import State
from tidegraph.compiled import compiled, over_rows
from tidegraph.data.interactions import Interactions
from tidegraph.data.views import Matrix, as_matrix, as_seconds_log
from tidegraph.retrieval.votes import SECONDS_PER_DAY, checked_half_life
from tidegraph.stages import NO_ITEM, Candidates, Requests, check_k


@dataclass(frozen=True)
class Popular:
    """Recommends the items with the most actions, to everybody alike.

    Scores are those of the end of training; later events do not change them.

    Attributes:
        half_life_days: Age, at the end of training, at which an action counts half;
            None where age does not matter.
    """

    half_life_days: float | None = None

    def fit(self, train: Interactions | Matrix) -> "FittedPopular":
        """Add up the weights of each item's actions.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: The half-life is not above 0.
        """
        if self.half_life_days is None:
            matrix = as_matrix(train, "Popular")
            item, weight = matrix.item, matrix.weight.astype(np.float64)
            num_items = len(matrix.items)
        else:
            half_life = checked_half_life(self.half_life_days)
            log = as_seconds_log(train, "Popular with a half-life").actions()
            age = (log.time[-1] - log.time) / (half_life * SECONDS_PER_DAY)
            item, weight = log.item, log.weight * np.exp2(-age)
            num_items = len(log.items)
        total = np.bincount(item, weight, minlength=num_items)
        met = np.bincount(item, minlength=num_items) > 0
        return FittedPopular(_scored(total, met))


@dataclass(frozen=True, eq=False)
class FittedPopular:
    """Answers the same list to everyone, strangers too, less what is excluded.

    Attributes:
        score: What each item scores; ``-inf`` where training never met it.
    """

    score: Float32[np.ndarray, " items"]

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "popular with everyone"

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the same scores for every request."""
        return np.tile(self.score, (len(requests), 1))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the ``k`` most popular items that are not excluded."""
        shape = (len(requests), min(check_k(k), len(self.score)))
        item = np.full(shape, NO_ITEM, np.int32)
        score = np.full(shape, -np.inf, np.float32)
        order = np.argsort(-self.score, kind="stable")
        order = order[self.score[order] > -np.inf]
        hidden = requests.excluded
        over_rows(
            lambda a, b: _first_visible(
                order, self.score, hidden.ptr, hidden.item, item, score, a, b
            ),
            len(requests),
        )
        return Candidates.of_channel(item, score, "Popular")

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return -1 for each: no item of the history speaks here."""
        return np.full(item.shape, NO_ITEM, np.int32)

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(kind="FittedPopular", arrays={"score": self.score})

    @classmethod
    def from_state(cls, state: State) -> "FittedPopular":
        """Rebuild from what ``state`` returned."""
        return cls(state.arrays["score"])


def _scored(
    total: np.ndarray, met: Bool[np.ndarray, " items"]
) -> Float32[np.ndarray, " items"]:
    return np.where(met, total, -np.inf).astype(np.float32)


@compiled
def _first_visible(
    order: np.ndarray,
    popularity: np.ndarray,
    hidden_ptr: np.ndarray,
    hidden_item: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    hidden = np.full(popularity.size, -1, np.int64)
    for request in range(first, last):
        for e in range(hidden_ptr[request], hidden_ptr[request + 1]):
            if 0 <= hidden_item[e] < hidden.size:
                hidden[hidden_item[e]] = request
        found = 0
        for i in order:
            if found == item.shape[1]:
                break
            if hidden[i] != request:
                item[request, found] = i
                score[request, found] = popularity[i]
                found += 1
