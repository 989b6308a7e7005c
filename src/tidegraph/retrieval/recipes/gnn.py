"""Graph neural networks for retrieval."""

from itertools import cycle, islice

from tidegraph.arguments import checked
from tidegraph.ego.cluster import local_cluster
from tidegraph.ego.static import fan_out
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ACTION, USER
from tidegraph.graph.snapshot import reverse
from tidegraph.nn.conv.gat import GAT
from tidegraph.nn.conv.gcn import GCN
from tidegraph.nn.conv.gin import GIN
from tidegraph.nn.conv.light import LightPropagation
from tidegraph.nn.conv.ngcf import NGCFPropagation
from tidegraph.nn.conv.pinsage import PinSage
from tidegraph.nn.conv.sage import Aggregator, GraphSAGE, MeanAggregator
from tidegraph.nn.conv.sgc import SGC
from tidegraph.retrieval.embedding import STEADY, Embedding
from tidegraph.retrieval.index import Index
from tidegraph.retrieval.index.exact import EXACT
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import (
    BPR,
    PairLoss,
    SampledSoftmax,
    SkipGram,
    TripletMargin,
)
from tidegraph.retrieval.objective.negatives import Curriculum, Shared
from tidegraph.training.settings import Training

SOFTMAX = Objective(loss=SampledSoftmax())


