"""DIN: the history weighed by each item of it against the candidate."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int32, Int64

from tidegraph.artifact import State
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError, DataError
from tidegraph.extras import needed
from tidegraph.features.columns import Features
from tidegraph.graph.snapshot import ACTION
from tidegraph.losses import binary_cross_entropy
from tidegraph.nn.click.din import GAPS, InterestNetwork
from tidegraph.stages import Candidates, Examples, Requests
from tidegraph.training.loop import (
    Training,
    initialised,
    one_thread,
    restore,
    shuffled,
    tensor,
    train,
    weights_of,
)

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor

BLOCK = 64


@dataclass(frozen=True)
class DIN:
    """Deep interest network over the latest events of the history.

    Attributes:
        embedding_size: Width of an item's, and of a category's, vector.
        history: How many of the latest events are looked at.
        hidden: Widths of the layers after pooling.
        category: Item feature column that groups items, if any.
        id_dropout: Share of ids hidden in training, so that new items are known kin.
        sampled: Most candidates per request and pass, at most half of them positives
            while there are negatives; the loss corrects for what is left out, so that
            probabilities stay right.
        training: How long and how fast to learn.

    Source:
        Zhou et al. (2018), "Deep interest network for click-through rate prediction":
        local activation unit without softmax, Dice. Departs: the shared features enter
        beside the vectors and, linearly, the logit; the age of each event enters the
        activation unit.
    """

    embedding_size: int = 16
    history: int = 30
    hidden: tuple[int, ...] = (64, 32)
    category: str | None = None
    id_dropout: float = 0.3
    sampled: int = 40
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        for name in ("embedding_size", "history", "sampled"):
            if getattr(self, name) < 1:
                raise ConfigError(f"DIN has {name}={getattr(self, name)}; at least 1.")
        if not 0 <= self.id_dropout < 1:
            raise ConfigError(
                f"DIN has id_dropout={self.id_dropout}; it must be 0 to 1."
            )

    def fit(
        self, train: Examples, valid: Examples, *, rng: np.random.Generator
    ) -> "FittedDIN":
        """Learn from past requests; stop when ``valid`` gets no better.

        Raises:
            DataError: No candidate of the past was right.
        """
        if not bool(train.label.any()):
            raise DataError(
                "no candidate of the past was right, so there is nothing to learn. "
                "Retrieve more candidates, or lengthen window_days."
            )
        features = Features.fit(train, self.category)
        met = _met_before(valid.requests)
        network = initialised(lambda: self._network(features, met), rng)
        fitted = FittedDIN(self, features, network)
        fitted.network.start(float(train.label[train.candidates.present].mean()))
        _Lesson(fitted, train, valid).learn(rng)
        return fitted

    def _network(self, features: Features, num_items: int) -> InterestNetwork:
        return InterestNetwork(
            num_items=num_items,
            num_categories=int(features.category.max(initial=-1)) + 1,
            num_features=len(features.names),
            embedding_size=self.embedding_size,
            hidden=self.hidden,
            id_dropout=self.id_dropout,
        )


@dataclass(frozen=True, eq=False)
class FittedDIN:
    """A trained network and the inputs it was trained on.

    Attributes:
        settings: The configuration.
        features: The shared inputs.
        network: The network.
    """

    settings: DIN
    features: Features
    network: InterestNetwork

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        inputs = self.features.of(requests, candidates)
        return self.probability(requests, candidates, inputs)

    def probability(
        self,
        requests: Requests,
        candidates: Candidates,
        inputs: Float32[np.ndarray, "b k f"],
    ) -> Float32[np.ndarray, "b k"]:
        """Return ``score``, the shared inputs being at hand."""
        out = np.zeros(candidates.item.shape, np.float32)
        with torch.inference_mode(), one_thread():
            for start in range(0, len(requests), BLOCK):
                rows = np.arange(start, min(len(requests), start + BLOCK))
                there = candidates.present[rows]
                if there.any():
                    part = candidates.item[rows], inputs[rows], there
                    logit = self.logit(requests, rows, *part)
                    block = np.zeros(there.shape, np.float32)
                    block[there] = torch.sigmoid(logit).numpy()
                    out[rows] = block
        return out

    def logit(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        inputs: Float32[np.ndarray, "b k f"],
        there: Bool[np.ndarray, "b k"],
        hide: Tensor | None = None,
    ) -> Float[Tensor, " n"]:
        """Return the logits of the items that are there, for some of the requests."""
        known = self._known(item)
        target = np.stack([known, self._category(item)], axis=2)
        return self.network(
            tensor(target),
            tensor(self._history(requests, rows)),
            tensor(inputs),
            tensor(there),
            hide,
        )

    def _history(
        self, requests: Requests, rows: Int64[np.ndarray, " b"]
    ) -> Int64[np.ndarray, "b h 3"]:
        """Return item, category and age bucket of the latest events of each row."""
        stop = requests.history.ptr[rows + 1]
        at = stop[:, None] - 1 - np.arange(self.settings.history)
        there = at >= requests.history.ptr[rows][:, None]
        at = np.where(there, at, 0)
        out = np.zeros((*at.shape, 3), np.int64)
        out[:, :, 2] = -1
        if len(requests.history.node):
            item = requests.history.node[at]
            days = (requests.time[rows][:, None] - requests.history.time[at]) / 86_400
            bucket = np.floor(np.log2(np.maximum(days, 0) + 1)).astype(np.int64)
            out[:, :, 0] = np.where(there, self._known(item), 0)
            out[:, :, 1] = np.where(there, self._category(item), 0)
            out[:, :, 2] = np.where(there, np.minimum(bucket, GAPS - 1), -1)
        return out

    def _known(self, item: np.ndarray) -> np.ndarray:
        """Return rows of the item table: 0 where training did not know the item."""
        known = (item >= 0) & (item < self.network.item.num_embeddings - 1)
        return np.where(known, item + 1, 0).astype(np.int64)

    def _category(self, item: np.ndarray) -> np.ndarray:
        """Return rows of the category table: 0 where there is none."""
        codes = np.append(self.features.category, -1).astype(np.int64)
        return codes[np.where(item < len(codes) - 1, item, -1)] + 1

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedDIN",
            settings=to_table(self.settings),
            arrays=weights_of(self.network),
            parts={"features": self.features.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedDIN":
        """Rebuild from what ``state`` returned."""
        settings = build(DIN, cast(dict[str, Any], state.settings), "DIN")
        features = state.part("features", Features)
        num_items = len(state.arrays["item.weight"]) - 1
        # Without memory for weights, which are those of the file.
        with torch.device("meta"):
            network = settings._network(features, num_items)  # pyright: ignore[reportPrivateUsage]
        restore(network, state.arrays)
        return cls(settings, features, network)


def _met_before(requests: Requests) -> int:
    """Return how many rows of items were met before the last of the requests.

    Rows are by first appearance, so what comes later cannot change their number.
    """
    edges = requests.graph[f"~{ACTION}"]
    items = np.arange(len(edges), dtype=np.int32)
    start, stop = edges.span_before(
        items, np.full(len(items), requests.time.max(initial=0), np.int64)
    )
    return int(np.flatnonzero(stop > start).max(initial=-1)) + 1


def _share(
    of: Bool[np.ndarray, "b k"], chosen: Int64[np.ndarray, "b s"]
) -> Float64[np.ndarray, " b"]:
    """Return which share of each row's true places is chosen; 1 where none is."""
    some = np.take_along_axis(of, chosen, axis=1).sum(axis=1)
    return np.where(some > 0, some / np.maximum(of.sum(axis=1), 1), 1.0)


