"""One fit, one score and one state for every click model."""

import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float, Float32, Int32

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError, DataError
from tidegraph.extras import needed
from tidegraph.features.columns import Features, FeatureSet
from tidegraph.features.events import StepNumbers
from tidegraph.features.feature import check_reads
from tidegraph.features.fields import check_columns
from tidegraph.features.groups import own_of
from tidegraph.features.neighbors import BACK, CROSS
from tidegraph.features.tables import Tables
from tidegraph.fitting.candidate_sampling import CandidateSampling
from tidegraph.graph.from_log import ACTION
from tidegraph.nn.around import Around, reads_of
from tidegraph.nn.click import DIN, ClickModel, ReadsGraph
from tidegraph.nn.click.tasks import SHARED
from tidegraph.nn.dense import only_tower, towers
from tidegraph.nn.inputs import Inputs, InputSpec, history_numbers_of
from tidegraph.nn.vectors import FieldVectors, UserVectors
from tidegraph.nn.wide import Wide
from tidegraph.ranges import below_1
from tidegraph.ranking.batches import Batches
from tidegraph.ranking.candidate_inputs import (
    check_candidate_inputs,
    check_fields_of_model,
    network_without_weights,
)
from tidegraph.ranking.clicks import train_clicks
from tidegraph.ranking.network import check_reach
from tidegraph.ranking.tasks import Tasks
from tidegraph.run import Curve, Run
from tidegraph.stages import Candidates, Examples, Fold, Requests, Train, called
from tidegraph.training.settings import Training
from tidegraph.training.threads import threads
from tidegraph.training.weights import initialised, restore_weights, tensor, weights_of

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor

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
        tasks: What else is learnt at once, and which of it is answered; if left out,
            what is acted on alone.
        dropout: Share of what enters the layers of ``hidden`` that training leaves out.
    """

    model: ClickModel | ReadsGraph = field(default_factory=DIN)
    features: FeatureSet = field(default_factory=FeatureSet)
    sampling: CandidateSampling = field(default_factory=CandidateSampling)
    training: Training = field(default_factory=Training)
    id_dropout: float = 0.3
    batches: Literal["random", "time"] = "random"
    tasks: Tasks | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        shares = {"id_dropout": self.id_dropout, "dropout": self.dropout}
        below_1("a ranker's", **shares)
        check_reach(self.model, self.features.history)
        check_candidate_inputs(self.model, self.features)
        check_fields_of_model(self.model, self.features)
        if self.tasks is not None or self.dropout:
            outline = network_without_weights(self.model)
            if self.tasks is not None:
                only_tower(outline, SHARED)
            if self.dropout and not towers(outline):
                raise ConfigError(
                    f"{self.name} has no layers whose input dropout={self.dropout} "
                    "could leave out. Leave dropout out, or take a click model with "
                    "hidden layers, such as DIN, DSGL or MLP."
                )

    @property
    def name(self) -> str:
        """What the network is called, where a pipeline says what it is made of."""
        return called(self.model)

    @property
    def answers(self) -> str:
        """Whose probability the score is."""
        return ACTION if self.tasks is None else self.tasks.answer

    @property
    def features_read(self) -> frozenset[str]:
        """The features of a log that it reads, the category among them."""
        return frozenset(self.features.embedded)

    def check(self, train: Train) -> None:
        """Find out before any work whether a log has the features and the labels.

        Raises:
            DataError: It lacks one.
        """
        fold = Fold.of(train, self.name)
        check_columns(fold.events, self.features.category, self.features.fields)
        check_reads(own_of(self.features.groups), fold)
        if self.tasks is not None:
            self.tasks.check(fold)

    def fit(
        self, train: Examples, valid: Examples, *, run: Run
    ) -> "FittedNeuralRanker":
        """Learn from past requests; stop when ``valid`` gets no better.

        Args:
            train: Past requests.
            valid: Later ones.
            run: Where, and what draws weights, samples and orders.

        Raises:
            DataError: No candidate of the past was right, or every one was, or a
                further label is not there.
        """
        there = train.candidates.present
        if bool(train.label[there].all()) and bool(there.any()):
            raise DataError(
                "every candidate of the past was right, so there is nothing to tell "
                "them from. Draw negatives, or read the log with what was shown in "
                "vain (label 0)."
            )
        if not bool(train.label.any()):
            raise DataError(
                "no candidate of the past was right, so there is nothing to learn. "
                "Retrieve more candidates, or lengthen the windows."
            )
        told, rng = self.features, run.drawing("features")
        features, numbers = Features.fit_and_read(
            train, told.category, told.groups, told.fields, rng=rng
        )
        fields, ids = self.features.embedded, self.features.ids
        latest = valid.requests if len(valid.requests) else train.requests
        tables = Tables.of(latest, fields, ids=ids)
        known = None
        if ids or any((*tables.item.kinds, *tables.user.kinds)):
            read = self.read_by(features, tables)
            # Whose row nothing moves is as unknown as who is not there.
            known = read.nodes(train.requests, train.candidates.item)
            tables = tables.trained_on(*known)
        network = initialised(lambda: self.network(features, tables), run.rng)
        if known is not None:
            self._mute_unknown(network, tables, *known)
        label = train.label if self.tasks is None else self.tasks.rights(train)
        shares = np.average(label[there], axis=0, weights=train.weights[there])
        shares = np.atleast_1d(shares)
        if self.tasks is not None:
            shares = self.tasks.starts(shares)
        network.start(*shares.tolist())
        fitted = FittedNeuralRanker(self, features, tables, network)
        curve = train_clicks(fitted, (train, valid), numbers, run)
        network.to("cpu")
        return FittedNeuralRanker(self, features, tables, network, curve)

    def _mute_unknown(
        self,
        network: Wide,
        tables: Tables,
        item: Int32[np.ndarray, " n"],
        user: Int32[np.ndarray, " m"],
    ) -> None:
        """Let the unknown say nothing where no example teaches what it says.

        Args:
            network: Whose vectors are drawn.
            tables: What is known.
            item: Items that examples read, -1 where there is none.
            user: Users, -1 for one of whom nothing is known.
        """
        sides = (
            tables.item.never_unknown(item[item >= 0]),
            tables.user.never_unknown(user),
        )
        for part in network.modules():
            if isinstance(part, FieldVectors) and part is not network.said:
                still = sides[isinstance(part, UserVectors)].copy()
                # Hiding ids teaches what is said of one that is unknown.
                still[0] &= not self.id_dropout
                part.mute_unknown(np.flatnonzero(still).tolist())

    def read_by(self, features: Features, tables: Tables) -> Batches:
        """Return what reads the network's inputs."""
        reads = reads_of(self.model)
        # A model that reads the graph reads its events there.
        history = self.features.history if reads is None else 0
        numbers = history_numbers_of(self.model)
        return Batches(features, tables, history, reads, numbers)

    def network(self, features: Features, tables: Tables) -> Wide:
        """Return the network, with weights yet to be drawn."""
        numbers = len(features.names)
        item, user = tables.item.counts, tables.user.counts
        crossed = "cross" in self.features.groups
        cross, back = (len(names) * crossed for names in (CROSS, BACK))
        event, said = len(features.event_names), tables.event.counts
        spec = InputSpec(item, user, numbers, event, cross, back, said)
        further = 0 if self.tasks is None else len(self.tasks.also)
        network = Wide(self.model.build(spec.told), numbers, further, said)
        for tower in towers(network):
            tower.dropout = self.dropout
        return network


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

    @property
    def answers(self) -> str:
        """Whose probability the score is."""
        return self.settings.answers

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
        blocks = self.batches.blocks(
            requests, candidates.item, numbers, known, self.network
        )
        with torch.inference_mode():
            for rows, inputs, around in blocks:
                logit = self._logit(inputs, around)
                sure = torch.sigmoid(logit.clamp(-SUREST, SUREST)).cpu().numpy()
                out[rows] = np.where(candidates.present[rows], sure, 0)
        return out

    def _logit(self, inputs: Inputs, around: Around | None) -> Float[Tensor, "b k"]:
        """Return the logit of what is answered."""
        if self.settings.tasks is None:
            return self.network.answer(inputs, around)
        return self.settings.tasks.answered(self.network.each(inputs, around))

    def right(self, examples: Examples) -> Float32[np.ndarray, "b k"]:
        """Return the label of examples whose probability is answered."""
        tasks = self.settings.tasks
        return examples.label if tasks is None else tasks.right(examples, tasks.answer)

    def answering(self, name: str) -> "FittedNeuralRanker":
        """Return the same, whose score is the probability of another of its labels.

        Raises:
            ConfigError: It has learnt no such label.
        """
        if self.settings.tasks is None:
            raise ConfigError(
                f"{self.name} has learnt what is acted on alone. Name further labels "
                "in tasks=."
            )
        tasks = replace(self.settings.tasks, answer=name)
        return replace(self, settings=replace(self.settings, tasks=tasks))

    @cached_property
    def batches(self) -> Batches:
        """What reads the network's inputs."""
        return self.settings.read_by(self.features, self.tables)

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedNeuralRanker":
        """Return the same, to which some users are as one of whom nothing is known."""
        known = rows[rows < self.tables.user.known].astype(np.int64)
        network = copy.deepcopy(self.network)
        for part in network.modules():
            if isinstance(part, UserVectors):
                part.forget(tensor(known + 1))
        tables = self.tables.without_users(rows)
        return replace(self, tables=tables, network=network)

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
        settings = build(NeuralRanker, table, "a saved ranker", own=state.kinds)
        features = state.part("features", Features)
        tables = state.part("tables", Tables)
        # Without memory for weights, which are those of the file.
        with torch.device("meta"):
            network = settings.network(features, tables)
        restore_weights(network, state.arrays)
        curve = Curve.from_table(state.settings["curve"])
        return cls(settings, features, tables, network, curve)
