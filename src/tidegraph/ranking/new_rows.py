"""Rows of a ranker's tables for users and items that came after its training."""

import numpy as np

from tidegraph.extras import needed
from tidegraph.features.tables import Side, Tables
from tidegraph.nn.wide import Wide
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.training.weights import restore_weights, weights_of

with needed("torch", "neural", "a neural network"):
    import torch


def with_rows(ranker: FittedNeuralRanker, items: int, users: int) -> FittedNeuralRanker:
    """Return a copy of a ranker that has a row for each of the first items and users.

    A new row is that of the unknown, so the copy answers as the ranker does until it
    learns. A ranker that does not tell items and users apart by who they are gets none.

    Args:
        ranker: The ranker, which stays as it is.
        items: How many items have a row; those that have one keep it.
        users: How many users.
    """
    before = ranker.tables
    tables = before
    ids = ranker.settings.features.ids
    if ids:
        user = before.user.reaching(users) if ids is True else before.user
        tables = Tables(before.item.reaching(items), user, before.event)
    network, arrays = _network_on_meta(ranker, tables), dict[str, np.ndarray]()
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    by_item, by_user = _tables_by_node(ranker)
    for name, array in weights_of(ranker.network).items():
        side = before.item if name in by_item else before.user
        if name in by_item or name in by_user:
            arrays[name] = _lengthen_table(array, side, shapes[name][0])
        else:
            arrays[name] = array.copy()
    restore_weights(network, arrays)
    return FittedNeuralRanker(
        ranker.settings, ranker.features, tables, network, ranker.curve
    )


def _network_on_meta(ranker: FittedNeuralRanker, tables: Tables) -> Wide:
    """Return the network of some tables, without memory for weights."""
    with torch.device("meta"):
        return ranker.settings.network(ranker.features, tables)


def _tables_by_node(ranker: FittedNeuralRanker) -> tuple[set[str], set[str]]:
    """Return which weights have a row for each item, and which for each user.

    Those that would be longer if there were one more, whatever a model calls them.
    """
    tables = ranker.tables
    item, user = (
        Side(side.known + 1, side.kinds, side.code, side.spare)
        for side in (tables.item, tables.user)
    )
    more = (
        Tables(item, tables.user, tables.event),
        Tables(tables.item, user, tables.event),
    )
    now = {n: v.shape for n, v in ranker.network.state_dict().items()}
    longer = [_network_on_meta(ranker, one).state_dict() for one in more]
    by_item, by_user = (
        {name for name, value in one.items() if value.shape != now[name]}
        for one in longer
    )
    return by_item, by_user


def _lengthen_table(array: np.ndarray, side: Side, rows: int) -> np.ndarray:
    """Return a table of so many rows, of which all without a node are that of none."""
    out = np.repeat(array[:1], rows, axis=0)
    out[: 1 + side.known] = array[: 1 + side.known]
    out[1 + side.untrained] = array[0]
    return out
