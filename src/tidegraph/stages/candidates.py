"""Items for each request in order of preference, and what a ranker learns from."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.arguments import no_unknown
from tidegraph.errors import DataError, RequestError
from tidegraph.stages.requests import Requests

NO_ITEM = -1
"""Fills the places of a row of candidates that has fewer than k."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """For each request, items in order of preference.

    Attributes:
        item: Rows of items, each at most once per request, best first;
            ``NO_ITEM`` fills the end of a row.
        score: What the last stage thought of each; ``-inf`` where there is no item.
        channels: Names of the retrievers that proposed them.
        votes: One over the rank (1, 1/2, 1/3 ...) that each channel gave the item,
            0 where it did not propose it.
    """

    item: Int32[np.ndarray, "b k"]
    score: Float32[np.ndarray, "b k"]
    channels: tuple[str, ...] = ()
    votes: Float32[np.ndarray, "_ _ c"] = field(
        default_factory=lambda: np.zeros((0, 0, 0), np.float32)
    )

    def __repr__(self) -> str:
        rows, width = self.item.shape
        said = f"{rows:,} requests, up to {width:,} items each"
        if self.channels:
            said += f", channels={', '.join(self.channels)}"
        return f"{type(self).__name__}({said})"

    @classmethod
    def of_channel(
        cls,
        item: Int32[np.ndarray, "b k"],
        score: Float32[np.ndarray, "b k"],
        channel: str,
    ) -> "Candidates":
        """Wrap the answer of one retriever, whose order is the order of ``item``."""
        rank = np.arange(1, item.shape[1] + 1, dtype=np.float32)
        votes = (item != NO_ITEM) * (1 / rank)
        return cls(item, score, (channel,), votes[:, :, None])

    @classmethod
    def concatenated(cls, parts: "list[Candidates]") -> "Candidates":
        """Lay answers to consecutive blocks of requests on top of each other.

        Rows are as long as the longest. A part without votes got none from any channel.

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
                    f"{', '.join(part.channels)} cannot be concatenated. "
                    "Let the same retriever answer all of them."
                )
        width = max(part.item.shape[1] for part in parts)
        parts = [part.padded(width) for part in parts]
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

    @property
    def proposed(self) -> Bool[np.ndarray, "b k"]:
        """Where there is an item that a channel voted for; any, if none voted at all.

        Of examples these are what a ranker is asked about in service; negatives that
        were drawn beside them are not.
        """
        voted = self.votes.any(axis=2) if self.votes.size else self.present
        return voted & self.present if voted.any() else self.present

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

    def padded(self, width: int) -> "Candidates":
        """Return rows of at least so many columns, empty ones behind."""
        short = width - self.item.shape[1]
        if short <= 0:
            return self
        behind = ((0, 0), (0, short))
        votes = np.pad(self.votes, (*behind, (0, 0))) if self.votes.size else self.votes
        return replace(
            self,
            item=np.pad(self.item, behind, constant_values=NO_ITEM),
            score=np.pad(self.score, behind, constant_values=-np.inf),
            votes=votes,
        )

    def top(self, k: int) -> "Candidates":
        """Return the first ``k`` columns."""
        votes = self.votes[:, :k] if self.votes.size else self.votes
        return replace(
            self, item=self.item[:, :k], score=self.score[:, :k], votes=votes
        )


