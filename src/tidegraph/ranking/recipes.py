"""Click models of the literature: a network, its inputs and a training by name."""

from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.nn.click.deepfm import FactorizationMachine
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.training.settings import Training


def deepfm(
    embedding_size: int = 16,
    hidden: tuple[int, ...] = (64, 32),
    category: str | None = None,
    history: int = 30,
    sampled: int = 40,
    training: Training | None = None,
) -> NeuralRanker:
    """Return DeepFM.

    Args:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the tower's layers.
        category: Item feature column that groups items, if any.
        history: How many of the latest events are looked at.
        sampled: Most candidates per request and pass; the loss corrects for what is
            left out.
        training: How long and how fast to learn.

    Raises:
        ConfigError: A setting is out of range.

    Source:
        Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR
        Prediction", IJCAI 2017.
    """
    return NeuralRanker(
        FactorizationMachine(embedding_size, hidden),
        FeatureSet(category=category, history=history),
        CandidateSampling(sampled),
        training or Training(),
    )
