"""Retrievers that add up the walks from the history: Katz and PageRank."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.artifact import State
from tidegraph.compiled import compiled
from tidegraph.graph.proximity import Adjacency, walk_sums
from tidegraph.retrieval.similar import above_zero, but_itself
from tidegraph.retrieval.topk import best
from tidegraph.stages import NO_ITEM, Candidates, Requests, check_k

_BLOCK = 256  # Requests, or items to explain, whose dense scores are held at once.


@dataclass(frozen=True, eq=False)
class FittedWalks:
    """Scores an item by the walks that reach it from the distinct history items.

    score = gain * sum_k factor^k (A Diag(scale))^k h, where h is 1 at the history, or
    adds up to 1 if it is shared. Items that no walk reaches are not answered.

    Attributes:
        channel: The method's name.
        reason: Why it recommends, with ``{item}`` for the item of the history.
        graph: Where to walk.
        scale: What a node's value is multiplied by as it is handed on.
        factor: What each step is multiplied by.
        steps: Length of the longest walk.
        gain: What the sum is multiplied by.
        shared: Do the items of the history share one walker?
    """

    channel: str
    reason: str
    graph: Adjacency
    scale: Float64[np.ndarray, " nodes"]
    factor: float
    steps: int
    gain: float
    shared: bool

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where no walk arrives."""
        return self._scores(requests.history.ptr, requests.history.node)

    def _scores(
        self, ptr: Int64[np.ndarray, " starts"], node: Int32[np.ndarray, " events"]
    ) -> Float32[np.ndarray, "b items"]:
        ptr, start = self._starts(ptr, node)
        total = self._walk(ptr, start)
        walkers = np.maximum(np.diff(ptr), 1) if self.shared else np.ones(len(total))
        total *= (self.gain / walkers).astype(np.float32)[:, None]
        total[total == 0] = -np.inf
        return total

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the best ``k`` of the items that some walk reaches."""
        shape = (len(requests), min(check_k(k), self.graph.num_items))
        item = np.full(shape, NO_ITEM, np.int32)
        score = np.full(shape, -np.inf, np.float32)
        for start in range(0, len(requests), _BLOCK):
            block = requests.rows(start, start + _BLOCK)
            found = best(self.scores(block), block.excluded, k, self.channel)
            item[start : start + _BLOCK] = found.item
            score[start : start + _BLOCK] = found.score
        return Candidates.of_channel(item, score, self.channel)

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items that the walks from each item reach most."""
        check_k(k)
        answers: list[Candidates] = []
        for first in range(0, max(1, len(rows)), _BLOCK):
            some = rows[first : first + _BLOCK]
            itself = but_itself(some)
            scores = self._scores(itself.ptr, itself.item)
            answers.append(best(scores, itself, k, self.channel))
        return above_zero(Candidates.joined(answers))

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the other history item that adds most to each score, -1 for none."""
        # Detailed balance: what h adds to i is what i adds to h, times the ratio of
        # their scales. So one walk from each item to explain serves every request.
        asked = np.unique(item[(item >= 0) & (item < self.graph.num_items)])
        out = np.full(item.shape, NO_ITEM, np.int32)
        ptr, node = requests.history.ptr, requests.history.node
        for first in range(0, len(asked), _BLOCK):
            block = asked[first : first + _BLOCK]
            alone = np.arange(len(block) + 1, dtype=np.int64)
            added = self._walk(alone, block) * self.scale[: self.graph.num_items]
            row = np.where(np.isin(item, block), np.searchsorted(block, item), -1)
            _speakers(ptr, node, item, row, added, out)
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedWalks",
            settings={
                "channel": self.channel,
                "reason": self.reason,
                "num_items": self.graph.num_items,
                "factor": self.factor,
                "steps": self.steps,
                "gain": self.gain,
                "shared": self.shared,
            },
            arrays={
                "ptr": self.graph.ptr,
                "node": self.graph.node,
                "weight": self.graph.weight,
                "scale": self.scale,
            },
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedWalks":
        """Rebuild from what ``state`` returned."""
        settings, arrays = state.settings, state.arrays
        graph = Adjacency(
            cast(int, settings["num_items"]),
            arrays["ptr"],
            arrays["node"],
            arrays["weight"],
        )
        return cls(
            channel=cast(str, settings["channel"]),
            reason=cast(str, settings["reason"]),
            graph=graph,
            scale=arrays["scale"],
            factor=cast(float, settings["factor"]),
            steps=cast(int, settings["steps"]),
            gain=cast(float, settings["gain"]),
            shared=cast(bool, settings["shared"]),
        )

    def _starts(
        self, ptr: Int64[np.ndarray, " starts"], node: Int32[np.ndarray, " events"]
    ) -> tuple[Int64[np.ndarray, " starts"], Int32[np.ndarray, " entries"]]:
        """Return the distinct history items of each request that have an edge."""
        items, count = self.graph.num_items, len(ptr) - 1
        row = np.repeat(np.arange(count), np.diff(ptr))
        known = (node >= 0) & (node < items)
        known[known] = self.graph.degree()[node[known]] > 0
        pairs = np.unique(row[known] * items + node[known])
        row, start = np.divmod(pairs, max(items, 1))
        bounds = np.searchsorted(row, np.arange(count + 1))
        return bounds.astype(np.int64), start.astype(np.int32)

    def _walk(
        self, ptr: Int64[np.ndarray, " starts"], start: Int32[np.ndarray, " entries"]
    ) -> Float32[np.ndarray, "b items"]:
        return walk_sums(self.graph, ptr, start, self.scale, self.factor, self.steps)


@compiled
def _speakers(
    ptr: np.ndarray,
    node: np.ndarray,
    item: np.ndarray,
    walk: np.ndarray,
    added: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the history item that adds most to each item that a walk started from."""
    for row in range(item.shape[0]):
        for place in range(item.shape[1]):
            i, at = item[row, place], walk[row, place]
            if at < 0:
                continue
            most = 0.0
            for e in range(ptr[row], ptr[row + 1]):
                h = node[e]
                if 0 <= h < added.shape[1] and h != i and added[at, h] > most:
                    most = added[at, h]
                    out[row, place] = h
