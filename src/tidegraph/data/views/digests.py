"""Digests of a log, by which what was learnt from it is known again."""

import hashlib
import io

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions


def log_digest(log: Interactions, *said: bytes) -> str:
    """Return a digest of who did what and when, and of what is known of items.

    Args:
        log: The log; by the rows of its users and items, not by how they are called.
        said: What else is to tell one from another, such as how it is split.
    """
    arrays = [log.user, log.item, log.time, log.label]
    if bool((log.weight != 1).any()):
        arrays.append(log.weight)
    columns = (array.tobytes() for array in arrays)
    return short_hash(*columns, _bytes_of(log.items.features), *said)


def rest_digest(log: Interactions) -> str:
    """Return a digest of what is known of users, and of what is said of events."""
    return short_hash(_bytes_of(log.users.features), _bytes_of(log.context))


def order_digest(log: Interactions, *, by_user: bool) -> str:
    """Return a digest of who did what and when, in the order of the rows.

    Args:
        log: The log, by its ids, however it numbers them.
        by_user: Only the order of each user's own events counts.
    """
    user, users = _rank_by_id(log.users, log.user)
    item, items = _rank_by_id(log.items, log.item)
    order = np.argsort(user, kind="stable") if by_user else slice(None)
    columns = (column[order].tobytes() for column in (user, item, log.time))
    return short_hash(*columns, users, items)


def _rank_by_id(
    vocabulary: Vocabulary, rows: Int32[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " n"], bytes]:
    """Return the place of each row's id among all of them in order, and these."""
    used = np.flatnonzero(np.bincount(rows)).astype(np.int32)
    ids = vocabulary.decode(used).cast(pl.String)
    order = ids.arg_sort().to_numpy()
    rank = np.zeros(len(vocabulary), np.int64)
    rank[used[order]] = np.arange(len(used))
    return rank[rows], "\0".join(ids[order].fill_null("").to_list()).encode()


def short_hash(*parts: bytes) -> str:
    """Return 96 bits that tell these bytes, one behind the other, from others."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:24]


def _bytes_of(table: pl.DataFrame) -> bytes:
    held = io.BytesIO()
    table.write_ipc(held)
    return held.getvalue()
