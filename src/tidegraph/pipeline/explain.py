"""Finished lists as a table that says for each row who proposed it, and why."""

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.vocabulary import Vocabulary
from tidegraph.retrieval.blend import FittedBlend
from tidegraph.stages import NO_ITEM, Candidates, Requests


def frame(
    retriever: FittedBlend,
    requests: Requests,
    answer: Candidates,
    users: pl.Series,
    names: str | None,
) -> pl.DataFrame:
    """Return columns user, rank, item, score, channel, why.

    Args:
        retriever: The channels that proposed the items.
        requests: What was asked.
        answer: What was answered.
        users: Raw id of each request's user.
        names: Item feature column to call items by in ``why``; ids if none.
    """
    row, place = np.nonzero(answer.present)
    item = answer.item[row, place]
    votes = answer.votes[row, place]
    because = retriever.because_of(requests, answer)[row, place]
    items = requests.graph.items
    return pl.DataFrame(
        {
            "user": users.gather(row),
            "rank": place.astype(np.int32) + 1,
            "item": items.decode(item),
            "score": answer.score[row, place],
            "channel": _channels(answer.channels, votes),
            "why": _reasons(retriever, votes, _called(items, because, names)),
        }
    )


def _channels(channels: tuple[str, ...], votes: np.ndarray) -> pl.Series:
    """Return the channels that proposed each row, joined by ``+``."""
    said = {
        name: pl.select(
            pl.when(pl.Series(votes[:, c] > 0)).then(pl.lit(name))
        ).to_series()
        for c, name in enumerate(channels)
    }
    return (
        pl.DataFrame(said)
        .select(pl.concat_str(pl.all(), separator="+", ignore_nulls=True))
        .to_series()
    )


def _reasons(
    retriever: FittedBlend, votes: np.ndarray, because: pl.Series
) -> pl.Series:
    """Return the strongest channel's reason for each row, its item filled in."""
    strongest = pl.Series(votes.argmax(axis=1) if len(votes) else [], dtype=pl.Int64)
    reason = pl.lit("")
    for c, channel in enumerate(retriever.retrievers):
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


def _called(
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
