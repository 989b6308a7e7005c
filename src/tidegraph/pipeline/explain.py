"""Finished lists as a table that says for each row who proposed it, and why."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.data.ids.lookup import gathered
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import RequestError
from tidegraph.pipeline.fallback import Fallback
from tidegraph.retrieval.blended import FittedBlend
from tidegraph.stages import NO_ITEM, Candidates, Requests, because_of, reason_of


@dataclass(frozen=True, eq=False)
class Sources:
    """Who can propose an item, in the order of an answer's votes.

    Attributes:
        blend: The channels.
        fallback: Who fills up short lists, if anybody.
        names: Item feature column to call items by; ids if none.
    """

    blend: FittedBlend
    fallback: Fallback | None
    names: str | None

    @property
    def reasons(self) -> list[str]:
        """Why everyone who may have a vote recommends."""
        blend = self.blend
        every = list(zip(blend.retrievers, blend.channels, strict=True))
        if self.fallback is not None:
            every.append((self.fallback.retriever, self.fallback.channel))
        return [reason_of(retriever, channel) for retriever, channel in every]

    def because_of(
        self, requests: Requests, answer: Candidates
    ) -> Int32[np.ndarray, "b k"]:
        """Return what the strongest channel names for each item, -1 for none."""
        out = self.blend.because_of(requests, answer)
        if self.fallback is not None:
            mine = self.strongest(answer.votes) == len(self.blend.retrievers)
            own = np.where(mine, answer.item, np.int32(NO_ITEM))
            if mine.any():
                why = because_of(self.fallback.retriever, requests, own)
                out[mine] = why[mine]
        return out

    def strongest(self, votes: Float32[np.ndarray, "*n c"]) -> Int64[np.ndarray, " *n"]:
        """Return who counts most for each item; the fallback where no channel does."""
        channels = len(self.blend.retrievers)
        return np.where(self.filled(votes), channels, self.blend.strongest(votes))

    def filled(self, votes: Float32[np.ndarray, "*n c"]) -> Bool[np.ndarray, " *n"]:
        """Return which items the fallback alone proposed."""
        beyond = votes[..., len(self.blend.retrievers) :] > 0
        return np.asarray(beyond.any(axis=-1))

    def frame(
        self, requests: Requests, answer: Candidates, users: pl.Series
    ) -> pl.DataFrame:
        """Return columns user, rank, item, (name,) score, channel, why.

        The score is null for what the fallback filled up, whose own counts on another
        scale than the stages before it.

        Args:
            requests: The requests that were answered.
            answer: What was answered.
            users: Raw id of each request's user.
        """
        row, place = np.nonzero(answer.present)
        item = answer.item[row, place]
        _check_items(item, len(requests.graph.items))
        votes = answer.votes[row, place]
        because = self.because_of(requests, answer)[row, place]
        items = requests.graph.items
        table = {
            "user": gathered(users, row),
            "rank": place.astype(np.int32) + 1,
            "item": items.decode(item),
            "name": item_names(items, item, self.names),
            "score": self._comparable_scores(answer.score[row, place], votes),
            "channel": _channel_texts(answer.channels, votes),
            "why": self._reason_texts(items, votes, because),
        }
        if self.names is None:
            del table["name"]
        return pl.DataFrame(table)

    def _comparable_scores(
        self, score: Float32[np.ndarray, " n"], votes: Float32[np.ndarray, "n c"]
    ) -> pl.Series:
        """Return scores of one scale, null where the fallback has its own."""
        found = pl.Series(score)
        if self.fallback is None or not len(found):
            return found
        return found.scatter(np.flatnonzero(self.filled(votes)), None)

    def _reason_texts(
        self,
        items: Vocabulary,
        votes: Float32[np.ndarray, "n c"],
        because: Int32[np.ndarray, " n"],
    ) -> pl.Series:
        """Return the strongest channel's reason for each row, its item filled in."""
        if not len(votes):
            return pl.Series(dtype=pl.String)
        # Each different reason is written once.
        pairs = self.strongest(votes) * (len(items) + 1) + because + 1
        different, which = np.unique(pairs, return_inverse=True)
        channel, named = np.divmod(different, len(items) + 1)
        names = item_names(items, (named - 1).astype(np.int32), self.names).to_list()
        reasons = self.reasons
        texts: list[str] = []
        for c, name in zip(channel, names, strict=True):
            said = "your history" if name is None else name
            texts.append(reasons[int(c)].replace("{item}", said, 1))
        return gathered(pl.Series(texts, dtype=pl.String), which)


def _check_items(item: Int32[np.ndarray, " n"], items: int) -> None:
    """Refuse answers of a retriever that was fitted on another log.

    Raises:
        RequestError: One is no item of the log.
    """
    if len(item) and int(item.max()) >= items:
        raise RequestError(
            f"an answer is item {int(item.max())} by its row, and the log has {items:,}"
            ". Pass the log that was learnt from, or one that goes on from it."
        )


def _channel_texts(
    channels: tuple[str, ...], votes: Float32[np.ndarray, "n c"]
) -> pl.Series:
    """Return the channels that proposed each row, joined by ``+``."""
    if not len(votes):
        return pl.Series(dtype=pl.String)
    proposed = np.packbits(votes > 0, axis=1)
    said, which = np.unique(proposed.view(f"V{proposed.shape[1]}"), return_inverse=True)
    bits = said.view(np.uint8).reshape(len(said), -1)
    names = [
        "+".join(name for name, there in zip(channels, row, strict=True) if there)
        for row in np.unpackbits(bits, axis=1, count=len(channels)).tolist()
    ]
    return gathered(pl.Series(names, dtype=pl.String), which.ravel())


def item_names(
    items: Vocabulary, rows: Int32[np.ndarray, " n"], names: str | None
) -> pl.Series:
    """Return what to call each item, null where there is none."""
    ids = items.decode(rows).cast(pl.String)
    if names is None or names not in items.features.columns:
        return ids
    title = gathered(items.features[names], rows).cast(pl.String)
    return title.fill_null(ids) if title.null_count() else title
