"""Retrievers that are one sparse item-item matrix: score = history x matrix."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import scipy
from jaxtyping import Float32, Int32, Int64

from tidegraph.artifact.sealed import State
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.sparse_rows import SparseRows, find_entry
from tidegraph.retrieval.scoring.decay import as_key
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.scoring.similar_items import above_zero, but_itself
from tidegraph.retrieval.scoring.weighted_history import (
    WeightedHistory,
    all_scores,
    top_k_of_sums,
)
from tidegraph.stages import NO_ITEM, Candidates, Requests


@dataclass(frozen=True, eq=False, repr=False)
class FittedItemModel:
    """Scores an item by the sum of its weights to the distinct items of the history.

    Items of the history that training never saw count nothing; a request without
    history gets an empty answer.

    Attributes:
        name: The method's name.
        reason: Why it recommends, with ``{item}`` for the item of the history.
        ptr: Where each history item's neighbours start.
        item: The items it votes for, increasing.
        weight: How much.
        half_life_days: Age of an item's last event, since the newest of the history, at
            which its vote counts half; None where age does not matter.
        trained_until: Time of the last training event; None for training without times.
        chosen: What the log has chosen, by setting.
    """

    name: str
    reason: str
    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " entries"]
    weight: Float32[np.ndarray, " entries"]
    half_life_days: float | None = None
    trained_until: int | None = None
    chosen: Mapping[str, object] = field(default_factory=dict[str, object])

    @classmethod
    def of(
        cls,
        name: str,
        reason: str,
        model: "scipy.sparse.csr_array",
        half_life_days: float | None = None,
        trained_until: int | None = None,
        chosen: Mapping[str, object] | None = None,
    ) -> "FittedItemModel":
        """Wrap a matrix whose row h says how much history item h votes for each."""
        model.sort_indices()
        rows = SparseRows.of(model)
        return cls(
            name,
            reason,
            rows.ptr,
            rows.column,
            rows.weight,
            half_life_days,
            trained_until,
            chosen or {},
        )

    def __repr__(self) -> str:
        return describe_retriever(
            self.name,
            self.trained_until,
            f"{self.num_items:,} items",
            f"{len(self.item):,} weights",
            **{**self.chosen, "half_life_days": self.half_life_days},
        )

    @property
    def num_items(self) -> int:
        """How many items training knew."""
        return len(self.ptr) - 1

    def faded(self, half_life_days: float | None) -> "FittedItemModel":
        """Return the same with another half-life."""
        return replace(self, half_life_days=half_life_days)

    @property
    def votes(self) -> SparseRows:
        """The matrix as rows of votes, sharing memory."""
        return SparseRows(self.ptr, self.item, self.weight, self.num_items)

    def csr(self) -> "scipy.sparse.csr_array":
        """Return the item-item matrix, sharing memory."""
        return self.votes.csr()

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where no history item votes."""
        return all_scores(self._voters(requests), self.votes)

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the best ``k`` of the items that some history item votes for."""
        voters = self._voters(requests)
        choice, hidden = requests.choice(self.num_items), requests.hidden
        return top_k_of_sums(voters, self.votes, hidden, k, self.name, choice)

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items that each item has most weight for."""
        voters, itself = WeightedHistory.alone(rows), but_itself(rows)
        return above_zero(top_k_of_sums(voters, self.votes, itself, k, self.name))

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item with the largest vote for each item, -1 for none."""
        out = np.full(item.shape, NO_ITEM, np.int32)
        voters = self._voters(requests)
        over_rows(
            lambda a, b: _explaining_items(
                voters.arrays,
                (self.ptr, self.item, self.weight),
                item,
                out,
                a,
                b,
            ),
            len(requests),
            grain=64,
        )
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedItemModel",
            settings={
                "name": self.name,
                "reason": self.reason,
                "half_life_days": self.half_life_days,
                "trained_until": self.trained_until,
                "chosen": dict(self.chosen),
            },
            arrays={"ptr": self.ptr, "item": self.item, "weight": self.weight},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedItemModel":
        """Rebuild from what ``state`` returned."""
        return cls(
            cast(str, state.settings["name"]),
            cast(str, state.settings["reason"]),
            state.arrays["ptr"],
            state.arrays["item"],
            state.arrays["weight"],
            cast(float | None, state.settings["half_life_days"]),
            cast(int | None, state.settings.get("trained_until")),
            cast(Mapping[str, object], state.settings.get("chosen", {})),
        )

    def _voters(self, requests: Requests) -> WeightedHistory:
        return WeightedHistory.of_history(
            requests.positive.history, self.num_items, self.half_life_days
        )


@compiled
def _explaining_items(
    voters: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    votes: tuple[np.ndarray, np.ndarray, np.ndarray],
    item: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    ptr, row, gain, halvings = voters
    size = votes[0].size - 1
    for request in range(first, last):
        for place in range(item.shape[1]):
            most = 0
            for h in range(ptr[request], ptr[request + 1]):
                v = row[h]
                if v < 0 or v >= size or v == item[request, place]:
                    continue
                at = find_entry(votes[0], votes[1], v, item[request, place])
                if at < 0:
                    continue
                amount = as_key(np.float64(gain[h]) * votes[2][at], halvings[h])
                if amount > most:
                    most = amount
                    out[request, place] = v
