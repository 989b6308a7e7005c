"""Any embedding: an encoder with its receptive field, an objective, and one loop."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int

from tidegraph.arguments import settings
from tidegraph.data.views.feature_column import feature_of_nodes
from tidegraph.extras import needed
from tidegraph.graph.sampling.seeds import Plan
from tidegraph.nn.conv import Encoder, EncodesFeatures, Identity, NodeVectors, Start
from tidegraph.nn.field import Field
from tidegraph.nn.graph_inputs import GraphInputs, NodeFeatures
from tidegraph.ranges import at_least
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.index import Exact, Index
from tidegraph.retrieval.index.items import check_products
from tidegraph.retrieval.inputs.features import described_graph
from tidegraph.retrieval.inputs.fields import Fields
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.against import Against, penalised, score_pairs
from tidegraph.retrieval.objective.fused import FusedPairs
from tidegraph.retrieval.objective.losses import OfTriples
from tidegraph.retrieval.objective.memory_needed import check_fits
from tidegraph.retrieval.objective.negatives import check_epochs, drawer_of
from tidegraph.retrieval.objective.own_parts import check_vectors, cost, module_of
from tidegraph.retrieval.objective.pairs import PairSource
from tidegraph.retrieval.scoring.evidence import trained_until
from tidegraph.retrieval.scoring.held_out import HeldOut
from tidegraph.retrieval.scoring.learnt_from import drawing, learnt_from, parted
from tidegraph.run import Run
from tidegraph.stages import Fold, Train, remembers
from tidegraph.training.loop import train as trained
from tidegraph.training.optimizers import Adam, PairSGD
from tidegraph.training.settings import Training
from tidegraph.training.weights import initialised, tensor

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

STEADY = Training(40, 1024, optimizer=Adam(5e-3), patience=None)
"""No part is held out, so every epoch is taken and the last weights are kept."""


@settings
class Embedding:
    """A vector per user and item, trained so that products order items.

    Attributes:
        name: The channel.
        encoder: How a vector comes from a node and its neighbours.
        objective: Positive pairs, negatives and loss.
        embedding_size: Numbers in a vector.
        training: How long and how fast to learn; with ``patience`` the newest item of
            a thousand users is held out, and the best epoch at finding them is kept.
        seed: Seed of everything random; that of the run if left out.
        index: Where the largest products are looked for.
        ego: What a vector is made of: a plan, of which each batch takes what is around
            its nodes, strictly before the time of their pair. The whole graph if left
            out.
    """

    name: str = "Embedding"
    encoder: Encoder = field(default_factory=Identity)
    objective: Objective = field(default_factory=Objective)
    embedding_size: int = 64
    training: Training = STEADY
    seed: int | None = None
    index: Index = field(default_factory=Exact)
    ego: Plan | None = None

    def __post_init__(self) -> None:
        at_least(self.name, 1, embedding_size=self.embedding_size)
        at_least(self.name, 0, seed=self.seed)

    def check(self, train: Train) -> None:
        """Find out before any work whether it fits, and items have its features.

        Raises:
            ConfigError: It takes more memory than the machine has.
            DataError: Items lack a feature, or there is nothing to learn from.
        """
        fold = Fold.of(train, self.name)
        if isinstance(self.encoder, EncodesFeatures):
            for column in self.encoder.features:
                feature_of_nodes(fold.log.items, column, "item")
        self._check_fits(self.objective.pairs.of(fold, self.name))

    def _check_fits(self, pairs: PairSource) -> None:
        graph, drawn = pairs.graph, self.objective.loss.drawn
        nodes = graph.users, graph.items + graph.others
        size, training = self.embedding_size, self.training
        check_fits(self.name, nodes, size, self.encoder, training, drawn)

    @remembers
    def fit(self, train: Train, *, run: Run | None = None) -> FittedEmbedding:
        """Learn from every user and item that has an event in ``train``.

        Args:
            train: A log, a matrix, or a fold of either.
            run: Generator, device, threads, checkpoints and monitor, if they matter; of
                seed 0 if left out. What is drawn goes by its seed and the name of the
                channel, so that a channel is the same alone and in company.

        Raises:
            DataError: ``train`` holds no action.
        """
        fold = Fold.of(train, self.name)
        run = drawing(self.name, self.seed, run)
        stops_early = self.training.stops_early
        known, held = parted(fold, self.name, run.rng, stops_early=stops_early)
        fitted = self.learnt(known, held, run).indexed(self.index)
        return replace(fitted, trained_until=trained_until(fold))

    def learnt(self, known: Fold, held: HeldOut | None, run: Run) -> FittedEmbedding:
        """Learn from what is known, and stop by what is held out, if anything is.

        Args:
            known: All that is learnt from.
            held: What each epoch is judged by.
            run: Where; everything random is drawn from its rng.
        """
        fused = isinstance(self.training.optimizer, PairSGD)
        # Kernels are of the processor, and so is all that they move.
        run = replace(run, device="cpu") if fused else run
        pairs = self.objective.pairs.of(known, self.name)
        self._check_fits(pairs)
        check_epochs(self.objective.loss.drawn, self.training.epochs, pairs)
        task = _Pairs.of(self, pairs, run, held)
        data = *task.known_features(), *learnt_from(known, held)
        if fused:
            size, judge = self.training.batch_size, task.validate
            steps = FusedPairs(task.module, task.pairs, self.objective, size, judge)
            curve = trained(steps, self.training, run, data, self)
        else:
            curve = trained(task, self.training, run, data, self)
        return replace(task.fitted(), curve=curve)


class _Batch(NamedTuple):
    """Positive pairs, and what their sources are to be told from.

    Attributes:
        nodes: The sources, the targets, and the negatives.
        size: How many pairs.
        against: The negatives.
        field: What was sampled around the nodes, if anything is.
    """

    nodes: Int[Tensor, " n"]
    size: int
    against: Against
    field: Field | None


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The task of an embedding: tell the targets of a source from other nodes."""

    settings: Embedding
    module: NodeVectors
    pairs: PairSource
    held: HeldOut | None
    device: str
    fields: Fields | None
    features: NodeFeatures | None
    unit: str = "pairs"

    @classmethod
    def of(
        cls, settings: Embedding, pairs: PairSource, run: Run, held: HeldOut | None
    ) -> "_Pairs":
        graph = described_graph(settings.encoder, pairs)

        def build() -> NodeVectors:
            return module_of(settings.encoder, graph, settings.embedding_size)

        module = initialised(build, run.rng)
        if module.start is not None and module.table is not None:
            _start_vectors(module.table, module.start, graph)
        ego = settings.ego
        fields = None if ego is None else Fields.of(ego, module, pairs, run.device)
        known = graph.features
        return cls(settings, module, pairs, held, run.device, fields, known)

    def known_features(self) -> Iterator[np.ndarray]:
        """Yield what is known of nodes, if an encoder reads it."""
        if self.features is not None:
            yield from (self.features.category.numpy(), self.features.number.numpy())

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Batch]:
        drawer = drawer_of(self.settings.objective.loss.drawn, epoch, self.pairs, rng)
        # What is around a node may be as of its pair, so then each row has its own.
        apart = self.fields is not None and self.fields.needs_clocks
        for batch in self.pairs.epoch(self.settings.training.batch_size, rng):
            if not len(batch.source):
                continue  # Few walks may all end where they began.
            drawn = drawer.draw(batch)
            against = Against.of(drawn, self.device, apart=apart)
            pairs = tensor(np.concatenate([batch.source, batch.target]))
            nodes = torch.cat([pairs.to(self.device), against.node])
            field = None
            if self.fields is not None:
                around = against.node.cpu().numpy() if against.shared else drawn.node
                field = self.fields.of_batch(batch, around, rng)
            yield _Batch(nodes, len(batch.source), against, field)

    def _vectors(self, nodes: Tensor, field: Field | None) -> Tensor:
        return self.module(nodes) if field is None else self.module.of(field)

    def loss(self, batch: _Batch) -> Tensor:
        objective, b = self.settings.objective, batch.size
        module = self.module
        if module.two_sided:
            source, rest = module(batch.nodes[:b]), module.context(batch.nodes[b:])
        else:
            vector = self._vectors(batch.nodes, batch.field)
            source, rest = vector[:b], vector[b:]
        encoder = self.settings.encoder
        size = self.settings.embedding_size * module.parts
        source = check_vectors(encoder, source, b, size)
        rest = check_vectors(encoder, rest, len(batch.nodes) - b, size)
        temperature = objective.loss.temperature
        scored = score_pairs(source, rest, batch.against, temperature, batch.nodes[:b])
        loss = cost(objective.loss, scored)
        if objective.l2:
            learnt = module.learnt(batch.nodes[:b], batch.nodes[b:])
            squares = learnt.square().sum(dim=1)
            of_triples = (
                isinstance(objective.loss, OfTriples) and objective.loss.of_triples
            )
            penalty = penalised(squares, b, batch.against, of_triples=of_triples)
            loss = loss + objective.l2 / 2 * penalty
        return loss

    def examples(self, batch: _Batch) -> int:
        return batch.size

    def validate(self) -> float:
        """Return how well what is held out is found; nan if nothing is."""
        return math.nan if self.held is None else self.held.ndcg(self.fitted())

    def fitted(self) -> FittedEmbedding:
        """Return the vectors as they are."""
        graph, module = self.pairs.graph, self.module
        nodes, users = torch.arange(graph.nodes, device=self.device), graph.users
        with torch.inference_mode():
            if self.fields is not None and self.fields.sampled_for_good:
                sides = [torch.cat([module.of(f) for f in self.fields.of_all()])]
            else:
                sides = [module(nodes)]
            if module.two_sided and not module.context_trains_only:
                sides.append(module.context(nodes))
            if self._of_length_1:
                sides = [F.normalize(side, dim=1) for side in sides]
            source, *context = (side.cpu().numpy().copy() for side in sides)
        check_products(self.settings.name, source, *context)
        target = context[0] if context else source
        linked = np.bincount(graph.row.numpy(), minlength=graph.nodes) > 0
        items = slice(users, users + graph.items)
        item, known = self._with_cold_items(target[items], linked[items])
        return FittedEmbedding(
            self.settings.name,
            source[:users],
            item,
            linked[:users],
            known,
            given=source[items] if context and not self._only_users_begin else None,
        )

    @property
    def _only_users_begin(self) -> bool:
        """Has no item a vector as a source that anything moved?"""
        users, apart = self.pairs.graph.users, self.module.sources_apart
        return apart and users > 0 and not self.pairs.frequency[:users].any()

    @property
    def _of_length_1(self) -> bool:
        """Are scores cosines: in training, or since no product was trained to be one?

        A mean of fewer vectors is longer, and would come before all others.
        """
        cosines = self.settings.objective.loss.temperature is not None
        return cosines or self.module.context_trains_only

    def _with_cold_items(
        self, item: Float32[np.ndarray, "items d"], known: Bool[np.ndarray, " items"]
    ) -> tuple[Float32[np.ndarray, "all d"], Bool[np.ndarray, " all"]]:
        """Return the vectors of items, and of others from their features alone.

        An item that the log does not know has served its purpose: it is no answer.
        """
        count = len(self.pairs.fold.log.items)
        item, known = item[:count], known[:count]
        if self.features is None:
            return item, known
        vectors = np.zeros((count, item.shape[1]), np.float32)
        vectors[: len(item)] = item
        cold = np.flatnonzero(~np.pad(known, (0, count - len(known))))
        if len(cold):
            # What is known of those past the graph's items stands behind all its nodes.
            past = np.where(cold < len(item), 0, self.pairs.graph.others)
            nodes = tensor(cold + self.pairs.graph.users + past).to(self.device)
            with torch.inference_mode():
                alone = self.module.alone(nodes)
                if self._of_length_1:
                    alone = F.normalize(alone, dim=1)
            vectors[cold] = alone.cpu().numpy()
        answered = np.isfinite(vectors.sum(axis=1))
        vectors[~answered] = 0
        return vectors, answered


def _start_vectors(table: nn.Embedding, start: Start, graph: GraphInputs) -> None:
    """Give nodes with an edge the vectors of a start; the rest stays as drawn."""
    vectors = start.vectors(graph, table.embedding_dim)
    with torch.no_grad():
        table.weight[graph.row, : vectors.shape[1]] = vectors[graph.row]
