"""The features of items as encoders get them."""

import numpy as np

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import feature_of_nodes, has_fractions
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.features.values import (
    category_numbers,
    check_tells_apart,
    standardised,
)
from tidegraph.nn.conv import Encoder, EncodesFeatures
from tidegraph.nn.graph_inputs import GraphInputs, NodeFeatures
from tidegraph.retrieval.objective.pairs import PairSource
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch


def described_graph(encoder: Encoder, pairs: PairSource) -> GraphInputs:
    """Return the graph of pairs, with the features of items that an encoder reads.

    Raises:
        DataError: One of them tells no two items of training apart.
    """
    graph = pairs.graph
    if not isinstance(encoder, EncodesFeatures) or not encoder.features:
        return graph
    items, columns = pairs.fold.log.items, encoder.features
    for column in columns:
        check_tells_apart(feature_of_nodes(items, column, "item"), graph.items, column)
    features = item_features(
        items, columns, graph.users, graph.items, categorical=encoder.categorical
    )
    return graph._replace(features=_with_others(features, graph))


def _with_others(features: NodeFeatures, graph: GraphInputs) -> NodeFeatures:
    """Return features of users and items with zeros for the nodes between them."""
    end = graph.users + graph.items
    sides = (
        torch.cat([side[:end], side.new_zeros(graph.others, side.shape[1]), side[end:]])
        for side in (features.category, features.number)
    )
    category, number = sides
    return NodeFeatures(category, features.sizes, number)


def item_features(
    items: Vocabulary,
    columns: tuple[str, ...],
    users: int,
    known: int,
    *,
    categorical: bool,
) -> NodeFeatures:
    """Return what some columns say of every item; of users nothing.

    Numbers are less their mean, over their deviation; what is no number is a category.
    Both are learnt from the first ``known`` items, so that an item that comes later
    has the features it would have had: a category that none of those has is unknown.

    Args:
        items: All items, whether training has them or not.
        columns: Features.
        users: How many users come before them.
        known: How many items training has.
        categorical: Take a number, too, as a category.

    Raises:
        DataError: The items have no such feature, or it is a number with a fraction
            where all must be categories.
    """
    number = [np.zeros((users + len(items), 0), np.float32)]
    code = [np.zeros((users + len(items), 0), np.int64)]
    sizes: list[int] = []
    for column in columns:
        values = feature_of_nodes(items, column, "item")
        if categorical and has_fractions(values):
            raise DataError(
                f"{column!r} is a number with a fraction, and side information is of "
                "categories. Cut it into ranges first, or leave it out."
            )
        if values.dtype.is_numeric() and not categorical:
            number.append(_padded_for_users(users, standardised(values, known)))
        else:
            kinds, row = category_numbers(values, known)
            code.append(_padded_for_users(users, row))
            sizes.append(kinds + 1)
    category = tensor(np.concatenate(code, axis=1))
    return NodeFeatures(category, tuple(sizes), tensor(np.concatenate(number, axis=1)))


def _padded_for_users(users: int, row: np.ndarray) -> np.ndarray:
    """Return a column of what is known of items, below zeros for users."""
    return np.concatenate([np.zeros(users, row.dtype), row])[:, None]
