"""Labels of examples: both are there; and what else was done, such as bought."""

from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int64, Shaped

from tidegraph.data.context import carried_column
from tidegraph.data.interactions import Interactions
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.ragged import owners, ranges, starts
from tidegraph.stages import Examples, ItemSets
from tidegraph.stages.evidence import events_where, positive_history


def check_both_labels(
    label: Shaped[np.ndarray, " n"], part: Literal["the past", "validation"]
) -> None:
    """Refuse candidates of which all were right, or none.

    Raises:
        DataError: That is so, or there is none.
    """
    right = label > 0
    if right.all() or not right.any():
        mend = "Retrieve more candidates, or lengthen the windows."
        if part == "validation":
            mend = "Give a longer validation part."
        raise DataError(
            f"every candidate of {part} has the same label, so nothing can be learnt "
            f"from them. {mend}"
        )


def further_label(examples: Examples, name: str) -> Float32[np.ndarray, "b k"]:
    """Return 1 where a candidate's user did so with it within the request's window.

    The window is from the time of the request on, and ends before ``until``. What was
    undone in it, by weights that add up to 0 or less, is not done.

    Args:
        examples: Past requests and their candidates.
        name: What was done: ``bought`` is edges of the graph that lead from users to
            items, or else a column of the log's context that is true, or above 0;
            ``event=bought`` is a value of a column.

    Raises:
        DataError: There are no such edges and no such column, or the examples do not
            say when their windows end.
    """
    if examples.until is None:
        raise DataError(
            f"the examples do not say until when {name!r} counts. Give them the end "
            "of each request's window, until=; a split user by user has none."
        )
    graph = examples.requests.graph
    edges = _label_edges(graph, name)
    user, since = examples.requests.user, examples.requests.time
    start = edges.span_before(user, since)[1]
    ptr = starts(np.maximum(edges.span_before(user, examples.until)[1] - start, 0))
    slot = ranges(start, ptr)
    window = edges.histories_at(ptr, slot)
    if name not in graph.edges:
        true = _holds_label(graph, name, edges.edge[slot].astype(np.int64))
        window = events_where(window, true)
    window = positive_history(window)
    done = ItemSets.of_pairs(owners(window.ptr), window.node, len(examples.requests))
    return done.holds(examples.candidates.item).astype(np.float32)


def check_label(log: Interactions, edges: Snapshot | None, name: str) -> None:
    """Refuse a label that ``further_label`` would not find, before anything is learnt.

    Args:
        log: The log, with what is said of its events.
        edges: Further edges that the graph will have, if any.
        name: What is done, as there.

    Raises:
        DataError: There are no such edges and no such column.
    """
    if edges is not None and name in edges.edges:
        _check_edges(edges, name)
        return
    values = _label_column(log.context, name)
    if not name.partition("=")[2]:
        _check_truth(values)


def _label_edges(graph: Snapshot, name: str) -> TemporalCSR:
    """Return the edges that tell, with those of actions where a column does.

    Raises:
        DataError: There are none, or they say not who did what when.
    """
    if name not in graph.edges:
        _label_column(graph.edge(ACTION).table.columns, name)
        return graph[ACTION]
    _check_edges(graph, name)
    return graph[name]


def _label_column(context: pl.DataFrame, name: str) -> pl.Series:
    purpose = f"for the label {name!r}, and there are no edges of that name"
    return carried_column(context, name.partition("=")[0], purpose)


def _check_edges(graph: Snapshot, name: str) -> None:
    if graph.ends(name) != (USER, ITEM) or not graph[name].is_timed:
        raise DataError(
            f"the edges {name!r} are no label: they are not of users with items, at "
            "times. Name others, or a column of the log."
        )


def _check_truth(values: pl.Series) -> None:
    kind = values.dtype
    if not kind.is_numeric() and kind != pl.Boolean:
        raise DataError(
            f"the column {values.name!r} is of {kind}, which is neither true nor "
            f'false. Say which of its values counts, such as "{values.name}=purchase".'
        )


def _holds_label(
    graph: Snapshot, name: str, edge: Int64[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Return of which actions a column says so."""
    column, _, wanted = name.partition("=")
    values = graph.edge(ACTION).features[column].gather(edge)
    if wanted:
        found = values.cast(pl.String) == wanted
    else:
        _check_truth(values)
        # To polars NaN is above all numbers; here it is unknown.
        found = values.cast(pl.Float64).fill_nan(None) > 0
    return found.fill_null(value=False).to_numpy()
