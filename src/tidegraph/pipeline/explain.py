"""Finished lists as a table that says for each row who proposed it, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.pipeline.fallback import Fallback
from tidegraph.retrieval.blend import FittedBlend
from tidegraph.stages import NO_ITEM, Candidates, FittedRetriever, Requests


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
    def retrievers(self) -> tuple[FittedRetriever, ...]:
        """Everyone who may have a vote."""
        spare = () if self.fallback is None else (self.fallback.retriever,)
        return (*self.blend.retrievers, *spare)

    def because_of(
        self, requests: Requests, answer: Candidates
    ) -> Int32[np.ndarray, "b k"]:
        """Return the item of the history that speaks for each, -1 for none."""
        out = self.blend.because_of(requests, answer)
        if self.fallback is not None:
            mine = answer.votes.argmax(axis=2) == len(self.blend.retrievers)
            asked = np.where(mine, answer.item, np.int32(NO_ITEM))
            if mine.any():
                why = self.fallback.retriever.because(requests, asked)
                out[mine] = why[mine]
        return out

    def frame(
        self, requests: Requests, answer: Candidates, users: pl.Series
    ) -> pl.DataFrame:
        """Return columns user, rank, item, (name,) score, channel, why.

        Args:
            requests: What was asked.
            answer: What was answered.
            users: Raw id of each request's user.
        """
        row, place = np.nonzero(answer.present)
        item = answer.item[row, place]
        votes = answer.votes[row, place]
        because = self.because_of(requests, answer)[row, place]
        items = requests.graph.items
        because_of = called(items, because, self.names)
        table = {
            "user": users.gather(row),
            "rank": place.astype(np.int32) + 1,
            "item": items.decode(item),
            "name": called(items, item, self.names),
            "score": answer.score[row, place],
            "channel": _channels(answer.channels, votes),
            "why": _reasons(self.retrievers, votes, because_of),
        }
        if self.names is None:
            del table["name"]
        return pl.DataFrame(table)


def _channels(channels: tuple[str, ...], votes: np.ndarray) -> pl.Series:
    """Return the channels that proposed each row, joined by ``+``."""
    said = {
        name: pl.select(
            pl.when(pl.Series(votes[:, c] > 0, dtype=pl.Boolean)).then(pl.lit(name))
        ).to_series()
        for c, name in enumerate(channels)
    }
    return (
        pl.DataFrame(said)
        .select(pl.concat_str(pl.all(), separator="+", ignore_nulls=True))
        .to_series()
    )


def _reasons(
    retrievers: Sequence[FittedRetriever], votes: np.ndarray, because: pl.Series
) -> pl.Series:
    """Return the strongest channel's reason for each row, its item filled in."""
    strongest = pl.Series(votes.argmax(axis=1) if len(votes) else [], dtype=pl.Int64)
    reason = pl.lit("")
    for c, channel in enumerate(retrievers):
        before, blank, after = channel.reason.partition("{item}")
        filled = (
            pl.concat_str(
                pl.lit(before),
                pl.col("because").fill_null("your history"),
                pl.lit(after),
            )
            if blank
            else pl.lit(before)
        )
        reason = pl.when(pl.col("channel") == c).then(filled).otherwise(reason)
    table = pl.DataFrame({"channel": strongest, "because": because})
    return table.select(reason.alias("why")).to_series()


def called(
    items: Vocabulary, rows: Int32[np.ndarray, " n"], names: str | None
) -> pl.Series:
    """Return what to call each item, null where there is none."""
    ids = items.decode(rows).cast(pl.String)
    if names is None or names not in items.features.columns:
        return ids
    at = pl.Series(np.where(rows == NO_ITEM, 0, rows))
    title = items.features[names].cast(pl.String).gather(at)
    return pl.select(
        pl.when(pl.Series(rows != NO_ITEM)).then(title).fill_null(ids)
    ).to_series()
