"""What the stages of a recommender say to each other.

A retriever, a ranker and a re-ranker are each a frozen configuration whose ``fit``
returns another type; only the fitted value answers. All three take ``Requests`` and
speak in ``Candidates``; every array of a request is as of that request's own clock.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.arguments import whole
from tidegraph.artifact.sealed import State
from tidegraph.data.interactions import Interactions
from tidegraph.data.views import Matrix
from tidegraph.errors import RequestError
from tidegraph.graph.snapshot import ACTION, Snapshot
from tidegraph.graph.storage.histories import Histories

NO_ITEM = -1
"""Fills the places of a row of candidates that has fewer than k."""


@dataclass(frozen=True, eq=False)
class Excluded:
    """Items that must not be answered, per request, laid end to end.

    Attributes:
        ptr: Where each request's items start; one more entry than there are requests.
        item: Rows of items, in any order, perhaps repeated.
    """

    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " entries"]

    @classmethod
    def none(cls, requests: int) -> "Excluded":
        """Exclude nothing."""
        return cls(np.zeros(requests + 1, np.int64), np.zeros(0, np.int32))

    def rows(self, start: int, stop: int) -> "Excluded":
        """Return what some consecutive requests exclude."""
        ptr = self.ptr[start : stop + 1]
        entries = slice(int(ptr[0]), int(ptr[-1])) if len(ptr) else slice(0, 0)
        return Excluded(ptr - ptr[:1], self.item[entries])

    def and_also(self, other: "Excluded") -> "Excluded":
        """Return what either excludes, request by request."""
        if not len(other.item):
            return self
        if not len(self.item):
            return other
        sizes = [np.diff(x.ptr) for x in (self, other)]
        owner = np.concatenate([np.repeat(np.arange(len(n)), n) for n in sizes])
        order = np.argsort(owner, kind="stable")
        item = np.concatenate([self.item, other.item])[order]
        return Excluded(self.ptr + other.ptr, item)


@dataclass(frozen=True, eq=False)
class Requests:
    """Who asks, when, and what is known of them by then.

    Attributes:
        graph: Everything that happened; a stage reads it only before each ``time``.
        user: Row of the user in the graph, -1 for a user it does not hold.
        time: Unix seconds; the answer depends only on strictly earlier events.
        history: The requester's own actions (as items) strictly before ``time``.
        excluded: Items that must not be answered.
    """

    graph: Snapshot
    user: Int32[np.ndarray, " b"]
    time: Int64[np.ndarray, " b"]
    history: Histories
    excluded: Excluded

    @classmethod
    def of_users(
        cls,
        graph: Snapshot,
        user: Int32[np.ndarray, " b"],
        time: Int64[np.ndarray, " b"],
        *,
        repeat: bool = True,
    ) -> "Requests":
        """Ask for users of the graph, each at its own time.

        Args:
            graph: Where their histories are.
            user: Rows of users; -1 for one with no history.
            time: Unix seconds of each request.
            repeat: May items of the history be recommended again?
        """
        history = graph[ACTION].before(user, time)
        asked = cls(graph, user, time, history, Excluded.none(len(user)))
        return asked if repeat else asked.without_history()

    def without_history(self) -> "Requests":
        """Return the same requests, excluding also what each user already met."""
        return self.excluding(Excluded(self.history.ptr, self.history.node))

    def excluding(self, items: Excluded) -> "Requests":
        """Return the same requests, which must not be answered ``items`` either."""
        return replace(self, excluded=self.excluded.and_also(items))

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, start: int, stop: int) -> "Requests":
        """Return some consecutive requests; work in blocks to bound memory."""
        return replace(
            self,
            user=self.user[start:stop],
            time=self.time[start:stop],
            history=self.history.rows(start, stop),
            excluded=self.excluded.rows(start, stop),
        )


@dataclass(frozen=True, eq=False)
class Candidates:
    """For each request, items in order of preference.

    Attributes:
        item: Rows of items, each at most once per request, best first;
            ``NO_ITEM`` fills the end of a row.
        score: What the last stage thought of each; ``-inf`` where there is no item.
        channels: Names of the retrievers that spoke.
        votes: One over the rank (1, 1/2, 1/3 ...) that each channel gave the item,
            0 where it did not propose it.
    """

    item: Int32[np.ndarray, "b k"]
    score: Float32[np.ndarray, "b k"]
    channels: tuple[str, ...] = ()
    votes: Float32[np.ndarray, "_ _ c"] = field(
        default_factory=lambda: np.zeros((0, 0, 0), np.float32)
    )

    @classmethod
    def of_channel(
        cls,
        item: Int32[np.ndarray, "b k"],
        score: Float32[np.ndarray, "b k"],
        channel: str,
    ) -> "Candidates":
        """Wrap the answer of one retriever, whose order is the order of ``item``."""
        rank = np.arange(1, item.shape[1] + 1, dtype=np.float32)
        votes = np.where(item == NO_ITEM, np.float32(0), 1 / rank).astype(np.float32)
        return cls(item, score, (channel,), votes[:, :, None])

    @classmethod
    def joined(cls, parts: "list[Candidates]") -> "Candidates":
        """Lay answers to consecutive blocks of requests on top of each other.

        A part without votes got none from any channel.

        Raises:
            RequestError: Two parts have votes of different channels.
        """
        if len(parts) == 1:
            return parts[0]
        voted = [part for part in parts if part.channels]
        channels = voted[0].channels if voted else ()
        for part in voted:
            if part.channels != channels:
                raise RequestError(
                    f"answers of the channels {', '.join(channels)} and of "
                    f"{', '.join(part.channels)} cannot be joined. "
                    "Ask the same retriever for all of them."
                )
        return cls(
            np.concatenate([part.item for part in parts]),
            np.concatenate([part.score for part in parts]),
            channels,
            np.concatenate(
                [
                    part.votes
                    if part.channels
                    else np.zeros((*part.item.shape, len(channels)), np.float32)
                    for part in parts
                ]
            ),
        )

    def __len__(self) -> int:
        return len(self.item)

    @property
    def present(self) -> Bool[np.ndarray, "b k"]:
        """Where there is an item."""
        return self.item != NO_ITEM

    def reordered(
        self, order: Int64[np.ndarray, "b k2"], score: Float32[np.ndarray, "b k"]
    ) -> "Candidates":
        """Return the columns ``order`` of each row, with new scores.

        Args:
            order: For each row, places in it, each at most once.
            score: The new score of each item, in the present order of columns.
        """
        votes = self.votes
        if votes.size:
            votes = np.take_along_axis(votes, order[:, :, None], axis=1)
        return replace(
            self,
            item=np.take_along_axis(self.item, order, axis=1),
            score=np.take_along_axis(score, order, axis=1),
            votes=votes,
        )

    def ranked(self, score: Float32[np.ndarray, "b k"]) -> "Candidates":
        """Return the same items by decreasing new score; ties keep their order."""
        score = np.where(self.present, score, -np.inf).astype(np.float32)
        return self.reordered(np.argsort(-score, axis=1, kind="stable"), score)

    def top(self, k: int) -> "Candidates":
        """Return the first ``k`` columns."""
        votes = self.votes[:, :k] if self.votes.size else self.votes
        return replace(
            self, item=self.item[:, :k], score=self.score[:, :k], votes=votes
        )


def check_k(k: object) -> int:
    """Return ``k`` if a list can be that long.

    Raises:
        RequestError: ``k`` is not a whole number, or below 1.
    """
    length = whole(k, "k")
    if length < 1:
        raise RequestError(
            f"k is {length}, but a list has at least 1 item. Ask for k >= 1."
        )
    return length


@runtime_checkable
class FittedRetriever(Protocol):
    """Finds hundreds of promising items among all."""

    @property
    def reason(self) -> str:
        """Why it recommends; ``{item}`` stands for the item ``because`` names."""
        ...

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return up to ``k`` items per request, best first, excluded ones left out.

        Only items met in training are answered; rows have ``min(k, items)`` columns or
        fewer. Raises RequestError where ``k`` is below 1.
        """
        ...

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the item of the history that spoke most for each, -1 for none."""
        ...

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@runtime_checkable
class Scores(Protocol):
    """A fitted retriever that can say what it thinks of every item."""

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of each item, excluded ones too; ``-inf`` for no opinion."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """A retrieval method and its settings."""

    def fit(self, train: Interactions | Matrix) -> FittedRetriever:
        """Learn from a log."""
        ...


@dataclass(frozen=True, eq=False)
class Examples:
    """What a ranker learns from: candidates of past requests, and what was chosen.

    Attributes:
        requests: Past requests, each with its own clock.
        candidates: Items that were, or could have been, shown.
        label: 1 where the item was acted on, 0 where not; 0 where there is no item.
    """

    requests: Requests
    candidates: Candidates
    label: Float32[np.ndarray, "b k"]


@runtime_checkable
class FittedRanker(Protocol):
    """Says how probable an action is."""

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        ...

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@runtime_checkable
class Ranker(Protocol):
    """A ranking method and its settings."""

    def fit(
        self, train: Examples, valid: Examples, *, rng: np.random.Generator
    ) -> FittedRanker:
        """Learn from past requests; ``valid`` decides when to stop."""
        ...


@runtime_checkable
class FittedReranker(Protocol):
    """Chooses the list as a whole."""

    def rerank(self, requests: Requests, candidates: Candidates, k: int) -> Candidates:
        """Return the list of ``k``, in the order to show, from ranked candidates."""
        ...

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """A re-ranking method and its settings."""

    def fit(self, train: Interactions) -> FittedReranker:
        """Learn what the list-wise criterion needs, such as item categories."""
        ...
