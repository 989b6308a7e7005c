"""The surroundings of a batch as a plan samples them, for an encoder."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from tidegraph.ego.cluster import LocalCluster
from tidegraph.ego.cluster_states import ClusterSurveyor
from tidegraph.ego.hops import Hops
from tidegraph.ego.surroundings import Surveyor
from tidegraph.ego.walks import VisitCount
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.graph.sampling.seeds import Plan
from tidegraph.graph.snapshot import reverse
from tidegraph.nn.conv import NodeVectors
from tidegraph.nn.field import Field
from tidegraph.nn.links import Links
from tidegraph.retrieval.objective.pairs import PairSource, Positives
from tidegraph.retrieval.objective.pairs.positives import OfTimes, OfTypedGraph
from tidegraph.retrieval.scoring.evidence import trained_graph
from tidegraph.rng import fresh_seed
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch

_AT_ONCE = 4096  # Nodes whose surroundings are held together.


@dataclass(frozen=True, eq=False)
class Fields:
    """Samples what an encoder needs for the nodes of a batch.

    Attributes:
        surveyor: Finds the surroundings of nodes.
        pairs: The pairs that are learnt from.
        device: Where the encoder is.
    """

    surveyor: Surveyor | ClusterSurveyor
    pairs: PairSource
    device: str

    @classmethod
    def of(
        cls, plan: Plan, module: NodeVectors, pairs: PairSource, device: str
    ) -> "Fields":
        """Return what samples a plan.

        Raises:
            ConfigError: The encoder has no layers, or takes no such plan; or it comes
                to nodes that have no vectors, or looks at times that pairs do not have.
        """
        if not (layers := module.depth):
            raise ConfigError(
                f"this encoder has no layers for an ego of {plan}. Leave out ego, or "
                "choose an encoder of a graph."
            )
        if isinstance(pairs, OfTypedGraph):
            graph, first = pairs.snapshot, pairs.first
        else:
            graph, first = pairs.fold.view(trained_graph), {ITEM: pairs.graph.users}
            if pairs.graph.users:
                first = {USER: 0, **first}
        if isinstance(plan, LocalCluster):
            surveyor = ClusterSurveyor(graph, plan, layers, first)
        elif isinstance(plan, Hops | VisitCount):
            surveyor = Surveyor(graph, plan, layers, first)
        else:
            raise ConfigError(
                f"an encoder cannot read {plan}. Take hops, walks with top(), or "
                "local_cluster()."
            )
        if surveyor.needs_clocks and _times_of(pairs) is None:
            raise ConfigError(
                f"{plan} looks at what was before the time of a pair, and these pairs "
                "have none. Say all_time() in an ego of your own, or take Edges() of a "
                "log with times."
            )
        return cls(surveyor, pairs, device)

    @property
    def needs_clocks(self) -> bool:
        """Do the surroundings of a node depend on a moment?"""
        return self.surveyor.needs_clocks

    @property
    def sampled_for_good(self) -> bool:
        """Are final vectors made of samples too, not of the whole graph at once?"""
        plan = self.surveyor.plan
        if self.needs_clocks or not isinstance(plan, Hops):
            return True
        return any(step.edge not in (ACTION, reverse(ACTION)) for step in plan.steps)

    def of_batch(
        self,
        batch: Positives,
        negative: Int64[np.ndarray, "*rows n"],
        rng: np.random.Generator,
    ) -> Field:
        """Return what is around pairs and their negatives, as of the pairs' times.

        Raises:
            ConfigError: The pairs share their negatives, which so have no moment.
        """
        nodes = np.concatenate([batch.source, batch.target, negative.ravel()])
        clocks = None
        if self.needs_clocks and batch.time is not None:
            if negative.ndim == 1 and len(negative):
                raise ConfigError(
                    f"pairs share their negatives, and {self.surveyor.plan} looks at "
                    "the time of a pair. Take PerPair negatives, or say all_time() in "
                    "the plan."
                )
            each = negative.shape[-1] if negative.ndim > 1 else 0
            clocks = np.concatenate([batch.time, batch.time, batch.time.repeat(each)])
        return self.field(nodes, clocks, fresh_seed(rng))

    def field(
        self,
        nodes: Int64[np.ndarray, " n"],
        clocks: Int64[np.ndarray, " n"] | None,
        seed: int,
    ) -> Field:
        """Return the surroundings of nodes.

        Args:
            nodes: In the numbering of ``GraphInputs``.
            clocks: The moment of each, if surroundings depend on it.
            seed: For what is drawn.
        """
        found = self.surveyor.around(nodes, clocks if self.needs_clocks else None, seed)
        device = torch.device(self.device)
        edges = tensor(found.ptr), tensor(found.column), tensor(found.weight)
        links = Links(*edges, tensor(found.strength)).to(device)
        seat, node = (tensor(part).to(device) for part in (found.seat, found.node))
        return Field(seat, node, links, found.sizes)

    def of_all(self) -> Iterator[Field]:
        """Return the surroundings of all nodes after the last pair, some at a time."""
        time = _times_of(self.pairs)
        last = None if time is None else int(time.max()) + 1
        for start in range(0, self.pairs.graph.nodes, _AT_ONCE):
            nodes = np.arange(start, min(start + _AT_ONCE, self.pairs.graph.nodes))
            clocks = None if last is None else np.full(len(nodes), last)
            yield self.field(nodes, clocks, 0)


def _times_of(pairs: PairSource) -> Int64[np.ndarray, " pairs"] | None:
    return pairs.time if isinstance(pairs, OfTimes) else None
