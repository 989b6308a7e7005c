"""Random walk methods: skip-gram of nodes that come near to one another on walks.

Departs: where a method has vectors of sources and of targets, a user's vector as a
source meets items' as targets, which is what was trained; and negatives are shared by a
few pairs. Rates fall in a line, as in word2vec.
"""

from dataclasses import replace
from typing import Literal

from tidegraph.arguments import checked
from tidegraph.ego.walks import Walk, walk
from tidegraph.errors import ConfigError
from tidegraph.nn.conv.identity import Identity, TwoTables
from tidegraph.nn.conv.side_information import SideInformation
from tidegraph.ranges import at_least
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.index import Index
from tidegraph.retrieval.index.exact import EXACT
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import SkipGram
from tidegraph.retrieval.objective.negatives import PerPair
from tidegraph.retrieval.objective.pairs import (
    Edges,
    SequenceWindows,
    SessionWalks,
    WalkEnds,
    WalkWindows,
)
from tidegraph.retrieval.recipes.concatenated import Concatenated
from tidegraph.training.optimizers import LazyAdam, PairSGD
from tidegraph.training.schedules import Linear
from tidegraph.training.settings import Training

WALKED = Training(1, 2**20, PairSGD(0.025), Linear(), patience=None)
"""One pass over the walks, in batches that kernels like."""
PASSES = Training(40, 2**18, PairSGD(0.05), Linear(), patience=None)
"""Many passes over pairs that are the same every time."""
DESCRIBED = Training(5, 8192, LazyAdam(2e-3), patience=None)
"""A few passes over many walks, by a network's optimiser."""
_NOISE = SkipGram(PerPair(5, 0.75, linked=True))
_EVEN_NOISE = SkipGram(PerPair(5, linked=True))
"""With which products tell how likely a target is, not how much likelier than noise."""


