"""What each channel of a blend contributes to finding what users then chose."""

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from tidegraph.stages import Candidates, ItemSets


def hit_ratio_by_channel(
    answer: Candidates,
    ptr: Int64[np.ndarray, " starts"],
    item: Int32[np.ndarray, " entries"],
) -> pl.DataFrame:
    """Return what each channel contributes to finding what users then chose.

    Args:
        answer: What a blend answered.
        ptr: Where each request's relevant items start.
        item: The relevant items; requests that have none are left out.

    Returns:
        A row per channel: ``channel``; ``items``, how many of the list it proposed on
        average; ``hit_ratio``, the share of requests for which it proposed a relevant
        item; ``hits``, its share of the list's hits; ``unique_hits``, the share that
        no other channel proposed. All 0 where there is nothing to count.
    """
    hit = ItemSets(ptr, item).holds(answer.item)
    relevant = np.diff(ptr) > 0
    proposed = (answer.votes > 0) & answer.present[:, :, None] & relevant[:, None, None]
    hits = proposed & hit[:, :, None]
    alone = hits & (proposed.sum(axis=2) == 1)[:, :, None]
    requests, found = max(int(relevant.sum()), 1), max(int(hit.sum()), 1)
    return pl.DataFrame(
        {
            "channel": list(answer.channels),
            "items": proposed.sum(axis=(0, 1)) / requests,
            "hit_ratio": hits.any(axis=1).sum(axis=0) / requests,
            "hits": hits.sum(axis=(0, 1)) / found,
            "unique_hits": alone.sum(axis=(0, 1)) / found,
        }
    )
