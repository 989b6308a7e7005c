"""The graph as others hold it: PyG, networkx and SciPy; tables go through Arrow.

What a tensor library cannot hold, such as names, is left out there: ids become rows,
and only numeric features go along. networkx keeps everything.
"""

import importlib
from typing import Any, cast

import numpy as np
import polars as pl
from scipy import sparse

from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.edge_store import EdgeStore

_TIME, _WEIGHT = "time", "weighted_by"


def to_scipy(graph: Snapshot | Graph, edge: str) -> sparse.csr_array:
    """Return a matrix of sources by targets; parallel edges add their weights."""
    graph = graph.snapshot()
    side, (here, there) = graph[edge], graph.ends(edge)
    slot = side.slots()
    return sparse.csr_array(
        (side.weight_at(slot), (side.owners(), side.node[slot])),
        shape=(len(graph.typed(here)), len(graph.typed(there))),
    )


def from_scipy(
    matrix: sparse.csr_array, edge: str, ends: tuple[str, str] = ("user", "item")
) -> Graph:
    """Return a graph of one type of edge without time, weighted by the entries."""
    entries = matrix.tocoo()
    graph = Graph()
    for name, size in zip(ends, entries.shape, strict=False):
        graph.nodes(name, {name: np.arange(size)}, key=name)
    row, column = entries.coords
    table = {"source": row, "target": column, "weight": entries.data}
    where = f"source: {ends[0]} -> target: {ends[1]}"
    return graph.edges(edge, table, where, weight="weight")


def to_networkx(graph: Snapshot | Graph) -> Any:
    """Return a ``networkx.MultiDiGraph``.

    A node is the pair of its type and its id, with its features; an edge has its type
    for a key's first part, its number for the second, and its time and features. Nodes
    that were erased are left out.
    """
    graph = graph.snapshot().compacted()
    with needed("networkx", "interop", "handing a graph to networkx"):
        peer: Any = importlib.import_module("networkx").MultiDiGraph()
    peer.graph["tick"] = graph.tick
    for name, nodes in graph.nodes.items():
        ids, features = nodes.vocabulary.ids, nodes.vocabulary.features
        blank: list[dict[str, Any]] = [{}] * len(ids)
        held = features.to_dicts() if features.width else blank
        peer.add_nodes_from(
            ((name, one), row)
            for one, row in zip(ids, held, strict=True)
            if one is not None
        )
        peer.graph.setdefault("keys", {})[name] = nodes.key
    for name, edges in graph.edges.items():
        table = _edge_table(graph, edges)
        peer.graph.setdefault("edges", {})[name] = [
            *(edges.source, edges.target, edges.time, edges.weight)
        ]
        for number, row in enumerate(table.iter_rows(named=True)):
            source, target = row.pop("source id"), row.pop("target id")
            ends = ((edges.source, source), (edges.target, target))
            peer.add_edge(*ends, key=(name, number), **row)
    return peer


def from_networkx(peer: Any) -> Graph:
    """Return the graph that ``to_networkx`` made, or one of your own.

    A node is a pair of its type and its id, such as ``("user", 7)``. An edge has a key
    such as ``("click", 0)`` or an attribute ``type``; ``time`` and ``weight`` are taken
    for what they say. Times are whole Unix seconds, or if ``peer.graph["tick"]`` is
    ``"ms"`` or ``"us"`` thousandths or millionths of one.

    Args:
        peer: A ``networkx.MultiDiGraph``.

    Raises:
        DataError: A node is not a pair of type and id, or an edge has no type.
    """
    graph = Graph(tick=peer.graph.get("tick"))
    tables: dict[str, list[dict[str, object]]] = {}
    for node, features in peer.nodes(data=True):
        if not (isinstance(node, tuple) and len(cast(tuple[Any, ...], node)) == 2):
            raise DataError(
                f"node {node!r} is not a pair of type and id, such as ('user', 7)."
            )
        name, one = cast(tuple[str, object], node)
        key = peer.graph.get("keys", {}).get(name, name)
        tables.setdefault(name, []).append({key: one, **features})
    for name, rows in tables.items():
        key = peer.graph.get("keys", {}).get(name, name)
        graph.nodes(name, pl.DataFrame(rows, infer_schema_length=None), key=key)
    for name, rows in _edges_by_type(peer).items():
        _, a, b, features = rows[0]
        source, target, time, weight = peer.graph.get("edges", {}).get(name) or (
            *(a[0], b[0]),
            *(known if known in features else None for known in (_TIME, "weight")),
        )
        table = pl.DataFrame(
            [{"source id": a[1], "target id": b[1], **row} for _, a, b, row in rows],
            infer_schema_length=None,
        )
        ends = f"source id: {source} -> target id: {target}"
        named = {"time": time, "weight": weight}
        unit = graph.snapshot().tick if time else None
        graph.edges(name, table, ends, **named, time_unit=unit)
    return graph


