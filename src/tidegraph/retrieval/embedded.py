"""What every trained embedding answers with: vectors, and the largest products."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.artifact.sealed import State
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.distinct_numbers import Few
from tidegraph.kernels.jit import compiled
from tidegraph.retrieval.index import FittedIndex, Index
from tidegraph.retrieval.index.items import Held, ItemVectors, Side
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.run import Curve
from tidegraph.stages import NO_ITEM, Candidates, Requests
from tidegraph.stages.evidence import evident_history


@dataclass(frozen=True, eq=False, repr=False)
class FittedEmbedding:
    """Scores an item by the product of its vector and the requester's.

    The vector of a user whom training knew is the one it learnt. Anybody else's is the
    mean of the vectors of the distinct items of their history; without a history of
    known items the answer is empty.

    Attributes:
        name: The method.
        user: Vectors of users.
        item: Vectors of items.
        user_known: Which users training had events of.
        item_known: Which items; others are not answered.
        trained_until: Time of the last training event; None for training without times.
        curve: How training went.
        given: Vectors of items in a history, where those differ from ``item``.
        index: Where the largest products are looked for; exact if left out.
    """

    name: str
    user: Float32[np.ndarray, "users d"]
    item: Float32[np.ndarray, "items d"]
    user_known: Bool[np.ndarray, " users"]
    item_known: Bool[np.ndarray, " items"]
    trained_until: int | None = None
    curve: Curve = field(default_factory=Curve)
    given: Float32[np.ndarray, "items d"] | None = None
    index: FittedIndex | None = None

    def __repr__(self) -> str:
        users, items = int(self.user_known.sum()), int(self.item_known.sum())
        parts = f"{users:,} users", f"{items:,} items", f"{self.item.shape[1]} numbers"
        return describe_retriever(self.name, self.trained_until, *parts)

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "near to {item}"

    def vectors(self, requests: Requests) -> Float32[np.ndarray, "b d"]:
        """Return the vector of each requester; nan for one nothing is known of."""
        out = np.empty((len(requests), self.item.shape[1]), np.float32)
        known = (requests.user >= 0) & (requests.user < len(self.user_known))
        known[known] = self.user_known[requests.user[known]]
        out[known] = self.user[requests.user[known]]
        if not known.all():
            history = evident_history(requests.history.at(np.flatnonzero(~known)))
            out[~known] = self._means_of(history)
        return out

    def _means_of(self, history: Histories) -> Float32[np.ndarray, "b d"]:
        """Return the mean of the distinct known items of each history, or nan."""
        out = np.zeros((len(history), self.item.shape[1]), np.float32)
        few = Few.of(history.node)
        place = few.places(history.node), len(few)
        _write_means(
            history.ptr, history.node, place, self._given, self.item_known, out
        )
        return out

    def held(self, of: Side) -> Held:
        """Return the vectors of items or users, and whose of them are known."""
        if of == "item":
            return self.item, self.item_known
        return self.user, self.user_known

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where training never had it."""
        return self._items.scores(self.vectors(requests))

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the ``k`` items with the highest scores."""
        return self._items.retrieve(self.vectors(requests), requests, k)

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items whose vectors have the highest cosine."""
        return self._items.similar(rows, k)

    def indexed(self, index: Index) -> "FittedEmbedding":
        """Return the same with its items in an index."""
        return replace(self, index=self._items.indexed(index).index)

    @cached_property
    def _items(self) -> ItemVectors:
        return ItemVectors(self.name, self.item, self.item_known, self.index)

    @property
    def _given(self) -> Float32[np.ndarray, "items d"]:
        """The vectors of items in a history."""
        return self.item if self.given is None else self.given

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedEmbedding":
        """Return the same without the vectors of some users."""
        gone = rows[rows < len(self.user)]
        user, known = self.user.copy(), self.user_known.copy()
        user[gone], known[gone] = 0, False
        return replace(self, user=user, user_known=known)

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item with the largest product with each, -1 for none."""
        out = np.full(item.shape, NO_ITEM, np.int32)
        history: Histories = evident_history(requests.history)
        vectors = self._given, self.item
        _explaining_items(
            history.ptr, history.node, *vectors, self.item_known, item, out
        )
        return out

    def state(self) -> State:
        """Return what a file needs to hold.

        Raises:
            ArtifactError: Its index is one that has no state.
        """
        return State(
            kind="FittedEmbedding",
            settings={
                "name": self.name,
                "trained_until": self.trained_until,
                "curve": self.curve.table(),
            },
            arrays={
                "user": self.user,
                "item": self.item,
                "user_known": self.user_known,
                "item_known": self.item_known,
            }
            | ({} if self.given is None else {"given": self.given}),
            parts=self._items.parts(),
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedEmbedding":
        """Rebuild from what ``state`` returned."""
        arrays, kept = state.arrays, state.settings
        return cls(
            cast(str, kept["name"]),
            arrays["user"],
            arrays["item"],
            arrays["user_known"],
            arrays["item_known"],
            cast(int | None, kept["trained_until"]),
            Curve.from_table(kept["curve"]),
            arrays.get("given"),
            state.part("index", FittedIndex) if "index" in state.parts else None,
        )


@compiled
def _write_means(
    ptr: np.ndarray,
    node: np.ndarray,
    place: tuple[np.ndarray, int],
    item: np.ndarray,
    known: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the means; each item has a place of its own, of so many."""
    seen = np.full(place[1], -1, np.int64)
    for row in range(ptr.size - 1):
        count = 0
        for h in range(ptr[row], ptr[row + 1]):
            v = node[h]
            if 0 <= v < known.size and known[v] and seen[place[0][h]] != row:
                seen[place[0][h]] = row
                count += 1
                for d in range(item.shape[1]):
                    out[row, d] += item[v, d]
        for d in range(item.shape[1]):
            out[row, d] = out[row, d] / count if count else np.nan


@compiled
def _explaining_items(
    ptr: np.ndarray,
    node: np.ndarray,
    given: np.ndarray,
    vector: np.ndarray,
    known: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
) -> None:
    for row in range(item.shape[0]):
        for k in range(item.shape[1]):
            i, most = item[row, k], -np.inf
            if i < 0 or i >= known.size:
                continue
            for h in range(ptr[row], ptr[row + 1]):
                v = node[h]
                if v < 0 or v >= known.size or not known[v] or v == i:
                    continue
                product = 0.0
                for d in range(vector.shape[1]):
                    product += given[v, d] * vector[i, d]
                if product > most:
                    most, out[row, k] = product, v