@no_unknown
@dataclass(frozen=True, eq=False)
class Examples:
    """What a ranker learns from: candidates of past requests, and what was chosen.

    Attributes:
        requests: Past requests, each with its own clock.
        candidates: Items that were, or could have been, shown.
        label: 1 where the item was acted on, 0 where not; 0 where there is no item.
        weight: How much each counts, above 0; all alike if left out.
        until: Unix seconds before which an action on an item made it right, of each
            request; not known if left out.

    Raises:
        DataError: At construction, a label is neither 0 nor 1, or 1 where there is no
            item; a weight is no finite number above 0; one of them is of another shape.
    """

    requests: Requests
    candidates: Candidates
    label: Float32[np.ndarray, "b k"]
    weight: Float32[np.ndarray, "b k"] | None = None
    until: Int64[np.ndarray, " b"] | None = None

    def __post_init__(self) -> None:
        there = self.candidates.present
        if len(self.requests) != len(there):
            raise DataError(
                f"there are {len(self.requests)} requests and candidates of "
                f"{len(there)}. Give each request a row of candidates."
            )
        label = _numbers_of("label", self.label, there.shape)
        # What is not a number is equal to nothing.
        wrong = ~((label == 0) | ((label == 1) & there))
        why = "it is 1 for an item that was acted on, and 0 for all else"
        _refuse_where(wrong, "label", label, why)
        object.__setattr__(self, "label", label)
        if self.weight is not None:
            weight = _numbers_of("weight", self.weight, there.shape)
            wrong = there & ~((weight > 0) & np.isfinite(weight))
            why = "what counts is a finite number above 0; leave out what does not"
            _refuse_where(wrong, "weight", weight, why)
            object.__setattr__(self, "weight", weight)
        if self.until is not None and np.shape(self.until) != (len(there),):
            raise DataError(
                f"until is of shape {np.shape(self.until)}, and there are "
                f"{len(there)} requests. Give one second for each."
            )

    def __repr__(self) -> str:
        there, right = int(self.candidates.present.sum()), int((self.label > 0).sum())
        return (
            f"{type(self).__name__}({len(self.requests):,} requests, {there:,} "
            f"candidates, {right:,} of them right)"
        )

    @classmethod
    def concatenated(cls, parts: "list[Examples]") -> "Examples":
        """Lay examples about one graph end to end; rows are as long as the longest.

        What of a part without weights counts as much as what has weight 1.
        """
        if len(parts) == 1:
            return parts[0]
        candidates = Candidates.concatenated([part.candidates for part in parts])

        def padded(tables: list[Float32[np.ndarray, "_ _"]]) -> np.ndarray:
            rows = np.zeros(candidates.item.shape, np.float32)
            ends = np.cumsum([len(table) for table in tables])
            for end, table in zip(ends, tables, strict=True):
                rows[end - len(table) : end, : table.shape[1]] = table
            return rows

        # As given, since ``weights`` are relative to those of their own part.
        weights = [
            np.ones_like(part.label) if part.weight is None else part.weight
            for part in parts
        ]
        weighted = any(part.weight is not None for part in parts)
        until = [part.until for part in parts if part.until is not None]
        return cls(
            Requests.concatenated([part.requests for part in parts]),
            candidates,
            padded([part.label for part in parts]),
            padded(weights) if weighted else None,
            np.concatenate(until) if len(until) == len(parts) else None,
        )

    @property
    def weights(self) -> Float32[np.ndarray, "b k"]:
        """How much each candidate counts; 1 on average where there is an item."""
        present = self.candidates.present
        if self.weight is None or not present.any():
            return np.ones(self.label.shape, np.float32)
        mean = self.weight[present].mean(dtype=np.float64)
        return (self.weight / mean).astype(np.float32)


def _numbers_of(
    name: str, values: np.ndarray, shape: tuple[int, ...]
) -> Float32[np.ndarray, "b k"]:
    """Return numbers of candidates, one for each.

    Raises:
        DataError: They are not as many.
    """
    if np.shape(values) != shape:
        raise DataError(
            f"{name} is of shape {np.shape(values)}, and the candidates are of shape "
            f"{shape}. Give one {name} for each candidate."
        )
    return np.asarray(values, np.float32)


def _refuse_where(
    wrong: Bool[np.ndarray, "b k"],
    name: str,
    values: Float32[np.ndarray, "b k"],
    why: str,
) -> None:
    found = np.argwhere(wrong)
    if len(found):
        row, place = found[0].tolist()
        raise DataError(
            f"candidate {place} of example {row} has {name} {values[row, place]}, "
            f"and {why}."
        )
