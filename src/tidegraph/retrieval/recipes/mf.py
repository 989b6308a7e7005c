"""Matrix factorisation, trained by pairs."""

from tidegraph.arguments import checked
from tidegraph.errors import ConfigError
from tidegraph.nn.conv.identity import Identity
from tidegraph.nn.conv.start import Spectral
from tidegraph.nn.conv.svdpp import SVDPlusPlus
from tidegraph.retrieval.embedding import STEADY, Embedding
from tidegraph.retrieval.index import Index
from tidegraph.retrieval.index.exact import EXACT
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import BPR, PairLoss, SampledSoftmax
from tidegraph.training.optimizers import LazyAdam
from tidegraph.training.schedules import Linear
from tidegraph.training.settings import Training

SHORT = Training(12, 2048, LazyAdam(3e-3), Linear(0.0), patience=None)
"""For vectors that begin where a filter of the graph stands."""


@checked(ConfigError)
def bpr_mf(
    embedding_size: int = 64,
    loss: PairLoss = BPR(),  # noqa: B008 - it is frozen
    l2: float = 1e-2,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return matrix factorisation, with the pairwise loss unless said.

    Args:
        embedding_size: Numbers in a vector.
        loss: What it costs if a user's items are not told from others.
        l2: Penalty on the squared length of the vectors of a batch.
        training, seed, index: As of ``Embedding``.

    Source:
        Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI
        2009. Departs: Adam in place of plain gradient steps, no item bias.
    """
    learn = Objective(loss=loss, l2=l2), embedding_size, training, seed, index
    return Embedding("BPR-MF", Identity(), *learn)


@checked(ConfigError)
def softmax_mf(
    embedding_size: int = 128,
    temperature: float = 0.1,
    negatives: int = 1024,
    training: Training = SHORT,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return matrix factorisation by a sampled softmax over cosines.

    Vectors begin with the spectrum of the graph, so that a dozen epochs do.

    Args:
        embedding_size: Numbers in a vector.
        temperature: What cosines are divided by; the lower, the more the hardest of the
            negatives count.
        negatives: How many of all items each batch is told from.
        training, seed, index: As of ``Embedding``.

    Source:
        Wu et al., "On the Effectiveness of Sampled Softmax Loss for Item
        Recommendation", ACM TOIS 2024, section 3. Departs: first vectors.
    """
    loss = SampledSoftmax(temperature, negatives)
    learn = Objective(loss=loss), embedding_size, training, seed, index
    return Embedding("Softmax-MF", Identity(start=Spectral()), *learn)


@checked(ConfigError)
def svdpp(
    embedding_size: int = 64,
    loss: PairLoss = BPR(),  # noqa: B008 - it is frozen
    l2: float = 1e-2,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return SVD++: a user is a vector of their own and what their items say of them.

    Args:
        embedding_size: Numbers in a vector.
        loss: What it costs if a user's items are not told from others.
        l2: Penalty on the squared length of the vectors of a batch.
        training, seed, index: As of ``Embedding``.

    Source:
        Koren, "Factorization Meets the Neighborhood: a Multifaceted Collaborative
        Filtering Model", KDD 2008, equation 15. Departs: a loss of pairs in place of
        the squared error of ratings.
    """
    learn = Objective(loss=loss, l2=l2), embedding_size, training, seed, index
    return Embedding("SVDpp", SVDPlusPlus(), *learn)
