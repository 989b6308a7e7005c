"""Graph neural networks for retrieval."""

from tidegraph.nn.conv.light import LightPropagation
from tidegraph.retrieval.embedding import STEADY, Embedding
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import BPR, PairLoss
from tidegraph.training.settings import Training


def lightgcn(
    layers: int = 3,
    size: int = 64,
    loss: PairLoss = BPR(),  # noqa: B008 - it is frozen
    l2: float = 1e-4,
    training: Training = STEADY,
    seed: int | None = None,
) -> Embedding:
    """Return LightGCN.

    Args:
        layers: How far vectors walk along edges.
        size: Numbers in a vector.
        loss: What it costs if a user's items are not told from others.
        l2: Penalty on the squared length of the vectors that a batch learns.
        training: How long and how fast to learn.
        seed: Seed of everything random; that of the run if left out.

    Source:
        He et al., "LightGCN", SIGIR 2020, equations 3 to 15.
    """
    objective = Objective(loss=loss, l2=l2)
    encoder = LightPropagation(layers)
    return Embedding("LightGCN", encoder, objective, size, training, seed)
