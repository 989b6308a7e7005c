"""Graph heuristics: common neighbours, Adamic-Adar, Katz, personalised PageRank.

Each is defined on the bipartite graph of training, or on the item graph it induces. The
requester is one more node, linked to each item of their history.
"""

import numpy as np
import scipy

from tidegraph.arguments import checked, settings
from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.from_log import USER
from tidegraph.graph.proximity.proximities import adamic_adar_weights
from tidegraph.graph.proximity.series import (
    invert_or_zero,
    spectral_radius,
    steps_within,
)
from tidegraph.graph.static import On, StaticGraph
from tidegraph.ranges import above, at_least, span, within
from tidegraph.retrieval.item_model import FittedItemModel
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.evidence import (
    evidence,
    evident_pairs,
    trained_until,
)
from tidegraph.retrieval.scoring.memory import check_item_graph
from tidegraph.retrieval.scoring.walk_scores import two_steps, walks
from tidegraph.stages import Fold, Train, remembers


@settings
class CommonNeighbors:
    """Scores an item by the neighbours it shares with the items of the history.

    score(u, i) = sum over h in the history, h not i, of (A^2)_hi. On the bipartite
    graph (A^2)_hi is how many users have both, so for an item new to the user the
    score is the number of walks of three steps from u to i. On the item graph, which
    counts here without its weights, it is how many third items are linked to both.

    Attributes:
        on: The graph.
        neighbors: Each item votes for this many others, those it shares most with;
            None for all.
        least_users: How many users must share two items that the item graph joins.
        half_life_days: Age at which an item of the history counts half; see ItemKNN.

    Source:
        Liben-Nowell & Kleinberg (2007), "The link-prediction problem for social
        networks", section 3.2; section 19.1.3.

    Departs:
        The walk that steps back to the item it came from is left out: it says how
        popular an item is to those who already have it.
    """

    on: On = "bipartite"
    neighbors: int | None = 200
    least_users: int = 1
    half_life_days: float | None = None

    def __post_init__(self) -> None:
        at_least(
            "CommonNeighbors", 1, neighbors=self.neighbors, least_users=self.least_users
        )
        span("CommonNeighbors", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Count shared neighbours.

        Raises:
            ConfigError: ``neighbors`` or ``least_users`` is below 1.
            DataError: The log has no action.
        """
        fold = Fold.of(train, "CommonNeighbors")
        half_life = check_half_life(self.half_life_days, fold, "CommonNeighbors")
        graph = _proximity_graph(fold, "CommonNeighbors", self.on, self.least_users)
        pairs = two_steps(graph, np.ones(len(graph)), self.neighbors)
        return FittedItemModel.of(
            "CommonNeighbors",
            "often seen with {item}",
            pairs,
            half_life,
            trained_until(fold),
        )


@settings
class AdamicAdar:
    """Scores like ``CommonNeighbors``, where a busy neighbour counts less.

    score(u, i) = sum over h in the history, h not i, of (A D A)_hi with
    D_zz = 1 / log(degree of z). A neighbour of degree 1 is shared by no two items; its
    weight, infinite by the formula, is set to 0 and never used.

    Attributes:
        on: The graph.
        neighbors: Each item votes for this many others, those it is closest to; None
            for all.
        least_users: How many users must share two items that the item graph joins.
        half_life_days: Age at which an item of the history counts half; see ItemKNN.

    Source:
        Adamic & Adar (2003), "Friends and neighbors on the Web"; section 19.1.3.

    Departs:
        The walk that steps back to the item it came from is left out.
    """

    on: On = "bipartite"
    neighbors: int | None = 200
    least_users: int = 1
    half_life_days: float | None = None

    def __post_init__(self) -> None:
        at_least(
            "AdamicAdar", 1, neighbors=self.neighbors, least_users=self.least_users
        )
        span("AdamicAdar", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Weigh shared neighbours.

        Raises:
            ConfigError: ``neighbors`` or ``least_users`` is below 1.
            DataError: The log has no action.
        """
        fold = Fold.of(train, "AdamicAdar")
        half_life = check_half_life(self.half_life_days, fold, "AdamicAdar")
        graph = _proximity_graph(fold, "AdamicAdar", self.on, self.least_users)
        weight = adamic_adar_weights(graph.degree())
        pairs = two_steps(graph, weight, self.neighbors)
        return FittedItemModel.of(
            "AdamicAdar",
            "close to {item}",
            pairs,
            half_life,
            trained_until(fold),
        )


@settings
class Katz:
    """Scores an item by all walks to it, a walk of k steps counting ``beta^k``.

    score(u, i) = sum_k beta^k (A^k)_ui over the walks that leave the requester once:
    beta * ((I - beta A)^-1 h)_i with h = 1 at the history. For a user of the bipartite
    graph this is Katz's measure itself, which needs their own node only to walk back
    through it. An edge of the item graph weighs how many users have both.

    Attributes:
        on: The graph.
        beta: What one step counts; it must be below one over the spectral radius. None
            takes a tenth of that, which a study on logs chose (docs/retrieval.md);
            ``KatzProximity``, whose vectors were measured so, takes half of it.
        tolerance: Walks are cut where those left out add at most this share of the
            bound beta * |h| / (1 - beta * radius) to the answer's length.
        least_users: How many users must share two items that the item graph joins.
        neighbors: Each item votes for this many, itself and those it has most walks
            to; the others' walks are lost. None for all, which is exact.
        half_life_days: Age at which an item of the history counts half; see ItemKNN.

    Source:
        Katz (1953), "A new status index derived from sociometric analysis"; section
        19.1.3.
    """

    on: On = "bipartite"
    beta: float | None = None
    tolerance: float = 1e-3
    least_users: int = 1
    neighbors: int | None = 100
    half_life_days: float | None = None

    def __post_init__(self) -> None:
        at_least("Katz", 1, neighbors=self.neighbors, least_users=self.least_users)
        span("Katz", half_life_days=self.half_life_days)
        above("Katz", 0, beta=self.beta)
        within("Katz", tolerance=self.tolerance)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Find how short steps must be for the sum to be finite, and add up the walks.

        Raises:
            ConfigError: ``beta`` is not between 0 and one over the spectral radius,
                ``tolerance`` not between 0 and 1, or another setting out of range.
            DataError: The log has no action, or no times for a half-life.
        """
        fold = Fold.of(train, "Katz")
        half_life = check_half_life(self.half_life_days, fold, "Katz")
        graph = _proximity_graph(fold, "Katz", self.on, self.least_users)
        radius = spectral_radius(graph)
        beta = self.beta
        if beta is None:
            beta = 0.1 / radius if radius > 0 else 0.1
        if beta <= 0 or beta * radius >= 1:
            raise ConfigError(
                f"Katz has beta={beta}, but on this graph it must be above 0 and below "
                f"{1 / max(radius, 1e-12):.6g}, one over the spectral radius. Lower "
                "it, or leave it out for a tenth of that."
            )
        steps = _steps_to_tolerance(graph, beta * radius, self.tolerance)
        pairs = walks(graph, np.ones(len(graph)), beta, steps, self.neighbors)
        return FittedItemModel.of(
            "Katz",
            "linked to {item} in many ways",
            scipy.sparse.csr_array(beta * pairs),
            half_life,
            trained_until(fold),
        )


@settings
class PersonalizedPageRank:
    """Scores an item by how often a walk that keeps coming home visits it.

    score(u, .) = n r (I - (1-r) P)^-1 rooted at the requester, at the items, for n
    items of the history: with probability r the walker restarts at home, else it takes
    a random edge. For a user of the bipartite graph this is rooted PageRank itself, n
    times; a new user's edges are walked only outward. History items without an edge are
    left out. An edge of the item graph weighs how many users have both.

    Attributes:
        on: The graph.
        restart: r, the probability to return home at each step; one minus it is known
            as the damping factor. One half was chosen by a study on logs
            (docs/retrieval.md); the .15 of the literature walks further from home.
        tolerance: Walks are cut where those left out are at most this share of all.
        least_users: How many users must share two items that the item graph joins.
        neighbors: Each item votes for this many, itself and those its walks reach
            most; the others' share of the walks is lost. None for all, which is exact.
        half_life_days: Age at which an item of the history counts half; see ItemKNN.

    Source:
        Haveliwala (2002), "Topic-sensitive PageRank"; Liben-Nowell & Kleinberg (2007),
        section 3.3; section 19.1.3.
    """

    on: On = "bipartite"
    restart: float = 0.5
    tolerance: float = 0.01
    least_users: int = 1
    neighbors: int | None = 100
    half_life_days: float | None = None

    def __post_init__(self) -> None:
        at_least(
            "PersonalizedPageRank",
            1,
            neighbors=self.neighbors,
            least_users=self.least_users,
        )
        span("PersonalizedPageRank", half_life_days=self.half_life_days)
        within("PersonalizedPageRank", restart=self.restart, tolerance=self.tolerance)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> FittedItemModel:
        """Add up the walks from each item.

        Raises:
            ConfigError: ``restart`` or ``tolerance`` is not between 0 and 1, or another
                setting out of range.
            DataError: The log has no action, or no times for a half-life.
        """
        fold = Fold.of(train, "PersonalizedPageRank")
        half_life = check_half_life(self.half_life_days, fold, "PersonalizedPageRank")
        graph = _proximity_graph(
            fold, "PersonalizedPageRank", self.on, self.least_users
        )
        onward = 1 - self.restart
        steps = _steps_to_tolerance(graph, onward, self.tolerance)
        scale = invert_or_zero(graph.strength)
        pairs = walks(graph, scale, onward, steps, self.neighbors)
        return FittedItemModel.of(
            "PersonalizedPageRank",
            "a short walk from {item}",
            scipy.sparse.csr_array(onward * self.restart * pairs),
            half_life,
            trained_until(fold),
        )


def _proximity_graph(fold: Fold, method: str, on: On, least_users: int) -> StaticGraph:
    evidence(fold, method)  # Says whose fold it is if there is none.
    if on == "bipartite":
        return fold.view(_bipartite_graph)
    check_item_graph(method, fold.view(evident_pairs).csr())
    return fold.view(_item_graph, least_users)


def _bipartite_graph(fold: Fold) -> StaticGraph:
    return StaticGraph.bipartite(fold.view(evident_pairs))


def _item_graph(fold: Fold, least_users: int) -> StaticGraph:
    return StaticGraph.between_items(fold.view(evident_pairs), least_users)


def _steps_to_tolerance(graph: StaticGraph, rate: float, tolerance: float) -> int:
    steps = steps_within(rate, tolerance) if rate > 0 else 1
    # Between users and items only walks of an even length end at an item.
    return steps + steps % 2 if USER in graph.first else steps