@checked(ConfigError)
def deepwalk(
    walks: int = 10,
    length: int = 40,
    window: int = 5,
    embedding_size: int = 64,
    training: Training = WALKED,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return DeepWalk, with negative sampling.

    Args:
        walks: Walks from each user and item.
        length: Steps of a walk.
        window: How many steps apart nodes belong together.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.

    Source:
        Perozzi et al., "DeepWalk: Online Learning of Social Representations", KDD 2014.
    """
    pairs = WalkWindows(_both_sides(walks, length), window)
    objective = Objective(pairs, _NOISE)
    learn = objective, embedding_size, training, seed, index
    return Embedding("DeepWalk", TwoTables(), *learn)


@checked(ConfigError)
def node2vec(
    p: float = 1.0,
    q: float = 1.0,
    walks: int = 10,
    length: int = 40,
    window: int = 5,
    embedding_size: int = 64,
    training: Training = WALKED,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return node2vec; between users and items only ``p / q`` matters.

    Args:
        p: Return parameter; small values keep a walk where it is.
        q: In-out parameter; small values lead it away.
        walks: As of ``deepwalk``.
        length, window, embedding_size, training, seed, index: As there.

    Source:
        Grover & Leskovec, "node2vec: Scalable Feature Learning for Networks", KDD 2016.
    """
    plans = tuple(plan.biased(p, q) for plan in _both_sides(walks, length))
    objective = Objective(WalkWindows(plans, window), _NOISE)
    learn = objective, embedding_size, training, seed, index
    return Embedding("node2vec", TwoTables(), *learn)


@checked(ConfigError)
def metapath2vec(
    path: tuple[str, ...],
    walks: int = 10,
    length: int = 40,
    window: int = 5,
    embedding_size: int = 64,
    training: Training = WALKED,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return metapath2vec: skip-gram of walks that follow a path of types of edges.

    Every node on the path has a vector, an item that nobody took yet as well as any.

    Args:
        path: Types of edges, against one with ``~``, that lead back to where they
            start: those of the log, ``action``, and those of ``graph=`` in
            ``Pipeline.fit``. Such as ("made_by", "~made_by", "~action", "action").
        walks: Walks from each node, at each place that its type has on the path.
        length: Steps of a walk, at least one round of the path.
        window, embedding_size, training, seed, index: As of ``deepwalk``.

    Source:
        Dong, Chawla & Swami, "metapath2vec: Scalable Representation Learning for
        Heterogeneous Networks", KDD 2017, equation 3, algorithm 1. Negatives are of any
        type, not of the target's as in metapath2vec++.
    """
    objective = Objective(WalkWindows(_along(path, walks, length), window), _NOISE)
    learn = objective, embedding_size, training, seed, index
    return Embedding("metapath2vec", TwoTables(), *learn)


@checked(ConfigError)
def line(
    order: Literal["first", "second", "both"] = "both",
    embedding_size: int = 64,
    training: Training = PASSES,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding | Concatenated:
    """Return LINE: who is linked, who shares neighbours, or both, trained apart.

    Args:
        order: Which proximity; of both, each has half of the numbers.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.

    Source:
        Tang et al., "LINE: Large-scale Information Network Embedding", WWW 2015.
        Departs: each pair is drawn as often, whatever its weight.
    """
    if order == "both":
        at_least("LINE", 2, embedding_size=embedding_size)
        first = _line_embedding("first", embedding_size // 2, training, seed)
        second = _line_embedding(
            "second", embedding_size - embedding_size // 2, training, seed
        )
        return Concatenated("LINE", (first, second), index)
    return replace(_line_embedding(order, embedding_size, training, seed), index=index)


@checked(ConfigError)
def app(
    restart: float = 0.15,
    walks: int = 200,
    length: int = 20,
    embedding_size: int = 64,
    training: Training = PASSES,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return APP: where walks that stop by chance end, seen from where they began.

    Noise is as often any node, so that products are rooted PageRank's log.

    Args:
        restart: Probability to stop after a step.
        walks: Walks from each user and item, each epoch.
        length: Steps of the longest walk.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.

    Source:
        Zhou et al., "Scalable Graph Embedding for Asymmetric Proximity", AAAI 2017.
    """
    objective = Objective(WalkEnds(_both_sides(walks, length), restart), _EVEN_NOISE)
    learn = objective, embedding_size, training, seed, index
    return Embedding("APP", TwoTables(), *learn)


@checked(ConfigError)
def item2vec(
    window: int = 5,
    embedding_size: int = 64,
    training: Training = PASSES,
    seed: int | None = None,
    index: Index = EXACT,
    subsample: float | None = None,
    shuffled: bool = False,
) -> Embedding:
    """Return item2vec: items that a user took soon after one another.

    Users are the mean of their items.

    Args:
        window: How many places apart items belong together.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.
        subsample, shuffled: As of ``SequenceWindows``; in the paper .001 or .00001, and
            true.

    Source:
        Barkan & Koenigstein, "Item2Vec", MLSP 2016. Departs: unless said, items are
        near in time, not anywhere in what a user took, and none is left out by chance.
    """
    pairs = SequenceWindows(window, subsample, shuffled)
    learn = Objective(pairs, _NOISE), embedding_size, training, seed, index
    return Embedding("item2vec", TwoTables(), *learn)


@checked(ConfigError)
def bge(
    walks: int = 10,
    length: int = 10,
    window: int = 5,
    session_seconds: int | float | None = 3600,
    embedding_size: int = 64,
    training: Training = PASSES,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return BGE: DeepWalk on the graph of what followed what; it needs times.

    Args:
        walks: Walks from each item, each epoch.
        length: Steps of a walk.
        window: How many steps apart items belong together.
        session_seconds: A longer pause ends a session.
        embedding_size: Numbers in a vector.
        training, seed, index: As of ``Embedding``.

    Source:
        Wang et al., "Billion-scale Commodity Embedding", KDD 2018, section 2.2.
    """
    objective = Objective(SessionWalks(walks, length, window, session_seconds), _NOISE)
    learn = objective, embedding_size, training, seed, index
    return Embedding("BGE", TwoTables(), *learn)


@checked(ConfigError)
def ges(
    side: tuple[str, ...],
    walks: int = 10,
    length: int = 10,
    window: int = 5,
    session_seconds: int | float | None = 3600,
    embedding_size: int = 64,
    training: Training = DESCRIBED,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return GES: BGE of items that are the mean of themselves and side information.

    An item without an event is the mean of its side information.

    Args:
        side: Features of items, each a category.
        walks: As of ``bge``.
        length, window, session_seconds, embedding_size: As there.
        training, seed, index: As there.

    Source:
        Wang et al., "Billion-scale Commodity Embedding", KDD 2018, section 2.3.
    """
    encoder = SideInformation(side, weighted=False)
    objective = Objective(SessionWalks(walks, length, window, session_seconds), _NOISE)
    learn = objective, embedding_size, training, seed, index
    return Embedding("GES", encoder, *learn)


@checked(ConfigError)
def eges(
    side: tuple[str, ...],
    walks: int = 10,
    length: int = 10,
    window: int = 5,
    session_seconds: int | float | None = 3600,
    embedding_size: int = 64,
    training: Training = DESCRIBED,
    seed: int | None = None,
    index: Index = EXACT,
) -> Embedding:
    """Return EGES: GES, where each item weighs itself and its side information.

    Args:
        side: As of ``ges``.
        walks: As of ``bge``.
        length, window, session_seconds, embedding_size: As there.
        training, seed, index: As there.

    Source:
        Wang et al., "Billion-scale Commodity Embedding", KDD 2018, equations 6 and 7.
    """
    objective = Objective(SessionWalks(walks, length, window, session_seconds), _NOISE)
    learn = objective, embedding_size, training, seed, index
    return Embedding("EGES", SideInformation(side), *learn)


def _line_embedding(
    order: Literal["first", "second"],
    embedding_size: int,
    training: Training,
    seed: int | None,
) -> Embedding:
    encoder = Identity() if order == "first" else TwoTables()
    objective = Objective(Edges(both_ways=True), _NOISE)
    return Embedding(
        f"LINE-{order}", encoder, objective, embedding_size, training, seed
    )


def _along(path: tuple[str, ...], walks: int, length: int) -> tuple[Walk, ...]:
    """Return walks along a path from each of its places, over all of training."""
    if not path:
        raise ConfigError(
            'metapath2vec has no path. Name edges, such as ("made_by", "~made_by").'
        )
    rounds = -(-length // len(path))
    places = (path[n:] + path[:n] for n in range(len(path)))
    return tuple(walk(*one, times=walks, length=rounds).all_time() for one in places)


def _both_sides(walks: int, length: int) -> tuple[Walk, Walk]:
    """Return walks from users and from items, over all of training."""
    rounds = -(-length // 2)
    forth = walk("action", "~action", times=walks, length=rounds)
    back = walk("~action", "action", times=walks, length=rounds)
    return forth.all_time(), back.all_time()