def _edges_by_type(
    peer: Any,
) -> dict[str, list[tuple[int, Any, Any, dict[str, object]]]]:
    """Return number, ends and features of the edges of each type, by number."""
    if not (peer.is_directed() and peer.is_multigraph()):
        raise DataError(
            f"{type(peer).__name__} is no networkx.MultiDiGraph. Make one of it first."
        )
    found: dict[str, list[tuple[int, Any, Any, dict[str, object]]]] = {}
    for n, (a, b, key, row) in enumerate(peer.edges(keys=True, data=True)):
        features, name, number = dict(row), None, n
        if isinstance(key, tuple) and len(cast(tuple[Any, ...], key)) == 2:
            name, number = cast(tuple[Any, Any], key)
        else:
            name = features.pop("type", None)
        if not isinstance(name, str):
            raise DataError(
                f"the edge from {a!r} to {b!r} has no type. Give it a key such as "
                "('click', 0), or an attribute type='click'."
            )
        found.setdefault(name, []).append((number, a, b, features))
    for rows in found.values():
        rows.sort(key=lambda row: row[0])
    return found


def to_pyg(graph: Snapshot | Graph) -> Any:
    """Return a PyG ``HeteroData``: numeric features, edges by number, ``time``.

    Times are Unix seconds, or what ``peer.tick`` says if the graph counts finer. Nodes
    that were erased keep their rows, with features of 0.
    """
    graph = graph.snapshot().compacted()
    with needed("torch_geometric", "interop", "handing a graph to PyG"):
        torch: Any = importlib.import_module("torch")
        peer: Any = importlib.import_module("torch_geometric.data").HeteroData()
    for name, nodes in graph.nodes.items():
        peer[name].num_nodes = len(nodes)
        there = nodes.vocabulary.ids.is_not_null()
        for column, values in _numeric_columns(
            nodes.vocabulary.features, there
        ).items():
            peer[name][column] = torch.from_numpy(values)
    if graph.tick != "s":
        peer.tick = graph.tick
    for name, edges in graph.edges.items():
        source, target, time = _ends_and_times(edges)
        kind = (edges.source, name, edges.target)
        pair = np.stack([source, target]).astype(np.int64)
        peer[kind].edge_index = torch.from_numpy(pair)
        if edges.time is not None:
            peer[kind][_TIME] = torch.from_numpy(time)
        there = pl.repeat(value=True, n=len(edges), eager=True)
        for column, values in _numeric_columns(edges.features, there).items():
            peer[kind][column] = torch.from_numpy(values)
        if edges.weight is not None:
            peer[kind][_WEIGHT] = edges.weight
    return peer


def from_pyg(peer: Any) -> Graph:
    """Return a graph whose ids are PyG's rows; tensors with a row each are features.

    Raises:
        DataError: An edge leads to a node that there is not.
    """
    graph = Graph(tick=getattr(peer, "tick", None))
    for name in peer.node_types:
        size, held = int(peer[name].num_nodes), dict(peer[name].items())
        table = {name: np.arange(size), **_numpy_columns(held, size)}
        graph.nodes(name, table, key=name)
    for kind in peer.edge_types:
        source, name, target = kind
        held = dict(peer[kind].items())
        pair, weight = held.pop("edge_index").numpy(), held.pop(_WEIGHT, None)
        for row, end in zip(pair, (source, target), strict=True):
            size = len(graph.snapshot().typed(end))
            if len(row) and not 0 <= int(row.min()) <= int(row.max()) < size:
                raise DataError(
                    f"edges {name!r} lead to rows {int(row.min())} to {int(row.max())} "
                    f"of {end!r}, and there are {size} nodes. Mend edge_index."
                )
        table = {
            "source": pair[0],
            "target": pair[1],
            **_numpy_columns(held, len(pair[0])),
        }
        time = _TIME if _TIME in table else None
        ends = f"source: {source} -> target: {target}"
        unit = graph.snapshot().tick if time else None
        graph.edges(name, table, ends, time=time, time_unit=unit, weight=weight)
    return graph


def _ends_and_times(edges: EdgeStore) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return source, target and time of each edge, in the order of edge numbers."""
    slot = edges.out.slots()
    order = np.argsort(edges.out.edge[slot], kind="stable")
    slot, owner = slot[order], edges.out.owners()[order]
    return owner, edges.out.node[slot], edges.out.time_at(slot)


def _edge_table(graph: Snapshot, edges: EdgeStore) -> pl.DataFrame:
    source, target, time = _ends_and_times(edges)
    columns = [
        graph.nodes[edges.source].vocabulary.decode(source).alias("source id"),
        graph.nodes[edges.target].vocabulary.decode(target).alias("target id"),
    ]
    if edges.time is not None:
        columns.append(pl.Series(edges.time, time))
    return pl.DataFrame([*columns, *edges.features.iter_columns()])


def _numeric_columns(table: pl.DataFrame, there: pl.Series) -> dict[str, np.ndarray]:
    """Return the numeric columns without gaps, each writable; 0 in rows not there."""
    found: dict[str, np.ndarray] = {}
    for column in table.iter_columns():
        held = column.filter(there)
        if _is_numeric(column.dtype) and not held.null_count():
            numbers = held.to_numpy()
            found[column.name] = np.zeros(
                (len(there), *numbers.shape[1:]), numbers.dtype
            )
            found[column.name][there.to_numpy()] = numbers
    return found


def _numpy_columns(held: dict[str, Any], size: int) -> dict[str, np.ndarray]:
    return {
        name: value.numpy()
        for name, value in held.items()
        if hasattr(value, "numpy") and value.ndim in (1, 2) and len(value) == size
    }


def _is_numeric(kind: object) -> bool:
    inner = kind.inner if isinstance(kind, pl.Array) else kind
    return isinstance(inner, pl.DataType) and inner.is_numeric()