@checked(ConfigError)
def lightgcn(
    layers: int = 3,
    embedding_size: int = 64,
    loss: PairLoss = BPR(),  # noqa: B008 - it is frozen
    l2: float = 1e-4,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return LightGCN.

    Args:
        layers: How far vectors walk along edges.
        embedding_size: Numbers in a vector.
        loss: What it costs if a user's items are not told from others.
        l2: Penalty on the squared length of the vectors that a batch learns.
        training, seed, index: As of ``Embedding``.

    Source:
        He et al., "LightGCN", SIGIR 2020, equations 3 to 15.
    """
    objective = Objective(loss=loss, l2=l2)
    encoder = LightPropagation(layers)
    return Embedding(
        "LightGCN", encoder, objective, embedding_size, training, seed, index
    )


@checked(ConfigError)
def ngcf(
    layers: int = 3,
    embedding_size: int = 64,
    l2: float = 1e-4,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return NGCF, with a pairwise loss.

    Args:
        layers: How far vectors walk along edges.
        embedding_size: Numbers in a layer; a vector has ``layers + 1`` times as many.
        l2: Penalty on the squared length of the first vectors of a batch.
        training, seed, index: As of ``Embedding``.

    Source:
        Wang et al., "Neural Graph Collaborative Filtering", SIGIR 2019. Departs: no
        message is dropped, and the matrices have no penalty.
    """
    objective = Objective(loss=BPR(), l2=l2)
    encoder = NGCFPropagation(layers)
    return Embedding("NGCF", encoder, objective, embedding_size, training, seed, index)


@checked(ConfigError)
def sgc(
    layers: int = 2,
    embedding_size: int = 64,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return SGC for users and items, with a sampled softmax.

    Args:
        layers: How far vectors walk along edges.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.

    Source:
        Wu et al., "Simplifying Graph Convolutional Networks", ICML 2019.
    """
    return Embedding("SGC", SGC(layers), SOFTMAX, embedding_size, training, seed, index)


@checked(ConfigError)
def gcn(
    layers: int = 2,
    embedding_size: int = 64,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return a GCN of users and items, with a sampled softmax.

    Args:
        layers: Graph convolutions, a ReLU between them.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.

    Source:
        Kipf & Welling, "Semi-Supervised Classification with Graph Convolutional
        Networks", ICLR 2017.
    """
    return Embedding("GCN", GCN(layers), SOFTMAX, embedding_size, training, seed, index)


@checked(ConfigError)
def gat(
    layers: int = 2,
    heads: int = 4,
    embedding_size: int = 64,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return a GAT of users and items, with a sampled softmax.

    Args:
        layers: Attention layers, an ELU between them.
        heads: Attentions in a layer.
        embedding_size: Numbers in a vector, a multiple of ``heads``.
        training, seed, index: As of ``Embedding``.

    Source:
        Veličković et al., "Graph Attention Networks", ICLR 2018.
    """
    return Embedding(
        "GAT", GAT(layers, heads), SOFTMAX, embedding_size, training, seed, index
    )


@checked(ConfigError)
def gin(
    layers: int = 2,
    embedding_size: int = 64,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return a GIN of users and items, with a sampled softmax.

    Args:
        layers: Isomorphism layers, a ReLU between them.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.

    Source:
        Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019.
    """
    return Embedding("GIN", GIN(layers), SOFTMAX, embedding_size, training, seed, index)


@checked(ConfigError)
def graphsage(
    counts: tuple[int, ...] = (10, 5),
    aggregator: Aggregator = MeanAggregator(),  # noqa: B008 - it is frozen
    embedding_size: int = 64,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
    features: tuple[str, ...] = (),
    ids: bool = True,
) -> Embedding:
    """Return GraphSAGE, which draws neighbours from before the time of each pair.

    Args:
        counts: Neighbours to draw at each hop, the nearest first.
        aggregator: What is made of their vectors.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.
        features, ids: As of ``GraphSAGE``.

    Source:
        Hamilton, Ying & Leskovec, "Inductive Representation Learning on Large Graphs",
        NeurIPS 2017, equation 1. Departs: a pair is an event, not what a walk meets;
        two negatives are drawn, each node as likely, where the paper has twenty by
        degree^0.75; no layer makes vectors of length 1, and the last has no ReLU.
    """
    edges = islice(cycle((ACTION, reverse(ACTION))), len(counts))
    ego = fan_out(*edges, counts=counts)
    encoder = GraphSAGE(len(counts), aggregator, ids, features)
    learn = Objective(loss=SkipGram(2)), embedding_size, training, seed, index, ego
    return Embedding("GraphSAGE", encoder, *learn)


@checked(ConfigError)
def pinsage(
    neighbors: int = 10,
    layers: int = 2,
    embedding_size: int = 64,
    training: Training = STEADY,
    seed: int | None = None,
    hard_ranks: tuple[int, int] | None = None,
    index: Index = EXACT,
    features: tuple[str, ...] = (),
    ids: bool = True,
) -> Embedding:
    """Return PinSage: importance pooling over the nodes that walks visit most.

    Args:
        neighbors: How many of them.
        layers, embedding_size: Convolutions, and numbers in a vector.
        training, seed: As of ``Embedding``.
        hard_ranks: Ranks of items by PageRank from a user, n - 1 of which are negatives
            of each pair in epoch n, if any; in the paper (2000, 5000).
        index, features, ids: As of ``Embedding`` and the encoder, ``PinSage``.

    Source:
        Ying et al., KDD 2018, as of the encoder. Departs: users are nodes, walks take
        any edge, margins are of cosines.
    """
    ego = walk(ACTION, reverse(ACTION), times=20, length=2).all_time().top(neighbors)
    drawn = Shared(500) if hard_ranks is None else Curriculum(Shared(500), hard_ranks)
    loss = TripletMargin(negatives=drawn)
    learn = Objective(loss=loss), embedding_size, training, seed, index, ego
    return Embedding("PinSage", PinSage(layers, ids, features), *learn)


@checked(ConfigError)
def lcgnn(
    cluster: int = 20,
    layers: int = 2,
    embedding_size: int = 64,
    training: Training = STEADY,
    seed: int | None = None,
    index: Index = EXACT,
    features: tuple[str, ...] = (),
    ids: bool = True,
) -> Embedding:
    """Return LCGNN: a GCN inside the local cluster of each node.

    Args:
        cluster: Most nodes in a cluster.
        layers: Graph convolutions.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.
        features, ids: As of ``GCN``.

    Source:
        Qiu et al., "Local Clustering Graph Neural Networks". Departs: clusters are of
        the edges of all time. A bound of 1e-5 takes a tenth of the work of 1e-6, and
        leaves the conductance of clusters as it is to four digits.
    """
    ego = local_cluster(ACTION, type=USER, size=cluster, epsilon=1e-5, all_time=True)
    learn = Objective(), embedding_size, training, seed, index, ego
    return Embedding("LCGNN", GCN(layers, ids, features), *learn)
