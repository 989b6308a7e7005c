"""Embeddings by factorisation: solved, in closed form or in turn, not trained."""

from tidegraph.arguments import checked
from tidegraph.errors import ConfigError
from tidegraph.graph.static import On
from tidegraph.retrieval.factorized import Factorized
from tidegraph.retrieval.index import Index
from tidegraph.retrieval.index.exact import EXACT
from tidegraph.retrieval.solvers import (
    HOPE,
    IALS,
    GraphSolver,
    GraphZoom,
    GraRep,
    NetMF,
    ProNE,
    Trained,
)
from tidegraph.retrieval.solvers.proximities import FactorizedProximity, KatzProximity
from tidegraph.stages import Retriever


@checked(ConfigError)
def hope(
    proximity: FactorizedProximity = KatzProximity(),  # noqa: B008 - it is frozen
    embedding_size: int = 64,
    on: On = "bipartite",
    index: Index = EXACT,
) -> Factorized:
    """Return HOPE: vectors whose products are a proximity of high order.

    Args:
        proximity: Katz's unless said.
        embedding_size: Numbers in a vector.
        on: The graph of users and items, or the item-item graph that it induces.
        index: As of ``Factorized``.

    Source:
        Ou et al., "Asymmetric Transitivity Preserving Graph Embedding", KDD 2016.
    """
    return Factorized("HOPE", HOPE(proximity, embedding_size, on), index)


@checked(ConfigError)
def netmf(
    embedding_size: int = 64,
    window: int = 1,
    negatives: float = 1.0,
    rank: int | None = None,
    on: On = "bipartite",
    index: Index = EXACT,
) -> Factorized:
    """Return NetMF: what DeepWalk learns, factorised.

    Args:
        embedding_size: Numbers in a vector.
        window: Reach of the skip-gram.
        negatives: Its noise words a pair.
        rank: Eigenvalues that approximate its matrix where memory is too small for the
            matrix itself; it, if left out.
        on: The graph of users and items, or the item-item graph that it induces.
        index: As of ``Factorized``.

    Source:
        Qiu et al., "Network Embedding as Matrix Factorization", WSDM 2018.
    """
    return Factorized(
        "NetMF", NetMF(embedding_size, window, negatives, rank, on), index
    )


@checked(ConfigError)
def grarep(
    embedding_size: int = 32, steps: int = 3, on: On = "bipartite", index: Index = EXACT
) -> Factorized:
    """Return GraRep: what is reached in 1, 2, ... steps, each factorised.

    Args:
        embedding_size: Numbers in a vector for each number of steps.
        steps: The largest of them.
        on: The graph of users and items, or the item-item graph that it induces.
        index: As of ``Factorized``.

    Source:
        Cao, Lu & Xu, "GraRep: Learning Graph Representations with Global Structural
        Information", CIKM 2015.
    """
    return Factorized("GraRep", GraRep(embedding_size, steps, on=on), index)


@checked(ConfigError)
def prone(
    embedding_size: int = 64, mu: float = 0.2, theta: float = 0.5, index: Index = EXACT
) -> Factorized:
    """Return ProNE: a sparse factorisation smoothed along the spectrum of items.

    Args:
        embedding_size: Numbers in a vector.
        mu: Centre of the band of the spectrum that passes.
        theta: How narrow it is.
        index: As of ``Factorized``.

    Source:
        Zhang et al., "ProNE: Fast and Scalable Network Representation Learning", IJCAI
        2019.
    """
    return Factorized("ProNE", ProNE(embedding_size, mu=mu, theta=theta), index)


@checked(ConfigError)
def graphzoom(
    solver: GraphSolver | Retriever = NetMF(window=10, rank=128),  # noqa: B008 - frozen
    levels: int = 1,
    smoothing: int = 2,
    features: tuple[str, ...] = (),
    index: Index = EXACT,
) -> Factorized:
    """Return GraphZoom: a small graph is embedded, and its vectors refined.

    Args:
        solver: What embeds the small graph: a solver, or an embedding that is trained
            on it, such as ``lightgcn()``.
        levels: How many times the graph is made smaller.
        smoothing: Steps of the filter at each level back.
        features: Columns of items; those that are most alike by them are joined first.
        index: As of ``Factorized``.

    Source:
        Deng et al., "GraphZoom", ICLR 2020.
    """
    solver = solver if isinstance(solver, GraphSolver) else Trained(solver)
    zoom = GraphZoom(solver, levels, smoothing, features=features)
    return Factorized("GraphZoom", zoom, index)


@checked(ConfigError)
def ials(
    embedding_size: int = 64,
    l2: float = 0.1,
    alpha: float = 1.0,
    iterations: int = 15,
    seed: int | None = None,
    index: Index = EXACT,
) -> Factorized:
    """Return iALS: squared error over all pairs, by the package ``implicit``.

    Args:
        embedding_size: Numbers in a vector.
        l2: Strength of the penalty.
        alpha: How much more a pair counts than none.
        iterations: How often users and items are solved in turn.
        seed: Seed of the first vectors; that of the run if left out.
        index: As of ``Factorized``.

    Source:
        Hu, Koren & Volinsky, "Collaborative Filtering for Implicit Feedback Datasets",
        ICDM 2008.
    """
    solver = IALS(embedding_size, l2, alpha, iterations, seed=seed)
    return Factorized("iALS", solver, index)
