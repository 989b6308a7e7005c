"""What a user comes back to: the baseline where people choose the same again."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.arguments import checked, settings
from tidegraph.artifact.sealed import State
from tidegraph.errors import DataError
from tidegraph.kernels.ragged import starts
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.ranges import span
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.scoring.evidence import evidence, trained_until
from tidegraph.retrieval.scoring.weighted_history import (
    WeightedHistory,
    all_scores,
    summed,
    top_k_of_sums,
)
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    Fold,
    ItemSets,
    Requests,
    Train,
    remembers,
)
from tidegraph.stages.evidence import evident_history


@settings
class Repeat:
    """Recommends the items of the user's own history, often and lately chosen first.

    An item scores the sum over its events of weight x 0.5^(age / half-life), with ages
    since the newest event of the history; events since training count at once. One
    whose sum is 0 or less, say after a return, is not recommended.

    Attributes:
        half_life_days: Age at which an event counts half; None counts events only.

    Source:
        Frequency weighted by recency, as in Anderson et al. (2014), "The dynamics of
        repeat consumption". Departs: decay is exponential, theirs a power law.
    """

    half_life_days: float | None = 30.0

    def __post_init__(self) -> None:
        span("Repeat", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> "FittedRepeat":
        """Learn which items there are; the rest is in each request.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: The half-life is not above 0.
        """
        fold = Fold.of(train, "Repeat")
        half_life = check_half_life(self.half_life_days, fold, "Repeat")
        matrix = evidence(fold, "Repeat")
        seen = np.bincount(matrix.item, minlength=len(matrix.items)) > 0
        return FittedRepeat(seen, half_life, trained_until(fold))


@dataclass(frozen=True, eq=False, repr=False)
class FittedRepeat:
    """Answers from the history alone; without one the answer is empty.

    Attributes:
        seen: Which items training saw; others are not answered.
        half_life_days: Age at which an event counts half; None counts events only.
        trained_until: Time of the last training event; None for training without times.
    """

    seen: Bool[np.ndarray, " items"]
    half_life_days: float | None
    trained_until: int | None = None

    def __repr__(self) -> str:
        return describe_retriever(
            "Repeat",
            self.trained_until,
            f"{len(self.seen):,} items",
            half_life_days=self.half_life_days,
        )

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "you chose {item} before"

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where it is not in the history."""
        return all_scores(*self._voters_and_votes(requests))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the ``k`` items of the history with the highest scores."""
        voters, votes = self._voters_and_votes(requests)
        choice = requests.choice(votes.width)
        hidden = requests.hidden
        return top_k_of_sums(voters, votes, hidden, k, "Repeat", choice)

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the item itself where it is in the history, else -1."""
        voters = self._voters(requests)
        own = ItemSets(voters.ptr, voters.row).holds(item)
        return np.where(own, item, np.int32(NO_ITEM))

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedRepeat",
            settings={
                "half_life_days": self.half_life_days,
                "trained_until": self.trained_until,
            },
            arrays={"seen": self.seen},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedRepeat":
        """Rebuild from what ``state`` returned."""
        half_life = cast(float | None, state.settings["half_life_days"])
        until = cast(int | None, state.settings.get("trained_until"))
        return cls(state.arrays["seen"], half_life, until)

    def _voters_and_votes(
        self, requests: Requests
    ) -> tuple[WeightedHistory, SparseRows]:
        """Return who votes, and for whom."""
        return self._voters(requests), self._votes

    @cached_property
    def _votes(self) -> SparseRows:
        """A row per item: each that training saw votes for itself."""
        item = np.flatnonzero(self.seen).astype(np.int32)
        ones = np.ones(len(item), np.float32)
        return SparseRows(starts(self.seen), item, ones, len(self.seen))

    def _voters(self, requests: Requests) -> WeightedHistory:
        """Return the distinct items of each history, weighing as their events do."""
        history = evident_history(requests.history)
        total = summed(history, len(self.seen), self.half_life_days)
        return total.of(total.gain > 0)