class _Lesson:
    """What the training loop asks of DIN: the loss of a batch, and that held out."""

    def __init__(self, model: FittedDIN, train: Examples, valid: Examples) -> None:
        self.model, self.train, self.valid = model, train, valid
        self.inputs = model.features.of(train.requests, train.candidates)
        self.valid_inputs = model.features.of(valid.requests, valid.candidates)

    def learn(self, rng: np.random.Generator) -> None:
        settings = self.model.settings.training
        train(self.model.network, self.losses, self.held_out, settings, rng=rng)

    def losses(self, rng: np.random.Generator) -> Iterator[Tensor]:
        answered = np.flatnonzero(self.train.candidates.present.any(axis=1))
        size = self.model.settings.training.batch_size
        for batch in shuffled(len(answered), size, rng):
            yield self.loss(answered[batch], rng)

    def loss(
        self, rows: Int64[np.ndarray, " batch"], rng: np.random.Generator
    ) -> Tensor:
        place, kept, log_odds = self.sample(rows, rng)
        hide = None
        if self.model.settings.id_dropout:
            shown = rng.random(self.model.network.item.num_embeddings)
            hide = tensor((shown >= self.model.settings.id_dropout).astype(np.float32))
        item = self.train.candidates.item[rows[:, None], place]
        inputs = self.inputs[rows[:, None], place]
        logit = self.model.logit(self.train.requests, rows, item, inputs, kept, hide)
        offset = np.broadcast_to(log_odds[:, None], kept.shape)[kept]
        label = self.train.label[rows[:, None], place][kept]
        return binary_cross_entropy(logit + tensor(offset), tensor(label))

    def sample(
        self, rows: Int64[np.ndarray, " batch"], rng: np.random.Generator
    ) -> tuple[np.ndarray, Bool[np.ndarray, "b k"], Float32[np.ndarray, " b"]]:
        """Choose some of each request's positives and negatives.

        Returns:
            Places of the candidates chosen, which of them hold an item, and per request
            the log of how many times too high the choice makes the odds.
        """
        size = self.model.settings.sampled
        present = self.train.candidates.present[rows]
        right = present & (self.train.label[rows] > 0)
        wrong = present & ~right
        drawn = rng.random(present.shape)
        rank = np.argsort(np.argsort(np.where(right, drawn, 2.0), axis=1), axis=1)
        late = right & (rank >= max(1, size // 2))
        order = drawn + np.select([late, right, wrong], [1.0, -1.0, 0.0], default=2.0)
        chosen = np.argsort(order, axis=1)[:, :size]
        kept = np.take_along_axis(present, chosen, axis=1)
        odds = _share(right, chosen) / _share(wrong, chosen)
        return chosen, kept, np.log(odds).astype(np.float32)

    def held_out(self) -> float:
        """Return the log likelihood of what is held out, per candidate."""
        there = self.valid.candidates.present
        if not bool(there.any()):
            return 0.0
        score = self.model.probability(
            self.valid.requests, self.valid.candidates, self.valid_inputs
        )[there]
        score = np.clip(score.astype(np.float64), 1e-7, 1 - 1e-7)
        label = self.valid.label[there]
        return float((label * np.log(score) + (1 - label) * np.log(1 - score)).mean())
