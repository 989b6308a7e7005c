"""Any embedding: an encoder with its receptive field, an objective, and one loop."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Int64

from tidegraph.arguments import settings
from tidegraph.data.views import Matrix
from tidegraph.extras import needed
from tidegraph.kernels.ragged import owners
from tidegraph.nn.conv import Encoder, Identity, Tables
from tidegraph.nn.graph_inputs import Bipartite
from tidegraph.ranges import at_least
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.objective import Objective, Pairwise, drawn_negatives
from tidegraph.retrieval.scoring.evidence import evidence, trained_until
from tidegraph.run import Run
from tidegraph.stages import Fold, Train
from tidegraph.training.loop import train as trained
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training
from tidegraph.training.weights import initialised, shuffled, tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor

STEADY = Training(40, 1024, optimizer=Adam(5e-3), patience=None)
"""No part is held out, so every epoch is taken and the last weights are kept."""


@settings
class Embedding:
    """A vector per user and item, trained so that products order items.

    Attributes:
        name: The channel.
        encoder: How a vector comes from a node and its neighbours.
        objective: Positive pairs, negatives and loss.
        size: Numbers in a vector.
        training: How long and how fast to learn.
        seed: Seed of everything random; that of the run if left out.
    """

    name: str = "Embedding"
    encoder: Encoder = field(default_factory=Identity)
    objective: Objective = field(default_factory=Pairwise)
    size: int = 64
    training: Training = STEADY
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least(self.name, 1, size=self.size)
        at_least(self.name, 0, seed=self.seed)

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
        matrix = evidence(fold, self.name)
        run = Run(np.random.default_rng(0)) if run is None else run
        own = self.seed is not None
        rng = np.random.default_rng(self.seed) if own else run.drawing(self.name)
        run = replace(run, rng=rng)
        task = _Pairs.of(self, matrix, run)
        data = self, task.user, task.item
        curve = trained(task, self.training, run, data)
        with torch.inference_mode():
            user, item = (part.cpu().numpy().copy() for part in task.module())
        users, items = len(user), len(item)
        return FittedEmbedding(
            self.name,
            user,
            item,
            np.bincount(task.user, minlength=users) > 0,
            np.bincount(task.item, minlength=items) > 0,
            trained_until(fold),
            curve,
        )


class _Batch(NamedTuple):
    """Positive pairs, and items that are none for each user."""

    user: Int[Tensor, " b"]
    item: Int[Tensor, " b"]
    negative: Int[Tensor, "b n"]
    present: Bool[Tensor, "b n"]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The task of an embedding: tell a user's items from others."""

    settings: Embedding
    module: Tables
    user: Int64[np.ndarray, " pairs"]
    item: Int64[np.ndarray, " pairs"]
    device: str
    unit: str = "pairs"

    @classmethod
    def of(cls, settings: Embedding, matrix: Matrix, run: Run) -> "_Pairs":
        user = owners(matrix.ptr)
        item = matrix.item.astype(np.int64)
        # Rows are by first appearance: what the future brings adds none.
        users, items = int(user.max()) + 1, int(item.max()) + 1
        graph = Bipartite(users, items, tensor(user), tensor(item))
        module = initialised(
            lambda: settings.encoder.build(graph, settings.size), run.rng
        )
        return cls(settings, module, user, item, run.device)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Batch]:
        objective = self.settings.objective
        items, pool, keys = self._known
        for rows in shuffled(len(self.user), self.settings.training.batch_size, rng):
            user = self.user[rows]
            negative, present = drawn_negatives(
                user, objective.negatives, pool, keys, items, rng
            )
            arrays = user, self.item[rows], negative, present
            yield _Batch(*(tensor(array).to(self.device) for array in arrays))

    @cached_property
    def _known(
        self,
    ) -> tuple[int, Int64[np.ndarray, " known"], Int64[np.ndarray, " pairs"]]:
        """How many items there are, those with an event, and the keys of all pairs."""
        items = int(self.item.max()) + 1
        return items, np.unique(self.item), np.sort(self.user * items + self.item)

    def loss(self, batch: _Batch) -> Tensor:
        users, items = self.module()
        user, item = users[batch.user], items[batch.item]
        other, objective = items[batch.negative], self.settings.objective
        positive = (user * item).sum(dim=1)
        negative = (user[:, None] * other).sum(dim=2)
        loss = objective.loss(positive, negative, batch.present, len(items))
        own = [
            table.weight[rows].square().sum()
            for table, rows in (
                (self.module.user, batch.user),
                (self.module.item, batch.item),
                (self.module.item, batch.negative),
            )
        ]
        return loss + objective.l2 / 2 * torch.stack(own).sum() / len(batch.user)

    def validate(self) -> float:
        """Return nan: nothing is held out."""
        return math.nan
