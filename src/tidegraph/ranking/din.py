"""DIN: the history weighed by each item of it against the candidate."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64
from torch import Tensor, nn

from tidegraph.artifact import State
from tidegraph.config import build, to_table
from tidegraph.encoders.features import Features
from tidegraph.errors import ConfigError, DataError
from tidegraph.losses import binary_cross_entropy
from tidegraph.stages import Candidates, Examples, Requests
from tidegraph.training import (
    Training,
    initialised,
    restore,
    shuffled,
    tensor,
    train,
    weights_of,
)

GAPS = 12
"""Buckets of the age of a history event: floor(log2(days + 1)), the last open."""
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
        sampled: Most candidates per request and pass; every positive is kept, and the
            loss corrects for the negatives left out, so probabilities stay right.
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
        network = initialised(lambda: self._network(features), rng)
        fitted = FittedDIN(self, features, network)
        fitted.network.start(float(train.label[train.candidates.present].mean()))
        _Lesson(fitted, train, valid).learn(rng)
        return fitted

    def _network(self, features: Features) -> "Network":
        return Network(
            num_items=len(features.category),
            num_categories=int(features.category.max(initial=-1)) + 1,
            num_features=len(features.names),
            embedding_size=self.embedding_size,
            hidden=self.hidden,
            id_dropout=self.id_dropout,
        )


class Dice(nn.Module):
    """A PReLU whose bend follows the distribution of its input, per unit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.standard = nn.BatchNorm1d(width, affine=False)
        self.slope = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Return p x + (1 - p) slope x, p the sigmoid of the standardised input."""
        gate = torch.sigmoid(self.standard(x))
        return gate * x + (1 - gate) * self.slope * x


class Network(nn.Module):
    """The logit of an action; row 0 of every table stands for the unknown."""

    def __init__(
        self,
        num_items: int,
        num_categories: int,
        num_features: int,
        embedding_size: int,
        hidden: tuple[int, ...],
        id_dropout: float,
    ) -> None:
        super().__init__()
        width = 2 * embedding_size
        self.id_dropout = id_dropout
        self.item = nn.Embedding(num_items + 1, embedding_size)
        self.category = nn.Embedding(num_categories + 1, embedding_size)
        self.gap = nn.Embedding(GAPS, 4)
        self.activation = nn.Sequential(
            nn.Linear(4 * width + 4, 16), nn.PReLU(), nn.Linear(16, 1)
        )
        layers: list[nn.Module] = []
        size = 3 * width + num_features
        for wide in hidden:
            layers += [nn.Linear(size, wide), Dice(wide)]
            size = wide
        self.deep = nn.Sequential(*layers, nn.Linear(size, 1))
        self.wide = nn.Linear(num_features, 1)

    def start(self, share: float) -> None:
        """Begin with the probability ``share`` for everything."""
        nn.init.constant_(self.wide.bias, float(np.log(share / (1 - share + 1e-9))))

    def forward(
        self,
        target: Int[Tensor, "n 2"],
        history: Int[Tensor, "n h 3"],
        features: Float[Tensor, "n f"],
        hide: Float[Tensor, " items"] | None = None,
    ) -> Float[Tensor, " n"]:
        """Return the logit of each target.

        Args:
            target: Item and category, 0 for unknown.
            history: Item, category and age bucket of each event; bucket -1 where none.
            features: The shared inputs.
            hide: Per item 0 to hide its id and 1 to show it; all shown if left out.
        """
        there = history[:, :, 2] >= 0
        candidate = self._vector(target[:, 0], target[:, 1], hide)
        event = self._vector(history[:, :, 0], history[:, :, 1], hide)
        asked = candidate[:, None].expand_as(event)
        age = self.gap(history[:, :, 2].clamp(min=0))
        pair = [event, asked, event - asked, event * asked, age]
        weight = self.activation(torch.cat(pair, dim=2))[:, :, 0] * there
        interest = (weight[:, :, None] * event).sum(dim=1)
        joint = torch.cat([interest, candidate, interest * candidate, features], dim=1)
        return (self.deep(joint) + self.wide(features))[:, 0]

    def _vector(
        self, item: Tensor, category: Tensor, hide: Tensor | None
    ) -> Float[Tensor, "*shape width"]:
        if hide is not None:
            item = item * hide[item].long()
        return torch.cat([self.item(item), self.category(category)], dim=-1)


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
    network: Network

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        out = np.zeros(candidates.item.shape, np.float32)
        inputs = self.features.of(requests, candidates)
        with torch.inference_mode():
            for start in range(0, len(requests), BLOCK):
                rows = np.arange(start, min(len(requests), start + BLOCK))
                row, place = np.nonzero(candidates.present[rows])
                if len(row):
                    row = rows[row]
                    logit = self.logit(requests, candidates, inputs, row, place, None)
                    out[row, place] = torch.sigmoid(logit).numpy()
        return out

    def logit(
        self,
        requests: Requests,
        candidates: Candidates,
        inputs: Float32[np.ndarray, "b k f"],
        row: Int64[np.ndarray, " n"],
        place: Int64[np.ndarray, " n"],
        hide: Tensor | None,
    ) -> Float[Tensor, " n"]:
        """Return the logit of the candidates at ``row`` and ``place``."""
        item = self._known(candidates.item[row, place])
        target = np.stack([item, self._category(item)], axis=1)
        past = self._history(requests, row)
        return self.network(
            tensor(target),
            tensor(past),
            tensor(inputs[row, place]),
            hide,
        )

    def _history(
        self, requests: Requests, row: Int64[np.ndarray, " n"]
    ) -> Int64[np.ndarray, "n h 3"]:
        """Return item, category and age bucket of the latest events of each row."""
        unique, back = np.unique(row, return_inverse=True)
        stop = requests.history.ptr[unique + 1]
        at = stop[:, None] - 1 - np.arange(self.settings.history)
        there = at >= requests.history.ptr[unique][:, None]
        at = np.where(there, at, 0)
        out = np.zeros((*at.shape, 3), np.int64)
        out[:, :, 2] = -1
        if len(requests.history.node):
            item = np.where(there, self._known(requests.history.node[at]), 0)
            days = (requests.time[unique][:, None] - requests.history.time[at]) / 86_400
            bucket = np.floor(np.log2(np.maximum(days, 0) + 1)).astype(np.int64)
            out[:, :, 0] = item
            out[:, :, 1] = self._category(item)
            out[:, :, 2] = np.where(there, np.minimum(bucket, GAPS - 1), -1)
        return out[back]

    def _known(self, item: np.ndarray) -> np.ndarray:
        """Return rows of the item table: 0 where training did not know the item."""
        return np.where(item < len(self.features.category), item + 1, 0).astype(
            np.int64
        )

    def _category(self, known: np.ndarray) -> np.ndarray:
        codes = np.concatenate([[-1], self.features.category]).astype(np.int64)
        return codes[known] + 1

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
        network = settings._network(features)  # pyright: ignore[reportPrivateUsage]
        restore(network, state.arrays)
        return cls(settings, features, network)


class _Lesson:
    """What the training loop asks of DIN: the loss of a batch, and that held out."""

    def __init__(self, model: FittedDIN, train: Examples, valid: Examples) -> None:
        self.model, self.train, self.valid = model, train, valid
        self.inputs = model.features.of(train.requests, train.candidates)

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
        row, place, log_kept = self.sample(rows, rng)
        hide = None
        if self.model.settings.id_dropout:
            shown = rng.random(self.model.network.item.num_embeddings)
            kept = shown >= self.model.settings.id_dropout
            hide = tensor(kept.astype(np.float32))
        logit = self.model.logit(
            self.train.requests, self.train.candidates, self.inputs, row, place, hide
        )
        # Negatives kept with probability q have odds 1/q times too high.
        corrected = logit - tensor(log_kept)
        return binary_cross_entropy(corrected, tensor(self.train.label[row, place]))

    def sample(
        self, rows: Int64[np.ndarray, " batch"], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, Float32[np.ndarray, " n"]]:
        """Choose each request's positives and some of its negatives."""
        present, label = self.train.candidates.present[rows], self.train.label[rows]
        order = rng.random(present.shape) - label + 2.0 * ~present
        chosen = np.argsort(order, axis=1)[:, : self.model.settings.sampled]
        kept = np.take_along_axis(present, chosen, axis=1)
        right = np.take_along_axis(label, chosen, axis=1) > 0
        negatives = (present & (label == 0)).sum(axis=1)
        share = (kept & ~right).sum(axis=1) / np.maximum(negatives, 1)
        at, place = np.nonzero(kept)
        log_kept = np.log(np.where(share > 0, share, 1.0))[at].astype(np.float32)
        return rows[at], chosen[at, place], log_kept

    def held_out(self) -> float:
        """Return the log likelihood of what is held out, per candidate."""
        there = self.valid.candidates.present
        if not bool(there.any()):
            return 0.0
        score = self.model.score(self.valid.requests, self.valid.candidates)[there]
        score = np.clip(score.astype(np.float64), 1e-7, 1 - 1e-7)
        label = self.valid.label[there]
        return float((label * np.log(score) + (1 - label) * np.log(1 - score)).mean())
