"""Eq 19.18 over the whole network: the cloud's model learns from devices' rows."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from tidegraph.dccl.cloud_state import CloudState
from tidegraph.dccl.trunk import FleetInputs
from tidegraph.device.distill import MoMoDistill, Teachers, model_loss
from tidegraph.device.personalise import loss_of
from tidegraph.device.rows import Rows
from tidegraph.device.split import split
from tidegraph.extras import needed
from tidegraph.nn.around import Around
from tidegraph.nn.inputs import Inputs
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.ranking.new_rows import with_rows
from tidegraph.ranking.receptive_fields import Shown
from tidegraph.run import Run
from tidegraph.training.loop import train
from tidegraph.training.task import least_if_nan
from tidegraph.training.weights import shuffled_batches, tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class TrainingData(NamedTuple):
    """What a network learns from in a round.

    Attributes:
        inputs: The rows of all devices.
        learn: Which of them it learns from.
        judge: Which decide when to stop.
        weight: How much each of the first counts.
        taught: What devices' own models say of the first; none before any has learnt.
        clock: The moment of the round: who had acted by then has a row in the tables.
    """

    inputs: FleetInputs
    learn: Bool[np.ndarray, " n"]
    judge: Bool[np.ndarray, " n"]
    weight: Float32[np.ndarray, " m"]
    taught: Teachers | None
    clock: int


def train_network(
    state: CloudState, data: TrainingData, settings: MoMoDistill, run: Run
) -> CloudState:
    """Return a state whose network has learnt from devices' rows and their models.

    Its head has the tower that the network has learnt; patches stay as they are.

    Args:
        state: The cloud so far, which stays as it is.
        data: What is learnt from.
        settings: How to learn.
        run: In what circumstances.
    """
    assert settings.model is not None
    ranker = with_rows(state.ranker, *data.inputs.nodes(data.clock))
    task = NetworkTask(ranker, data, state.level, settings)
    train(task, settings.model, run, method=settings)
    head = copy.deepcopy(state.head)
    head.f.load_state_dict(split(ranker.network).tower.state_dict())
    return replace(state, ranker=ranker, head=head)


class Batch(NamedTuple):
    """Some requests, and what is known of their candidates; 0 where none is a row.

    Attributes:
        inputs: What the network gets.
        around: What it reads of the graph, if it does.
        label: What happened.
        weight: How much each counts.
        teacher: Probability of an action by the device's own model, as it was.
        trusted: Does the teacher count?
    """

    inputs: Inputs
    around: Around | None
    label: Float[Tensor, "b k"]
    weight: Float[Tensor, "b k"]
    teacher: Float[Tensor, "b k"]
    trusted: Float[Tensor, "b k"]


class _Still(nn.Module):
    """A network that learns as in evaluation: norms keep what training has found.

    Devices compute with these, and so does whoever judges them; in a round of few rows
    those of a batch are far from them.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> "_Still":
        """Stay as in evaluation."""
        return super().train(False)


@dataclass(frozen=True, eq=False)
class NetworkTask:
    """The task of the whole network: tell the rows, near to the devices' own models.

    Attributes:
        ranker: What learns.
        data: What it learns from.
        level: What is added to all logits.
        settings: How it learns.
        unit: What rates are of.
    """

    ranker: FittedNeuralRanker
    data: TrainingData
    level: float
    settings: MoMoDistill
    unit: str = "requests"

    @property
    def module(self) -> nn.Module:
        """What learns."""
        return _Still(self.ranker.network)

    @cached_property
    def cells(self) -> list[Float32[np.ndarray, "b k"]]:
        """Label, weight, teacher and trust of the candidates of all requests."""
        data, none = self.data, np.zeros(len(self.data.weight), np.float32)
        taught = Teachers(none, none) if data.taught is None else data.taught
        parts = (
            self._values_in_cells(data.learn, part) for part in (data.weight, *taught)
        )
        return [data.inputs.examples.label, *parts]

    def _values_in_cells(
        self, some: Bool[np.ndarray, " n"], values: Float32[np.ndarray, " m"]
    ) -> Float32[np.ndarray, "b k"]:
        """Return values of some rows where these stand among the requests' cells."""
        inputs = self.data.inputs
        out = np.zeros(inputs.examples.label.shape, np.float32)
        out.ravel()[inputs.cell[some]] = values
        return out

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield every request once of which a row is learnt from."""
        assert self.settings.model is not None
        rows = np.flatnonzero(self.cells[1].any(axis=1))
        each = int(self.data.learn.sum()) / max(len(rows), 1)
        size = max(1, round(self.settings.model.batch_size / max(each, 1)))
        hidden, tables = self.ranker.settings.id_dropout, self.ranker.tables
        for some in shuffled_batches(len(rows), size, rng):
            shown = Shown.drawn(tables, hidden, rng) if hidden else None
            inputs, around = self._network_inputs(rows[some], shown)
            yield Batch(
                inputs, around, *(tensor(part[rows[some]]) for part in self.cells)
            )

    def _network_inputs(
        self, rows: Int64[np.ndarray, " b"], shown: Shown | None = None
    ) -> tuple[Inputs, Around | None]:
        """Return what the network gets of some requests."""
        held, read = self.data.inputs, self.ranker.batches
        requests, item = held.examples.requests, held.examples.candidates.item[rows]
        inputs = read.inputs(requests, rows, item, held.numbers[rows], held.known)
        if shown is not None:
            shown.hide(inputs)
        return inputs, read.around(requests, rows, item, shown)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, and what the model itself adds to it.

        Source:
            Eq 19.18, whose gradient is that of all of the network's weights.
        """
        network = self.ranker.network
        logit = network.answer(batch.inputs, batch.around) + self.level
        label, weight, teacher, trusted = (
            part.flatten()
            for part in (batch.label, batch.weight, batch.teacher, batch.trusted)
        )
        near = self.settings.beta
        loss = model_loss(logit.flatten(), label, weight, teacher, trusted, near)
        return loss + network.auxiliary(batch.inputs, batch.around)

    def examples(self, batch: Batch) -> int:
        """Return how many requests a batch has."""
        return len(batch.label)

    @cached_property
    def judged(self) -> Float32[np.ndarray, "b k"]:
        """What decides when to stop: 1 for each such candidate."""
        judge = self.data.judge
        return self._values_in_cells(judge, np.ones(int(judge.sum()), np.float32))

    def validate(self) -> float:
        """Return the log likelihood of what decides when to stop, by row."""
        label, total = self.data.inputs.examples.label, 0.0
        weight = self.judged
        rows = np.flatnonzero(weight.any(axis=1))
        if not len(rows):
            return float("nan")
        for start in range(0, len(rows), 256):
            some = rows[start : start + 256]
            logit = self.ranker.network.answer(*self._network_inputs(some)) + self.level
            flat = (tensor(part[some]).flatten() for part in (label, weight))
            held = Rows(torch.zeros(0), torch.zeros(0), *flat)
            total -= float(loss_of(logit.flatten(), held)) * float(weight[some].sum())
        return least_if_nan(total / float(weight.sum()))
