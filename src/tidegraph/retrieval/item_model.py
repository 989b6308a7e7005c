"""Retrievers that are one sparse item-item matrix: score = history x matrix."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Float32, Int32, Int64
from scipy import sparse

from tidegraph.artifact import State
from tidegraph.compiled import compiled, over_rows
from tidegraph.retrieval.topk import drain, push
from tidegraph.stages import NO_ITEM, Candidates, Requests, check_k


@dataclass(frozen=True, eq=False)
class FittedItemModel:
    """Scores an item by the sum of its weights to the distinct items of the history.

    Items of the history that training never met count nothing; a requester without
    history gets an empty answer.

    Attributes:
        channel: The method's name.
        reason: Why it recommends, with ``{item}`` for the item of the history.
        ptr: Where each history item's neighbours start.
        item: The items it speaks for, increasing.
        weight: How much.
    """

    channel: str
    reason: str
    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " entries"]
    weight: Float32[np.ndarray, " entries"]

    @classmethod
    def of(
        cls, channel: str, reason: str, model: sparse.csr_array
    ) -> "FittedItemModel":
        """Wrap a matrix whose row h says how much history item h speaks for each."""
        model.sort_indices()
        return cls(
            channel,
            reason,
            model.indptr.astype(np.int64),
            model.indices.astype(np.int32, copy=False),
            model.data.astype(np.float32, copy=False),
        )

    @property
    def num_items(self) -> int:
        """How many items training met."""
        return len(self.ptr) - 1

    def csr(self) -> sparse.csr_array:
        """Return the item-item matrix, sharing memory."""
        shape = (self.num_items, self.num_items)
        return sparse.csr_array((self.weight, self.item, self.ptr), shape=shape)

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where no history item speaks."""
        out = np.full((len(requests), self.num_items), -np.inf, np.float32)
        ptr, node = requests.history.ptr, requests.history.node
        over_rows(
            lambda a, b: _scores(
                ptr, node, self.ptr, self.item, self.weight, out, a, b
            ),
            len(requests),
            grain=16,
        )
        return out

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the best ``k`` of the items that some history item speaks for."""
        shape = (len(requests), min(check_k(k), self.num_items))
        item = np.full(shape, NO_ITEM, np.int32)
        score = np.full(shape, -np.inf, np.float32)
        ptr, node = requests.history.ptr, requests.history.node
        hidden = requests.excluded
        over_rows(
            lambda a, b: _retrieve(
                ptr,
                node,
                hidden.ptr,
                hidden.item,
                self.ptr,
                self.item,
                self.weight,
                item,
                score,
                a,
                b,
            ),
            len(requests),
            grain=64,
        )
        return Candidates.of_channel(item, score, self.channel)

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item with the largest weight to each item, -1 for none."""
        out = np.full(item.shape, NO_ITEM, np.int32)
        ptr, node = requests.history.ptr, requests.history.node
        _because(ptr, node, self.ptr, self.item, self.weight, item, out)
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedItemModel",
            settings={"channel": self.channel, "reason": self.reason},
            arrays={"ptr": self.ptr, "item": self.item, "weight": self.weight},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedItemModel":
        """Rebuild from what ``state`` returned."""
        return cls(
            cast(str, state.settings["channel"]),
            cast(str, state.settings["reason"]),
            state.arrays["ptr"],
            state.arrays["item"],
            state.arrays["weight"],
        )


@compiled
def _scores(
    ptr: np.ndarray,
    node: np.ndarray,
    model_ptr: np.ndarray,
    model_item: np.ndarray,
    model_weight: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    met = np.full(out.shape[1], -1, np.int64)
    for row in range(first, last):
        for h in range(ptr[row], ptr[row + 1]):
            v = node[h]
            if v < 0 or v >= met.size or met[v] == row:
                continue
            met[v] = row
            for e in range(model_ptr[v], model_ptr[v + 1]):
                i = model_item[e]
                if out[row, i] == -np.inf:
                    out[row, i] = model_weight[e]
                else:
                    out[row, i] += model_weight[e]


@compiled
def _retrieve(
    ptr: np.ndarray,
    node: np.ndarray,
    hidden_ptr: np.ndarray,
    hidden_item: np.ndarray,
    model_ptr: np.ndarray,
    model_item: np.ndarray,
    model_weight: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    size = model_ptr.size - 1
    met = np.full(size, -1, np.int64)
    reached = np.full(size, -1, np.int64)
    hidden = np.full(size, -1, np.int64)
    total = np.zeros(size, np.float32)
    touched = np.empty(size, np.int32)
    for row in range(first, last):
        for e in range(hidden_ptr[row], hidden_ptr[row + 1]):
            if 0 <= hidden_item[e] < size:
                hidden[hidden_item[e]] = row
        count = 0
        for h in range(ptr[row], ptr[row + 1]):
            v = node[h]
            if v < 0 or v >= size or met[v] == row:
                continue
            met[v] = row
            for e in range(model_ptr[v], model_ptr[v + 1]):
                i = model_item[e]
                if reached[i] == row:
                    total[i] += model_weight[e]
                else:
                    reached[i] = row
                    total[i] = model_weight[e]
                    touched[count] = i
                    count += 1
        found = 0
        for t in range(count):
            i = touched[t]
            if hidden[i] != row:
                found = push(item[row], score[row], found, i, float(total[i]))
        drain(item[row], score[row], found)


@compiled
def _because(
    ptr: np.ndarray,
    node: np.ndarray,
    model_ptr: np.ndarray,
    model_item: np.ndarray,
    model_weight: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
) -> None:
    size = model_ptr.size - 1
    for row in range(item.shape[0]):
        for place in range(item.shape[1]):
            most = np.float32(0)
            for h in range(ptr[row], ptr[row + 1]):
                v = node[h]
                if v < 0 or v >= size:
                    continue
                low, high = model_ptr[v], model_ptr[v + 1]
                while low < high:
                    middle = (low + high) >> 1
                    if model_item[middle] < item[row, place]:
                        low = middle + 1
                    else:
                        high = middle
                hit = low < model_ptr[v + 1] and model_item[low] == item[row, place]
                if hit and model_weight[low] > most:
                    most = model_weight[low]
                    out[row, place] = v
