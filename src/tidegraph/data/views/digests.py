"""Digests of a log, by which what was learnt from it is known again."""

import hashlib
import io

import polars as pl

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
