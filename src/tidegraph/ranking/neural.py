"""One fit, one score and one state for every click model."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from jaxtyping import Float, Float32, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.features.columns import Features, FeatureSet
from tidegraph.features.events import StepNumbers
from tidegraph.features.neighbors import BACK, CROSS
from tidegraph.features.tables import Tables
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.losses import binary_cross_entropy
from tidegraph.nn.around import Around
from tidegraph.nn.click import DIN, ClickModel, ReadsGraph
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.vectors import UserVectors
from tidegraph.nn.wide import Wide
from tidegraph.ranges import below_1
from tidegraph.ranking.around import Shown, read_before
from tidegraph.ranking.batches import Batches
from tidegraph.run import Curve, Run
from tidegraph.stages import NO_ITEM, Candidates, Examples, Requests, called
from tidegraph.training.loop import threads, train
from tidegraph.training.settings import Training
from tidegraph.training.weights import (
    initialised,
    restore,
    shuffled,
    side_by_side,
    tensor,
    weights_of,
)

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

SUREST = 15.0
"""Largest logit: beyond it the nearest float to the probability is 0 or 1."""


@settings
class NeuralRanker:
    """A click model, what it knows, what it learns from, and how.

    Attributes:
        model: The network.
        features: The inputs; a group left out is off.
        sampling: Which candidates each pass learns from.
        training: How long and how fast to learn.
        id_dropout: Share of ids hidden in training, so that new items are known kin.
        batches: Are the requests of a batch drawn at ``random``, or do they follow one
            another in ``time``? Those share more of the graph, which a model that reads
            it computes once a batch.
    """

    model: ClickModel | ReadsGraph = field(default_factory=DIN)
    features: FeatureSet = field(default_factory=FeatureSet)
    sampling: CandidateSampling = field(default_factory=CandidateSampling)
    training: Training = field(default_factory=Training)
    id_dropout: float = 0.3
    batches: Literal["random", "time"] = "random"

    def __post_init__(self) -> None:
        below_1("a ranker's", id_dropout=self.id_dropout)

    @property
    def name(self) -> str:
        """What the network is called, where a pipeline says what it is made of."""
        return called(self.model)

    def fit(
        self,
        train: Examples,
        valid: Examples,
        *,
        run: Run,
    ) -> "FittedNeuralRanker":
        """Learn from past requests; stop when ``valid`` gets no better.

        Args:
            train: Past requests.
            valid: Later ones.
            run: Where, and what draws weights, samples and orders.

        Raises:
            DataError: No candidate of the past was right.
        """
        if not bool(train.label.any()):
            raise DataError(
                "no candidate of the past was right, so there is nothing to learn. "
                "Retrieve more candidates, or lengthen the windows."
            )
        features = Features.fit(train, self.features.category, self.features.groups)
        fields, ids = self.features.embedded, self.features.ids
        tables = Tables.of(valid.requests, fields, ids=ids)
        network = initialised(lambda: self.network(features, tables), run.rng)
        there = train.candidates.present
        network.start(
            float(np.average(train.label[there], weights=train.weights[there]))
        )
        fitted = FittedNeuralRanker(self, features, tables, network)
        curve = _learnt(fitted, train, valid, run)
        network.to("cpu")
        return FittedNeuralRanker(self, features, tables, network, curve)

    def network(self, features: Features, tables: Tables) -> Wide:
        """Return the network, with weights yet to be drawn."""
        numbers = len(features.names)
        item, user = tables.item.counts, tables.user.counts
        crossed = "cross" in self.features.groups
        cross, back = (len(names) * crossed for names in (CROSS, BACK))
        spec = InputSpec(item, user, numbers, len(features.event_names), cross, back)
        return Wide(self.model.build(spec), numbers)


@dataclass(frozen=True, eq=False)
class FittedNeuralRanker:
    """A trained network and the inputs it was trained on.

    Attributes:
        settings: The configuration.
        features: The shared inputs.
        tables: How items become rows of tables.
        network: The network.
        curve: How training went.
    """

    settings: NeuralRanker
    features: Features
    tables: Tables
    network: Wide
    curve: Curve = field(default_factory=Curve)

    @property
    def name(self) -> str:
        """What the network is called, where a pipeline says what it is made of."""
        return self.settings.name

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        numbers = self.features.of(requests, candidates)
        with threads(1):
            return self.probability(requests, candidates, numbers)

    def probability(
        self,
        requests: Requests,
        candidates: Candidates,
        numbers: Float32[np.ndarray, "b k n"],
        known: StepNumbers | None = None,
    ) -> Float32[np.ndarray, "b k"]:
        """Return ``score``, its inputs being at hand, perhaps those of events, too."""
        out = np.zeros(candidates.item.shape, np.float32)
        if not out.size:
            return out
        blocks = self.batches.blocks(requests, candidates.item, numbers, known)
        with torch.inference_mode():
            for rows, inputs, around in blocks:
                logit = self.network.answer(inputs, around)
                sure = torch.sigmoid(logit.clamp(-SUREST, SUREST)).cpu().numpy()
                out[rows] = np.where(candidates.present[rows], sure, 0)
        return out

    @cached_property
    def batches(self) -> Batches:
        """What reads the network's inputs."""
        model, history = self.settings.model, self.settings.features.history
        reads = model.reads() if isinstance(model, ReadsGraph) else None
        # A model that reads the graph reads its events there.
        history = history if reads is None else 0
        return Batches(self.features, self.tables, history, reads)

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedNeuralRanker":
        """Return the same, whose vectors of some users are that of an unknown one."""
        known = rows[rows < self.tables.user.known].astype(np.int64)
        network = copy.deepcopy(self.network)
        for part in network.modules():
            if isinstance(part, UserVectors):
                part.forget(tensor(known + 1))
        return replace(self, network=network)

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedNeuralRanker",
            settings={
                "ranker": to_table(self.settings),
                "curve": self.curve.table(),
            },
            arrays=weights_of(self.network),
            parts={"features": self.features.state(), "tables": self.tables.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedNeuralRanker":
        """Rebuild from what ``state`` returned."""
        table = cast(dict[str, Any], state.settings["ranker"])
        settings = build(NeuralRanker, table, "a saved ranker")
        features = state.part("features", Features)
        tables = state.part("tables", Tables)
        # Without memory for weights, which are those of the file.
        with torch.device("meta"):
            network = settings.network(features, tables)
        restore(network, state.arrays)
        curve = Curve.from_table(state.settings["curve"])
        return cls(settings, features, tables, network, curve)


class _Batch(NamedTuple):
    """Some requests, a sample of the candidates of each, and what was right."""

    inputs: Inputs
    label: Float[Tensor, "b k"]
    weight: Float[Tensor, "b k"]
    log_odds: Float[Tensor, " b"]
    around: Around | None


@dataclass(frozen=True, eq=False)
class _Clicks:
    """The task of a click model: tell what was acted on from what was not."""

    model: FittedNeuralRanker
    train: Examples
    valid: Examples
    numbers: Float32[np.ndarray, "b k n"]
    valid_numbers: Float32[np.ndarray, "b2 k2 n"]
    known: tuple[StepNumbers, StepNumbers]
    device: str
    unit: str = "requests"

    @property
    def module(self) -> nn.Module:
        return self.model.network

    @cached_property
    def weights(self) -> Float32[np.ndarray, "b k"]:
        return self.train.weights

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Batch]:
        settings = self.model.settings
        rows = np.flatnonzero(self.train.candidates.present.any(axis=1))
        size = settings.training.batch_size
        if settings.batches == "time":
            rows = rows[np.argsort(self.train.requests.time[rows], kind="stable")]
            for batch in side_by_side(rows, size, rng):
                yield self._batch(batch, rng)
        else:
            for batch in shuffled(len(rows), size, rng):
                yield self._batch(rows[batch], rng)

    def _batch(
        self, rows: Int64[np.ndarray, " batch"], rng: np.random.Generator
    ) -> _Batch:
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
            shown = self._shown(rng)
            for part in (inputs.item, inputs.step):
                part[..., 0] *= tensor(shown.item)[part[..., 0]]
            inputs.user[:, 0] *= tensor(shown.user)[inputs.user[:, 0]]
        around = self.model.batches.around(self.train.requests, rows, item, shown)
        label, weight = tensor(self.train.label[at]), tensor(self.weights[at])
        return _Batch(inputs, label, weight, tensor(log_odds), around)

    def _shown(self, rng: np.random.Generator) -> Shown:
        """Draw whose ids a batch shows."""
        hidden, tables = self.model.settings.id_dropout, self.model.tables
        item = rng.random(tables.item.known + 1) >= hidden
        return Shown(rng.random(tables.user.known + 1) >= hidden, item)

    def loss(self, batch: _Batch) -> Tensor:
        logit = self.model.network.answer(batch.inputs, batch.around)
        logit = logit + batch.log_odds.to(self.device)[:, None]
        there = batch.inputs.present.to(self.device)
        label, weight = (x.to(self.device) for x in (batch.label, batch.weight))
        loss = binary_cross_entropy(logit, label, there, weight)
        return loss + self.model.network.auxiliary(batch.inputs)

    def validate(self) -> float:
        """Return the log likelihood of what is held out, per candidate."""
        there = self.valid.candidates.present
        if not bool(there.any()):
            return 0.0
        score = self.model.probability(
            self.valid.requests,
            self.valid.candidates,
            self.valid_numbers,
            self.known[1],
        )[there]
        score = np.clip(score.astype(np.float64), 1e-7, 1 - 1e-7)
        label, weight = self.valid.label[there], self.valid.weights[there]
        likely = label * np.log(score) + (1 - label) * np.log(1 - score)
        return float((weight * likely).mean())


def _learnt(
    model: FittedNeuralRanker, learn: Examples, valid: Examples, run: Run
) -> Curve:
    """Train the network in place and return how it went."""
    numbers, valid_numbers = (
        model.features.of(part.requests, part.candidates) for part in (learn, valid)
    )
    read = model.batches.known
    known = read(learn.requests), read(valid.requests)
    task = _Clicks(model, learn, valid, numbers, valid_numbers, known, run.device)
    return train(task, model.settings.training, run, _learnt_from(task))


def _learnt_from(task: _Clicks) -> Iterator[object]:
    """Yield what a checkpoint must agree in."""
    yield from (task.model.settings, task.numbers, task.valid_numbers)
    for part in (task.train, task.valid):
        requests, history = part.requests, part.requests.history
        yield from (part.candidates.item, part.label, part.weights)
        yield from (history.ptr, history.node)
        yield from (requests.time, history.time)
        if task.model.batches.reader is not None and len(requests):
            yield from read_before(requests)
