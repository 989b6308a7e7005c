"""BPR-MF: matrix factorisation for the order of items."""

from tidegraph.nn.conv.identity import Identity
from tidegraph.retrieval.embedding import STEADY, Embedding
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import BPR, PairLoss
from tidegraph.training.settings import Training


def bpr_mf(
    size: int = 64,
    loss: PairLoss = BPR(),  # noqa: B008 - it is frozen
    l2: float = 1e-2,
    training: Training = STEADY,
    seed: int | None = None,
) -> Embedding:
    """Return matrix factorisation, with the pairwise loss unless said.

    Args:
        size: Numbers in a vector.
        loss: What it costs if a user's items are not told from others.
        l2: Penalty on the squared length of the vectors of a batch.
        training: How long and how fast to learn.
        seed: Seed of everything random; that of the run if left out.

    Source:
        Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI
        2009. Departs: Adam in place of plain gradient steps, no item bias.
    """
    return Embedding(
        "BPR-MF", Identity(), Objective(loss=loss, l2=l2), size, training, seed
    )
