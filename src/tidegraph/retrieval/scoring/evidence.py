"""What of a fold counts as evidence; see ``data.views.evidence``."""

import numpy as np
import scipy

from tidegraph.data.interactions import Interactions
from tidegraph.data.views.evidence import evident_pairs as pairs_of_evidence
from tidegraph.data.views.evidence import is_evident, is_positive
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.rewriting.erasure import without_nodes
from tidegraph.graph.snapshot import Snapshot
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
    kept = is_evident(fold.events, lambda: fold.view(evident_pairs))
    return fold.events if bool(kept.all()) else fold.events.take(kept)


def positive_events(fold: Fold) -> Interactions:
    """Return ``positive_actions`` as a view of a fold, perhaps without an event."""
    kept = is_positive(fold.events, lambda: fold.view(evident_pairs))
    return fold.events if bool(kept.all()) else fold.events.take(kept)


def evident_graph(fold: Fold) -> Snapshot:
    """Return the graph of a fold, as if what is no evidence had never been.

    Of pairs that are evidence, actions with a weight of 0 or below are no edges either:
    nothing walks along a return.
    """
    log = fold.events
    kept = is_positive(log, lambda: fold.view(evident_pairs)) | (log.label == 0)
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
