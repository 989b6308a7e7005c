"""A fitted blend: the fused lists of its channels."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.artifact.sealed import State
from tidegraph.retrieval.scoring.fusion import (
    FILLS,
    By,
    fuse,
    kept_places,
    rank_gains,
    reciprocal_ranks,
    stack_lists,
)
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    FittedRetriever,
    Requests,
    because_of,
    check_k,
    without,
)

LEAST_DEEP = 100
"""How long lists that are fused are at least, and those that their weights are of."""

_DEPTH = 1000  # How deep a channel's list is searched for an item to explain.


@dataclass(frozen=True, eq=False)
class FittedBlend:
    """Answers with the fused lists of its retrievers.

    Attributes:
        channels: A name for each retriever, all different.
        retrievers: The fitted channels.
        quotas: The weight of each, adding up to 1.
        at_least: How much of its quota of places a channel is sure of.
        smoothing: The larger, the less the first ranks stand out.
        num_items: How many items training knew.
        by: What of a channel's list counts.
        trained_until: Time of the last training event; None for training without times.
    """

    channels: tuple[str, ...]
    retrievers: tuple[FittedRetriever, ...]
    quotas: tuple[float, ...]
    at_least: float
    smoothing: float
    num_items: int
    by: By = "ranks"
    trained_until: int | None = None

    @property
    def reason(self) -> str:
        """Why it recommends; each channel's own reason says more."""
        return "several methods lead from {item} to it"

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedBlend":
        """Return the same channels without a trace of some users."""
        return replace(
            self, retrievers=tuple(without(one, rows) for one in self.retrievers)
        )

    def weights_text(self) -> str:
        """Return what each channel counts, in one line."""
        pairs = zip(self.channels, self.quotas, strict=True)
        return ", ".join(f"{name} {quota:.2f}" for name, quota in pairs)

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the fused ``k``; ties break on item number.

        Each channel answers ``k`` or more, so an item can come with the votes of all. A
        single channel keeps its own scores.
        """
        return self.fused(self.answers(requests, k), k)

    def answers(self, requests: Requests, k: int) -> list[Candidates]:
        """Return each channel's own list of ``k``, or more if there are others.

        A list that is cut short leaves out what another channel would have lifted.
        """
        deep = max(check_k(k), LEAST_DEEP) if len(self.retrievers) > 1 else check_k(k)
        width = min(deep, self.num_items)
        return [retriever.retrieve(requests, width) for retriever in self.retrievers]

    def fused(self, answers: Sequence[Candidates], k: int) -> Candidates:
        """Return what ``retrieve`` does, from the ``answers`` to the same ``k``."""
        if len(answers) == 1:
            (alone,) = answers
            return Candidates.of_channel(alone.item, alone.score, self.channels[0])
        width = min(check_k(k), self.num_items)
        lists = stack_lists(answers)
        quotas = np.array(self.quotas)
        gain = self.gains(answers, lists, quotas)
        places = kept_places(quotas, self.at_least, width)
        item, score = fuse(lists, gain, places, width, self.num_items)
        votes = reciprocal_ranks(item, lists, self.num_items)
        return Candidates(item, score, self.channels, votes)

    def gains(
        self,
        answers: Sequence[Candidates],
        lists: Int32[np.ndarray, "c b k"],
        quotas: Float64[np.ndarray, " c"],
    ) -> Float64[np.ndarray, "c b k"]:
        """Return what each place of ``lists``, of the answers, adds to its item."""
        worth = rank_gains(answers, lists, self.by, self.smoothing)
        return np.maximum(quotas, FILLS)[:, None, None] * worth

    def only(self, names: Container[str]) -> dict[str, FittedRetriever]:
        """Return the retrievers of some channels, by name."""
        pairs = zip(self.channels, self.retrievers, strict=True)
        return {name: retriever for name, retriever in pairs if name in names}

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return what the channel that counts most for each item names, -1 for none.

        The channels answer again; ``because_of`` spares that. An item that no
        channel has among its first thousand is explained by the first.
        """
        lists = stack_lists(self.answers(requests, _DEPTH))
        votes = reciprocal_ranks(item, lists, self.num_items)
        return self.because_of(
            requests, Candidates(item, votes.sum(axis=2), self.channels, votes)
        )

    def because_of(
        self, requests: Requests, answer: Candidates
    ) -> Int32[np.ndarray, "b k"]:
        """Return what the strongest channel of each answered item names, -1 for none.

        Args:
            requests: The requests that were answered.
            answer: What ``retrieve`` returned, perhaps ranked and cut since; its votes
                say which channel is strongest.
        """
        strongest = self.strongest(answer.votes)
        out = np.full(answer.item.shape, NO_ITEM, np.int32)
        for c, retriever in enumerate(self.retrievers):
            mine = strongest == c
            if mine.any():
                own = np.where(mine, answer.item, np.int32(NO_ITEM))
                out[mine] = because_of(retriever, requests, own)[mine]
        return out

    def strongest(self, votes: Float32[np.ndarray, "*n c"]) -> Int64[np.ndarray, " *n"]:
        """Return which channel counts most for each item, the first where they tie.

        By scores, of which an answer keeps none, the one over its rank stands for one.

        Args:
            votes: One over the rank that each channel gives the item, 0 for none; what
                stands behind the channels is passed over.
        """
        worth = votes[..., : len(self.channels)].astype(np.float64)
        if self.by == "ranks":
            worth *= (self.smoothing + 1) / (self.smoothing * worth + 1)
        return (np.maximum(self.quotas, FILLS) * worth).argmax(axis=-1)

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedBlend",
            settings={
                "channels": list(self.channels),
                "quotas": list(self.quotas),
                "at_least": self.at_least,
                "smoothing": self.smoothing,
                "num_items": self.num_items,
                "by": self.by,
                "trained_until": self.trained_until,
            },
            parts={
                str(c): retriever.state() for c, retriever in enumerate(self.retrievers)
            },
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedBlend":
        """Rebuild from what ``state`` returned."""
        channels = tuple(cast(list[str], state.settings["channels"]))
        return cls(
            channels=channels,
            retrievers=tuple(
                cast(FittedRetriever, state.part(str(c), object))
                for c in range(len(channels))
            ),
            quotas=tuple(cast(list[float], state.settings["quotas"])),
            at_least=cast(float, state.settings["at_least"]),
            smoothing=cast(float, state.settings["smoothing"]),
            num_items=cast(int, state.settings["num_items"]),
            by=cast(By, state.settings.get("by", "ranks")),
            trained_until=cast(int | None, state.settings.get("trained_until")),
        )
