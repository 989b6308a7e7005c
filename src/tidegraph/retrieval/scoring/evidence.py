"""What of a fold, and of a history, counts as evidence; see ``data.views.evidence``."""

import numpy as np
import scipy
from jaxtyping import Bool

from tidegraph.data.interactions import Interactions
from tidegraph.data.views.evidence import evident_pairs as pairs_of_evidence
from tidegraph.data.views.evidence import is_evident, is_positive
from tidegraph.data.views.matrix import Matrix, exceeds_rounding
from tidegraph.errors import DataError
from tidegraph.graph.erasure import without_nodes
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.few import Few, are_few
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import starts_where
from tidegraph.stages import Fold, Train


def evidence(train: Train, method: str) -> Matrix:
    """Return who interacted with what, without the pairs that are no evidence.

    Raises:
        DataError: ``train`` is neither a log nor a matrix, or nothing is left of it.
    """
    fold = Fold.of(train, method)
    matrix = fold.view(evident_pairs)
    if not len(matrix.item):
        raise _no_evidence_error(method)
    return matrix


def evident_log(train: Train, method: str) -> Interactions:
    """Return the actions of a log, without those of pairs that are no evidence.

    Raises:
        DataError: ``train`` is no log, or nothing is left of it.
    """
    fold = Fold.of(train, method)
    log = fold.view(evident_actions)
    if not len(log):
        raise _no_evidence_error(method)
    return log


def users_of_items(train: Train, method: str) -> "scipy.sparse.csr_array":
    """Return ``evidence`` with a row per item; the array is shared, so only read it.

    Raises:
        DataError: ``train`` is neither a log nor a matrix, or nothing is left of it.
    """
    fold = Fold.of(train, method)
    evidence(fold, method)
    return fold.view(_transposed_matrix)


def evident_pairs(fold: Fold) -> Matrix:
    """Return ``evidence`` as a view of a fold, perhaps without a pair."""
    return pairs_of_evidence(fold.matrix)


def evident_actions(fold: Fold) -> Interactions:
    """Return ``evident_log`` as a view of a fold, perhaps without an event."""
    kept = is_evident(fold.events, fold.view(evident_pairs))
    return fold.events if bool(kept.all()) else fold.events.take(kept)


def positive_events(fold: Fold) -> Interactions:
    """Return ``positive_actions`` as a view of a fold, perhaps without an event."""
    kept = is_positive(fold.events, fold.view(evident_pairs))
    return fold.events if bool(kept.all()) else fold.events.take(kept)


def evident_graph(fold: Fold) -> Snapshot:
    """Return the graph of a fold, as if what is no evidence had never been.

    Of pairs that are evidence, actions with a weight of 0 or below are no edges either:
    nothing walks along a return.
    """
    log = fold.events
    kept = is_positive(log, fold.view(evident_pairs)) | (log.label == 0)
    if bool(kept.all()):
        return fold.graph
    return Snapshot.of(log.take(kept), fold.edges)


def trained_graph(fold: Fold) -> Snapshot:
    """Return ``evident_graph`` without the edges of users and items of no evidence.

    Nobody learns a vector for these, so that nobody may walk to them.
    """
    graph, pairs = fold.view(evident_graph), fold.view(evident_pairs)
    for name, rows in ((USER, np.diff(pairs.ptr)), (ITEM, np.bincount(pairs.item))):
        unknown = np.ones(len(graph.typed(name)), np.bool_)
        unknown[np.flatnonzero(rows)] = False
        linked = np.zeros(len(unknown), np.bool_)
        for edge in graph.leading_from(name):
            degree = graph[edge].degree()
            linked[: len(degree)] |= degree > 0
        if bool((linked & unknown).any()):
            gone = np.flatnonzero(linked & unknown).astype(np.int32)
            graph = without_nodes(graph, name, gone)
    return graph


def _transposed_matrix(fold: Fold) -> "scipy.sparse.csr_array":
    return scipy.sparse.csr_array(fold.view(evident_pairs).csr().T)


def evident_history(history: Histories) -> Histories:
    """Return the events of each history whose items are evidence."""
    if bool((history.weight > 0).all()):
        return history
    node, size = history.node, int(history.node.max()) + 1
    if are_few(len(node), size):
        few = Few.of(node)
        node, size = few.places(node), len(few)
    kept = np.zeros(len(node), np.bool_)
    _mark(history.ptr, node, history.weight, max(size, 0), kept)
    return some_of(history, kept)


def positive_history(history: Histories) -> Histories:
    """Return the events of each history that say that somebody wanted an item."""
    if bool((history.weight > 0).all()):
        return history
    history = evident_history(history)
    return some_of(history, history.weight > 0)


def some_of(history: Histories, kept: Bool[np.ndarray, " events"]) -> Histories:
    """Return some events of each history."""
    ptr = starts_where(history.ptr, kept)
    return Histories(ptr, history.node[kept], history.time[kept], history.weight[kept])


def trained_until(train: Train) -> int | None:
    """Return the time of the last training event; None where there are no times."""
    log = train.log if isinstance(train, Fold) else train
    if isinstance(log, Interactions) and len(log) and log.clock != "none":
        return int(log.time[-1])
    return None


def _no_evidence_error(method: str) -> DataError:
    return DataError(
        f"{method} has nothing to learn from: the weights of each user's actions on an "
        "item add up to 0 or less. Leave weight out, or check its sign."
    )


@compiled
def _mark(
    ptr: np.ndarray,
    node: np.ndarray,
    weight: np.ndarray,
    size: int,
    kept: Bool[np.ndarray, " events"],
) -> None:
    """Mark the events whose item's weights add up to more than 0 in their history."""
    total, gross = np.zeros(size), np.zeros(size)
    for row in range(ptr.size - 1):
        for h in range(ptr[row], ptr[row + 1]):
            if node[h] >= 0:
                total[node[h]] += weight[h]
                gross[node[h]] += abs(weight[h])
        for h in range(ptr[row], ptr[row + 1]):
            i = node[h]
            kept[h] = i >= 0 and exceeds_rounding(total[i], gross[i])
        for h in range(ptr[row], ptr[row + 1]):
            if node[h] >= 0:
                total[node[h]] = gross[node[h]] = 0
