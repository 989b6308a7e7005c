"""Who the ends of edges are: the types that columns name, and the rows of their ids."""

from collections.abc import Collection, Mapping

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.errors import DataError
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.storage import ingest


def type_of(nodes: Mapping[str, Nodes], column: str, named: str | None) -> str:
    """Return the type of the nodes whose ids a column holds.

    Args:
        nodes: Node type to its nodes.
        column: The column, which is of the type whose key has its name.
        named: The type, if it was named.

    Raises:
        DataError: No type has such a key, or several have.
    """
    if named is not None:
        return named
    found = [name for name, held in nodes.items() if held.key == column]
    if len(found) != 1:
        known = ", ".join(f"{n} ({x.key})" for n, x in nodes.items())
        raise DataError(
            f"column {column!r} is the key of {len(found)} node types. Say which "
            f"type it is, as '{column}: type -> ...'. There are: {known or 'none'}."
        )
    return found[0]


def types_of(nodes: Mapping[str, Nodes], where: ingest.Ends) -> tuple[str, str]:
    """Return the types of both ends of an edge; see ``type_of``."""
    return (
        type_of(nodes, where.source, where.source_type),
        type_of(nodes, where.target, where.target_type),
    )


def end_rows(
    nodes: Mapping[str, Nodes],
    name: str,
    rows: pl.DataFrame,
    ends: tuple[str, str],
    types: tuple[str, str],
) -> tuple[dict[str, Nodes], tuple[np.ndarray, np.ndarray]]:
    """Return the nodes with the ends of new edges, and the rows of both ends."""
    whole = dict(nodes)
    at: list[np.ndarray] = []
    for column, side in zip(ends, types, strict=True):
        ids, held = ingest.ids_in_column(rows, column, name), whole[side]
        longer, found = held.vocabulary.with_rows(ids)
        if longer is not held.vocabulary:
            whole[side] = Nodes(longer, held.key)
        at.append(found)
    return whole, (at[0], at[1])


def check_rows(name: str, rows: Int32[np.ndarray, " n"], nodes: Nodes) -> None:
    """Raise DataError if a row is no node of a type, or one that was erased."""
    check_range(name, rows, len(nodes), "Add nodes first.")
    ids = nodes.vocabulary.ids
    if not ids.null_count():
        return
    held = nodes.vocabulary.decode(rows)
    if held.null_count():
        erased = rows[held.is_null().to_numpy()][0]
        raise DataError(
            f"row {erased} of {name!r} was erased. Leave "
            "its edges out, or add them by id with append(), which makes a new node."
        )


def check_range(name: str, rows: Int32[np.ndarray, " n"], size: int, mend: str) -> None:
    """Raise DataError, which says the mend, if a row is beyond the nodes of a type."""
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < size:
        raise DataError(
            f"rows {int(rows.min())} to {int(rows.max())} are not all {name!r} nodes: "
            f"there are {size}. {mend}"
        )


def check_new(name: str, edges: Collection[str]) -> None:
    """Refuse a name for a type of edge that is taken or is none.

    Raises:
        DataError: It is.
    """
    if name in edges:
        raise DataError(
            f"the graph has edges {name!r} already. Use append() to add to them."
        )
    if not name.isidentifier():
        raise DataError(
            f"{name!r} is no name for an edge. Use letters, digits and '_'."
        )
