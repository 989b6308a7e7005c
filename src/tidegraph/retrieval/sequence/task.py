"""The task of a sequence model: tell what comes next from every prefix of a history."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Int64

from tidegraph.data.views.sequences import Sequences
from tidegraph.errors import DataError
from tidegraph.extras import needed
from tidegraph.losses import softmax_over_all
from tidegraph.retrieval.objective.against import Against, score_pairs
from tidegraph.retrieval.objective.losses import SampledSoftmax
from tidegraph.retrieval.objective.negatives import Drawer, Every, drawer_of
from tidegraph.retrieval.objective.own_parts import cost
from tidegraph.retrieval.objective.pairs import Edges, PairSource, Positives
from tidegraph.retrieval.scoring.evidence import positive_events
from tidegraph.retrieval.scoring.held_out import HeldOut
from tidegraph.retrieval.sequence.fitted import FittedNextItem
from tidegraph.retrieval.sequence.network import HistoryNetwork
from tidegraph.retrieval.sequence.pieces import (
    Pieces,
    batches_of,
    latest_first,
    pieces_of,
)
from tidegraph.run import Run
from tidegraph.stages import Fold
from tidegraph.training.weights import initialised, tensor

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor

if TYPE_CHECKING:
    from tidegraph.retrieval.sequence.next_item import NextItem


class Read(NamedTuple):
    """Events, and which items their states are to find.

    Attributes:
        rows: Items of events, the latest first.
        there: Where there is an event.
        hidden: Where a token stands in its place, if anywhere.
        asked: Where a state is to find an item.
        target: The items, in the order of the places.
        against: The negatives; none where a target is told from all items at once.
    """

    rows: Int[Tensor, "b h"]
    there: Bool[Tensor, "b h"]
    hidden: Bool[Tensor, "b h"] | None
    asked: Bool[Tensor, "b h"]
    target: Int[Tensor, " n"]
    against: Against | None = None


@dataclass(frozen=True, eq=False)
class NextItems:
    """What a sequence model learns from, and how it is judged.

    Attributes:
        settings: The method.
        module: What learns.
        pairs: Users and items, from which negatives are drawn.
        sequences: The events, by user and in time order.
        pieces: Those that are read at once.
        held: What is to be found, if anything is held out.
        device: Where.
    """

    settings: "NextItem"
    module: HistoryNetwork
    pairs: PairSource
    sequences: Sequences
    pieces: Pieces
    held: HeldOut | None
    device: str
    unit: str = "events"

    @classmethod
    def of(
        cls, settings: "NextItem", fold: Fold, held: HeldOut | None, run: Run
    ) -> "NextItems":
        """Return the task of a fold.

        Raises:
            DataError: No user has two events.
        """
        pairs = Edges().of(fold, settings.name)
        sequences, length = Sequences.of(fold.view(positive_events)), settings.length
        causal = settings.design.masked is None
        # The last of a piece is only to be found, which is the first of the next.
        pieces = pieces_of(sequences.ptr, length + causal, overlap=int(causal))
        if not len(pieces.size):
            raise DataError(
                f"{settings.name} learns what follows an event of a user, and no user "
                f"has two{'' if held is None else ' beside what is held out'}. Take a "
                "longer log, or a method that needs no order, such as Popular."
            )
        module = initialised(
            lambda: HistoryNetwork(settings.design, pairs.graph.items), run.rng
        )
        return cls(settings, module, pairs, sequences, pieces, held, run.device)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Read]:
        """Return the batches of an epoch: each event of a user but the first, once."""
        drawer = None
        if not self._all_at_once:
            drawer = drawer_of(self.settings.loss.drawn, epoch, self.pairs, rng)
        size = self.settings.training.batch_size
        for pieces in batches_of(self.pieces, size, rng):
            yield self._with_negatives(*self._read(pieces, rng), drawer)

    def _read(
        self, pieces: Pieces, rng: np.random.Generator
    ) -> tuple[Read, Int64[np.ndarray, " n"]]:
        """Return some pieces without negatives, and the user of each target."""
        item, share = self.sequences.item, self.settings.design.masked
        rows, there = latest_first(item, pieces.first, pieces.stop)
        if share is None:
            hidden, target, rows = None, rows[:, :-1], rows[:, 1:]
            asked = there = there[:, 1:]
        else:
            hidden = rng.random(rows.shape) < share
            # The latest always: that is what an answer asks.
            hidden[:, 0] = True
            asked, target = hidden & there, rows
        user = np.broadcast_to(pieces.user[:, None], rows.shape)[asked]
        return Read(
            self._on_device(rows),
            self._on_device(there),
            None if hidden is None else self._on_device(hidden),
            self._on_device(asked),
            self._on_device(target[asked]),
        ), user

    def _with_negatives(
        self, read: Read, user: Int64[np.ndarray, " n"], drawer: Drawer | None
    ) -> Read:
        if drawer is None:
            return read
        users = self.pairs.graph.users
        drawn = drawer.draw(Positives(user, read.target.cpu().numpy() + users))
        return read._replace(against=Against.of(drawn, self.device, users))

    def _on_device(self, array: np.ndarray) -> Tensor:
        return tensor(np.ascontiguousarray(array)).to(self.device)

    @property
    def _all_at_once(self) -> bool:
        """Is the loss the softmax over all items, which draws nothing?"""
        loss = self.settings.loss
        drawn = loss.drawn
        return type(loss) is SampledSoftmax and isinstance(drawn, Every)

    def loss(self, batch: Read) -> Tensor:
        """Return the loss of a batch."""
        states = self.module(batch.rows, batch.there, batch.hidden)[batch.asked]
        if self._all_at_once:
            return self._softmax(states, batch.target)
        loss, against = self.settings.loss, batch.against
        assert against is not None
        rest = self.module.items(torch.cat([batch.target, against.node]))
        return cost(loss, score_pairs(states, rest, against, loss.temperature))

    def _softmax(
        self, states: Float[Tensor, "n d"], target: Int[Tensor, " n"]
    ) -> Tensor:
        vectors, known = self.module.items.weight, self._known_items
        if not bool(known.all()):
            place = known.cumsum(0) - 1
            vectors, target = vectors[known], place[target]
        if (temperature := self.settings.loss.temperature) is not None:
            states = F.normalize(states, dim=1) / temperature
            vectors = F.normalize(vectors, dim=1)
        return softmax_over_all(states, vectors, target)

    @cached_property
    def _known_items(self) -> Bool[Tensor, " items"]:
        return self._on_device(self.pairs.frequency[self.pairs.graph.users :] > 0)

    def examples(self, batch: Read) -> int:
        """Return how many targets a batch has."""
        return len(batch.target)

    def validate(self) -> float:
        """Return how well what is held out is found; nan if nothing is."""
        return math.nan if self.held is None else self.held.ndcg(self.fitted())

    def fitted(self) -> FittedNextItem:
        """Return the network as it is.

        Raises:
            DataError: It finds no numbers.
        """
        fitted = FittedNextItem(
            self.settings.name,
            self.settings.design,
            self.module,
            self._known_items.cpu().numpy(),
            self.settings.loss.temperature is not None,
        )
        fitted.check_states()
        return fitted
