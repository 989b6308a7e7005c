"""What channels know beside lists: items like a given one, and vectors."""

import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids.identity import SINGLE, series
from tidegraph.data.ids.unknown import known_rows, outside, said_of
from tidegraph.data.ids.vocabulary import UNKNOWN
from tidegraph.errors import NoAnswerWarning, RequestError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline.explain import item_names
from tidegraph.retrieval.index.items import HoldsVectors, Side
from tidegraph.retrieval.scoring.similar_items import FindsSimilar
from tidegraph.stages import NO_ITEM, Candidates, FittedRetriever


def similar(
    channels: Mapping[str, FittedRetriever],
    graph: Snapshot,
    items: object,
    k: int,
    channel: str | None,
    names: str | None,
) -> pl.DataFrame:
    """Return columns item, rank, similar, (name,) score, channel.

    Args:
        channels: The retrievers by name.
        graph: What they were fitted on, or what goes on from it.
        items: Raw ids, or one; who is not known is passed over with a warning.
        k: How many similar items each.
        channel: Name of the channel that answers; by default the first that can.
        names: Item feature column to call the similar items by; no name if none.

    Raises:
        RequestError: There is no such channel, or it does not compare items.
    """
    several = [items] if isinstance(items, SINGLE) else items
    ids = series(several, "ids").unique(maintain_order=True)
    rows = known_rows(graph.items, ids, "item", "passed over")
    known: Int32[np.ndarray, " n"] = rows[rows != UNKNOWN]
    able = channels_named(channels, channel)
    for name in able:
        retriever = channels[name]
        if isinstance(retriever, FindsSimilar):
            gone = graph.items.erased()
            most = min(k + len(gone), len(graph.items))
            found = _without_erased(gone, retriever.similar(known, most)).top(k)
            _warn_without_similar(
                graph.items.decode(known[~found.present.any(axis=1)]), name
            )
            return _similar_items_frame(graph, known, found, name, names)
    raise RequestError(
        f"{' and '.join(able)} cannot say which items are like these. Fit a channel "
        "that compares items, such as ItemKNN."
    )


def vectors(
    channels: Mapping[str, FittedRetriever],
    graph: Snapshot,
    of: Side,
    channel: str | None,
) -> pl.DataFrame:
    """Return columns item or user, and vector.

    Args:
        channels: The retrievers by name.
        graph: What they were fitted on, or what goes on from it.
        of: Items, as they are scored, or users.
        channel: Name of the channel; by default the first that has vectors.

    Raises:
        RequestError: There is no such channel, or it has no vectors of these.
    """
    able = channels_named(channels, channel)
    for name in able:
        found = channels[name]
        if isinstance(found, HoldsVectors):
            break
    else:
        raise RequestError(
            f"{' and '.join(able)} cannot give vectors. Fit a channel that has them, "
            "such as bpr_mf or hope."
        )
    held, known = found.held(of)
    ids = graph.items if of == "item" else graph.users
    rows = np.setdiff1d(np.flatnonzero(known), ids.erased()).astype(np.int32)
    if not len(rows):
        raise RequestError(
            f"{name} has no vectors of users: each is made of their history. Take "
            "those of items."
        )
    shape = pl.Array(pl.Float32, held.shape[1])
    vector = pl.Series(np.ascontiguousarray(held[rows]), dtype=shape)
    return pl.DataFrame({of: ids.decode(rows), "vector": vector})


def channels_named(channels: Mapping[str, object], channel: str | None) -> list[str]:
    """Return the channel of a name, or all of them if none is named.

    Raises:
        RequestError: There is none of that name.
    """
    if channel is not None and channel not in channels:
        raise RequestError(
            f"there is no channel {channel!r}. There are: {', '.join(channels)}."
        )
    return list(channels) if channel is None else [channel]


def _without_erased(gone: Int32[np.ndarray, " n"], found: Candidates) -> Candidates:
    """Return the candidates without items that have no id any more."""
    if not len(gone):
        return found
    item = np.where(np.isin(found.item, gone), np.int32(NO_ITEM), found.item)
    return replace(found, item=item).ranked(found.score)


def _warn_without_similar(items: pl.Series, channel: str) -> None:
    """Warn of items that are known and like no other, naming up to three."""
    if not len(items):
        return
    so = f"like no other in {channel}"
    said = said_of("item", items, f"is {so}", f"are {so}", "left out")
    warnings.warn(said, NoAnswerWarning, stacklevel=outside())


def _similar_items_frame(
    graph: Snapshot,
    items: Int32[np.ndarray, " n"],
    found: Candidates,
    channel: str,
    names: str | None,
) -> pl.DataFrame:
    row, place = np.nonzero(found.present)
    like = found.item[row, place]
    table = {
        "item": graph.items.decode(items[row]),
        "rank": place.astype(np.int32) + 1,
        "similar": graph.items.decode(like),
        "name": item_names(graph.items, like, names),
        "score": found.score[row, place],
        "channel": pl.Series([channel] * len(row), dtype=pl.String),
    }
    if names is None:
        del table["name"]
    return pl.DataFrame(table)
