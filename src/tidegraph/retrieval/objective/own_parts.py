"""What parts of one's own answer, refused in a sentence where it does not fit."""

from typing import cast

from jaxtyping import Float

from tidegraph.arguments.conversion import shown
from tidegraph.errors import ConfigError, type_of
from tidegraph.extras import needed
from tidegraph.nn.conv import Encoder, NodeVectors
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.objective.losses import PairLoss
from tidegraph.retrieval.objective.scored import Scored

with needed("torch", "neural", "a neural network"):
    from torch import Tensor


def module_of(encoder: Encoder, graph: GraphInputs, size: int) -> NodeVectors:
    """Return what an encoder makes of a graph.

    Raises:
        ConfigError: It is no module of vectors of nodes.
    """
    module = cast(object, encoder.of_graph(graph, size))
    if not isinstance(module, NodeVectors):
        raise ConfigError(
            f"{shown(encoder)} makes {type_of(module)} of a graph; of_graph must make "
            "a module of the class tidegraph.nn.conv.NodeVectors."
        )
    return module


def check_vectors(
    encoder: Encoder, vectors: Tensor, nodes: int, size: int
) -> Float[Tensor, "nodes size"]:
    """Return vectors of nodes, if there is one of the right size for each.

    Raises:
        ConfigError: There is not.
    """
    if tuple(vectors.shape) != (nodes, size):
        raise ConfigError(
            f"{shown(encoder)} makes vectors of the shape {tuple(vectors.shape)}, and "
            f"{nodes} nodes of embedding_size {size} need {(nodes, size)}."
        )
    return vectors


def cost(loss: PairLoss, batch: Scored) -> Float[Tensor, ""]:
    """Return the loss of a batch.

    Raises:
        ConfigError: It is not one number.
    """
    found = cast(object, loss.loss(batch))
    if not isinstance(found, Tensor) or found.ndim:
        of = f"the shape {tuple(found.shape)}" if isinstance(found, Tensor) else ""
        raise ConfigError(
            f"{shown(loss)} gives {of or type_of(found)} for the loss of a batch; "
            "loss(batch) must return one number, such as the mean over pairs."
        )
    return found
