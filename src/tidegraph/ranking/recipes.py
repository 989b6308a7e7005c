"""Click models of the literature: a network, its inputs and a training by name."""

from tidegraph.features.columns import FeatureSet
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.nn.click.deepfm import FactorizationMachine
from tidegraph.nn.click.dsgl import SequentialGraph
from tidegraph.nn.click.dsgl_layer import SequenceLayer
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


def dsgl(
    user_depth: int = 2,
    item_depth: int = 1,
    history: int = 10,
    embedding_size: int = 16,
    hidden: tuple[int, ...] = (64, 32),
    layer: SequenceLayer | None = None,
    category: str | None = None,
    training: Training | None = None,
) -> NeuralRanker:
    """Return dynamic sequential graph learning.

    Args:
        user_depth: How many hops are read around a user; the items of the history, who
            chose those before, and so on.
        item_depth: How many hops are read around a candidate.
        history: How many of the latest events of each node are read.
        embedding_size: Width of a vector.
        hidden: Widths of the layers after the graph.
        layer: How a node aggregates the sequence of its neighbours.
        category: Item feature column that groups items, if any.
        training: How long and how fast to learn.

    Raises:
        ConfigError: A setting is out of range.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", section
        19.2.1; what departs from it is said at ``nn.click.dsgl.DSGLNetwork``.
    """
    model = SequentialGraph(
        embedding_size,
        hidden,
        user_depth,
        item_depth,
        history,
        layer or SequenceLayer(),
    )
    # The model reads histories by its own plans.
    features = FeatureSet(category=category, history=1)
    return NeuralRanker(model, features, training=training or Training())
