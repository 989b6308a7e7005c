"""What a click model learns from: examples, a few candidates of each at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64

from tidegraph.extras import needed
from tidegraph.features.events import StepNumbers
from tidegraph.losses import binary_cross_entropy
from tidegraph.nn.around import Around
from tidegraph.nn.inputs import Inputs
from tidegraph.ranking.receptive_fields import Shown, events_read
from tidegraph.run import Curve, Run
from tidegraph.stages import NO_ITEM, Examples
from tidegraph.training.loop import train
from tidegraph.training.task import least_if_nan
from tidegraph.training.weights import batches_in_order, shuffled_batches, tensor

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn

if TYPE_CHECKING:
    from tidegraph.ranking.neural import FittedNeuralRanker


class Batch(NamedTuple):
    """Some requests, a sample of the candidates of each, and what was right."""

    inputs: Inputs
    label: Float[Tensor, "b k *tasks"]
    weight: Float[Tensor, "b k"]
    log_odds: Float[Tensor, " b"]
    around: Around | None


@dataclass(frozen=True, eq=False)
class Clicks:
    """The task of a click model: tell what was acted on from what was not.

    Attributes:
        model: What learns.
        train: Examples to learn from.
        valid: Later ones, to stop by.
        numbers: The shared inputs of the candidates to learn from.
        valid_numbers: Those of the others.
        known: What was known of the events of both before each.
        device: Where.
        unit: What rates are of.
    """

    model: "FittedNeuralRanker"
    train: Examples
    valid: Examples
    numbers: Float32[np.ndarray, "b k n"]
    valid_numbers: Float32[np.ndarray, "b2 k2 n"]
    known: tuple[StepNumbers, StepNumbers]
    device: str
    unit: str = "requests"

    @property
    def module(self) -> nn.Module:
        """What learns."""
        return self.model.network

    @cached_property
    def weights(self) -> Float32[np.ndarray, "b k"]:
        """How much each candidate counts."""
        return self.train.weights

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield every request once, each time with other candidates."""
        settings = self.model.settings
        rows = np.flatnonzero(self.train.candidates.present.any(axis=1))
        size = settings.training.batch_size
        if settings.batches == "time":
            rows = rows[np.argsort(self.train.requests.time[rows], kind="stable")]
            for batch in batches_in_order(rows, size, rng):
                yield self._draw_batch(batch, rng)
        else:
            for batch in shuffled_batches(len(rows), size, rng):
                yield self._draw_batch(rows[batch], rng)

    def _draw_batch(
        self, rows: Int64[np.ndarray, " batch"], rng: np.random.Generator
    ) -> Batch:
        settings, candidates = self.model.settings, self.train.candidates
        place, kept, log_odds = settings.sampling.sample(
            candidates.present[rows], self.train.label[rows], rng
        )
        at = rows[:, None], place
        item, numbers = candidates.item[at], self.numbers[at]
        # What is not kept stands where there is no item.
        item = np.where(kept, item, np.int32(NO_ITEM))
        inputs = self.model.batches.inputs(
            self.train.requests, rows, item, numbers, self.known[0]
        )
        shown = None
        if settings.id_dropout:
            shown = Shown.drawn(self.model.tables, settings.id_dropout, rng)
            shown.hide(inputs)
        around = self.model.batches.around(self.train.requests, rows, item, shown)
        label, weight = tensor(self.label[at]), tensor(self.weights[at])
        return Batch(inputs, label, weight, tensor(log_odds), around)

    @cached_property
    def label(self) -> Float32[np.ndarray, "b k *tasks"]:
        """What is right of what is learnt from; of each task, if there are several."""
        tasks = self.model.settings.tasks
        return self.train.label if tasks is None else tasks.rights(self.train)

    @cached_property
    def valid_label(self) -> Float32[np.ndarray, "b2 k2"]:
        """What is right of what is held out."""
        return self.model.right(self.valid)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        network, tasks = self.model.network, self.model.settings.tasks
        odds = batch.log_odds.to(self.device)[:, None]
        there = batch.inputs.present.to(self.device)
        label, weight = (x.to(self.device) for x in (batch.label, batch.weight))
        if tasks is None:
            logit = network.answer(batch.inputs, batch.around) + odds
            loss = binary_cross_entropy(logit, label, there, weight)
        else:
            logits = network.each(batch.inputs, batch.around)
            loss = tasks.loss(logits, label, there, weight, odds)
        return loss + network.auxiliary(batch.inputs, batch.around)

    def examples(self, batch: Batch) -> int:
        """Return how many requests a batch has."""
        return len(batch.label)

    def validate(self) -> float:
        """Return the log likelihood of what is held out, per candidate; nan if none."""
        there = self.valid.candidates.present
        if not bool(there.any()):
            return math.nan
        score = self.model.probability(
            self.valid.requests,
            self.valid.candidates,
            self.valid_numbers,
            self.known[1],
        )[there]
        score = np.clip(score.astype(np.float64), 1e-7, 1 - 1e-7)
        label, weight = self.valid_label[there], self.valid.weights[there]
        likely = label * np.log(score) + (1 - label) * np.log(1 - score)
        return least_if_nan(float((weight * likely).mean()))


def train_clicks(
    model: "FittedNeuralRanker",
    examples: tuple[Examples, Examples],
    numbers: Float32[np.ndarray, "b k n"],
    run: Run,
) -> Curve:
    """Train the network in place and return how it went.

    Args:
        model: The network, and what it reads.
        examples: Those to learn from and those to stop by.
        numbers: The shared inputs of the first.
        run: Where, and what is random.
    """
    learn, valid = examples
    valid_numbers = model.features.of(valid.requests, valid.candidates)
    read = model.batches.known
    known = read(learn.requests), read(valid.requests)
    task = Clicks(model, learn, valid, numbers, valid_numbers, known, run.device)
    data, method = _fingerprint_parts(task), model.settings
    return train(task, method.training, run, data, method)


def _fingerprint_parts(task: Clicks) -> Iterator[object]:
    """Yield what a checkpoint must agree in."""
    yield from (task.numbers, task.valid_numbers)
    if task.model.settings.tasks is not None:
        yield from (task.label, task.valid_label)
    tables, read = task.model.tables, task.model.batches
    yield from (tables.item.code, tables.user.code)
    for part in (task.train, task.valid):
        requests, history = part.requests, part.requests.history
        yield from (part.candidates.item, part.label, part.weights, requests.user)
        rows = np.arange(len(requests))
        yield tables.event.of_history(requests, rows, read.history)
        yield from (history.ptr, history.node)
        yield from (requests.time, history.time)
        if len(requests) and read.reads_others:
            yield from events_read(requests, tables.event)
