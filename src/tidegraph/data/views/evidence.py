"""What counts as evidence: one rule for weights of 0 and below, wherever they are read.

A user and an item whose actions' weights add up to 0 or less are no evidence: a return
that cancels a purchase, or a dislike. In training such a pair is as if it had never
been; in a history its item counts nothing; in a test there is nothing to find. It is
not evidence against anything either.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from tidegraph.data.log import Interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.kernels.ragged import owners, starts_where


def evident_pairs(matrix: Matrix) -> Matrix:
    """Return a matrix without the pairs that are no evidence."""
    kept = matrix.weight > 0
    if bool(kept.all()):
        return matrix
    ptr = starts_where(matrix.ptr, kept)
    return replace(matrix, ptr=ptr, item=matrix.item[kept], weight=matrix.weight[kept])


def is_evident(
    log: Interactions, pairs: Callable[[], Matrix] | None = None
) -> Bool[np.ndarray, " events"]:
    """Return which events are actions of a pair that is evidence.

    Args:
        log: The events.
        pairs: Gives those of the log that are evidence, where they are kept; it is
            called only if a weight is 0 or below.
    """
    action = log.label == 1
    if bool((log.weight[action] > 0).all()):
        return action
    found = evident_pairs(Matrix.of(log)) if pairs is None else pairs()
    items = len(log.items)
    known = owners(found.ptr) * items + found.item
    return action & np.isin(log.user.astype(np.int64) * items + log.item, known)


def is_positive(
    log: Interactions, pairs: Callable[[], Matrix] | None = None
) -> Bool[np.ndarray, " events"]:
    """Return which events say that somebody wanted an item.

    They have a weight above 0, and their pair is evidence: neither a return is one, nor
    a purchase that was sent back. What is to be found, or to be learnt to be right, is
    these.

    Args:
        log: The events.
        pairs: Gives those of the log that are evidence, where they are kept; it is
            called only if a weight is 0 or below.
    """
    return is_evident(log, pairs) & (log.weight > 0)


def positive_actions(log: Interactions) -> Interactions:
    """Return the events of a log that say that somebody wanted an item."""
    kept = is_positive(log)
    return log if bool(kept.all()) else log.take(kept)


def without_returns(log: Interactions) -> Interactions:
    """Return the events but the actions of a weight of 0 or below."""
    kept = is_shown(log)
    return log if bool(kept.all()) else log.take(kept)


def is_shown(log: Interactions) -> Bool[np.ndarray, " events"]:
    """Return which events were shown: all but the actions of a weight of 0 or below.

    What was taken is one, even if it was sent back later: of an event that is learnt as
    it was nothing later is told.
    """
    return (log.label == 0) | (log.weight > 0)
