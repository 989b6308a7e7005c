"""Further nodes and edges beside a log: knowledge, friends, a second behaviour."""

from dataclasses import replace

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import Clock
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ACTION, IMPRESSION, ITEM, USER
from tidegraph.graph.join import union
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Fold


def graph_beside_log(
    fold: Fold, users: Vocabulary, items: Vocabulary, graph: Snapshot
) -> Snapshot:
    """Return a graph whose users and items begin with those of a log, row by row.

    Args:
        fold: A part of the log.
        users: The users of the log, whose rows stay.
        items: Its items, whose rows stay.
        graph: Further nodes and edges; ids of users and items that the log lacks
            become nodes behind its own.

    Raises:
        DataError: The graph holds the log's own edges, shares no node with it, or the
            two do not fit one another.
    """
    _check_given_edges(graph, fold.events.clock)
    ours = Snapshot({USER: Nodes(users, USER), ITEM: Nodes(items, ITEM)}, {})
    shared = [name for name in ours.nodes if name in graph.nodes]
    if not shared:
        raise DataError(
            f"the graph has the nodes {', '.join(graph.nodes) or 'none'}, and a log "
            f"has {USER!r} and {ITEM!r}: nothing joins them. Call them so."
        )
    for name in shared:
        ids, held = graph.nodes[name].vocabulary, ours.nodes[name].vocabulary
        if len(ids) and not bool((held.encode(ids.ids) >= 0).any()):
            raise DataError(
                f"no {name} of the graph is in the log: the graph holds "
                f"{ids.ids.first()!r}, the log {held.ids.first()!r}. Write ids alike."
            )
    return union(ours, graph)


def fold_with_edges(fold: Fold, whole: Snapshot) -> Fold:
    """Return a fold with the further edges that are not later than it.

    Args:
        fold: The log or a part of it.
        whole: What ``graph_beside_log`` returned for the log.
    """
    log = fold.events
    end = int(log.time[-1]) + 1
    edges = whole if whole.latest < end else whole.before(end)
    return Fold(with_node_features(log, whole), edges=edges)


def with_node_features(log: Interactions, nodes: Snapshot) -> Interactions:
    """Return a log whose users and items have what is known of them in a graph.

    Args:
        log: The log.
        nodes: What ``graph_beside_log`` returned for it, or a log that shares its ids.
    """
    users, items = (
        _first_ids(log.users, nodes.users),
        _first_ids(log.items, nodes.items),
    )
    return replace(log, users=users, items=items)


def _first_ids(ids: Vocabulary, whole: Vocabulary) -> Vocabulary:
    """Return the ids of a log as they are in a graph, without those behind them."""
    features, same = whole.features.head(len(ids)), whole.ids.dtype == ids.ids.dtype
    held = ids.ids if same else whole.ids.head(len(ids))
    return Vocabulary(held, features, ids.lookup if same else None)


def _check_given_edges(graph: Snapshot, clock: Clock) -> None:
    for name, edges in graph.edges.items():
        if name in (ACTION, IMPRESSION):
            raise DataError(
                f"the graph holds edges {name!r}, and those come from the log. Leave "
                "them out of graph=, or call them otherwise."
            )
        if edges.time is not None and clock != "seconds":
            raise DataError(
                f"edges {name!r} of the graph have times, and the log has "
                f"{'positions' if clock == 'order' else 'none'}, so what came first "
                "cannot be told. Read the log with its times."
            )
