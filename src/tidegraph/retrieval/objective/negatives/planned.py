"""Negatives that a plan draws from the graph, as of the time of each pair."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.arguments import settings
from tidegraph.ego.negative_plans import Draws
from tidegraph.ego.negative_plans import Negatives as Found
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.graph.sampling.seeds import Plan, Seeds
from tidegraph.retrieval.objective.negatives.drawn import Drawer, Drawn
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives
from tidegraph.retrieval.scoring.evidence import trained_graph
from tidegraph.rng import fresh_seed


@settings
class Planned:
    """What a plan draws for the user of each pair, as of the pair's time.

    Each is said to be as likely as any other item of training, so the correction of a
    sampled softmax is rough where a plan draws by degree or from ranks, leaves out what
    a user has, or meets few items alive; ``InfoNCE`` takes negatives as they come.

    Attributes:
        plan: ``negatives(...)``, whose items are alive at the time of the pair, or
            ``hard(...)``, from a window of ranks.
    """

    plan: Plan

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch.

        Raises:
            ConfigError: The plan does not lead from users to items, or users are
                targets too.
        """
        users = pairs.graph.users
        if not users or pairs.frequency[:users].any():
            raise ConfigError(
                f"{self.plan} draws items for the user of each pair, and the sources "
                "of these pairs are not users alone. Take pairs of Edges(), or other "
                "negatives."
            )
        graph = pairs.fold.view(trained_graph)
        start = self.plan.start(graph)
        if start != USER:
            raise ConfigError(
                f"{self.plan} starts from {start!r}, and negatives are drawn for the "
                f"user of each pair. Begin with an edge of users, such as {ACTION!r}."
            )
        drawn = self.plan.draws(graph) if isinstance(self.plan, Draws) else ITEM
        if drawn != ITEM:
            raise ConfigError(
                f"{self.plan} draws nodes of type {drawn!r}, and the targets of these "
                f"pairs are items. Lead to {ITEM!r}."
            )
        alive = int(np.count_nonzero(pairs.frequency))
        return _Planned(self.plan, pairs, alive, rng)


@dataclass(eq=False)
class _Planned:
    plan: Plan
    pairs: PairSource
    alive: int
    rng: np.random.Generator
    count: int = 0

    def draw(self, batch: Positives) -> Drawn:
        graph = self.pairs.fold.view(trained_graph)
        seeds = Seeds.of(
            batch.source.astype(np.int32),
            batch.time,
            seed=fresh_seed(self.rng),
        )
        users = self.pairs.graph.users
        other = (batch.target - users).astype(np.int32)
        found = self.plan.sample(graph, seeds._replace(other=other, other_type=ITEM))
        assert isinstance(found, Found)
        node = np.where(found.mask, found.ids, 0).astype(np.int64) + users
        missing = np.nonzero(~found.mask)
        self.count = node.shape[1]
        return Drawn(node, self.log_count(node, batch), (missing[0], missing[1]))

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        others = max(self.alive - 1, 1)
        return np.full((1,) * node.ndim, np.log(max(self.count, 1) / others))
