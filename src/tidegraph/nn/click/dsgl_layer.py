"""One layer of DSGL: a sequence of neighbours, encoded in time and attended to."""

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.click.dsgl_encoder import Encoder, encoder_of, read_in_order
from tidegraph.nn.sequence.ages import bucket_ends
from tidegraph.nn.sequence.shared_attention import (
    Queries,
    Sequences,
    attend_to_shared,
    attends_fused,
)
from tidegraph.nn.vectors import KNOWN, look_up_rows
from tidegraph.ranges import above, at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

Attention = Literal["second_order", "dual", "gat", "none"]
Sides = Literal["both", "user", "item", "none"]


@settings
class SequenceLayer:
    """How a node aggregates the sequence of its latest neighbours.

    Attributes:
        encoder: What reads the sequence in its order: ``lstm``, ``gru``, ``time_lstm``
            with a gate of the days between events, or ``transformer``, one block of
            attention to what came before; ``none`` looks at each alone.
        attention: What asks: the node and its parent at once, each of both on its own
            (``dual``), the node alone as in GAT, or ``none``, which takes the mean.
        heads: Parts of a vector that are attended to apart.
        time: Whose sequences know how long ago their events were.
        time_size: Width of the vector of a time bucket.
        time_base: A bucket ends where its days are so many times those of the last.
        buckets: How many buckets of time there are; the last one is open.
        residual: Add what is read to what the encoder makes of it.
    """

    encoder: Encoder = "lstm"
    attention: Attention = "second_order"
    heads: int = 2
    time: Sides = "both"
    time_size: int = 8
    time_base: float = 2.0
    buckets: int = 12
    residual: bool = False

    def __post_init__(self) -> None:
        sizes = {"heads": self.heads, "time_size": self.time_size}
        at_least("DSGL", 1, **sizes, buckets=self.buckets)
        above("DSGL", 1, time_base=self.time_base)
        if self.encoder == "time_lstm" and self.time != "both":
            raise ConfigError(
                f"encoder='time_lstm' reads the days between events, and of "
                f"time={self.time!r} not both sides know them. Take encoder='lstm', or "
                "time='both'."
            )

    def knows_time(self, side: Literal["user", "item"]) -> bool:
        """Do the sequences of a side know how long ago their events were?"""
        return self.time in ("both", side)


def bucket_of(
    age: Float[Tensor, "*shape"], real: Bool[Tensor, "*shape"], base: float, count: int
) -> Int[Tensor, "*shape"]:
    """Return 1 + the bucket of ``bucket_ends`` that an age is in; 0 where no event.

    0 is that of the root, which no event led to, and of the places behind the end of a
    sequence.

    Args:
        age: Days from an event to the clock of who looks back at it.
        real: Where there is an event.
        base: How many times as long each bucket is as the last.
        count: How many buckets there are; the last one is open.
    """
    ends = torch.tensor(
        bucket_ends(base, count), dtype=torch.float64, device=age.device
    )
    # By a search: of large tensors a third of the time of a comparison with each end.
    found = torch.bucketize(age.double(), ends, right=True) + 1
    return torch.where(real, found, 0)


class Encoded(NamedTuple):
    """Sequences of neighbours, encoded; what attention reads.

    Attributes:
        key: What a query is compared with, head by head.
        value: What is summed up.
        real: Where there is a neighbour; all stand before the places without.
        place: Which of the sequences is meant where, each by itself if left out.
        more: What is added to the values where a sequence is meant, if anything.
    """

    key: Float[Tensor, "n h heads part"]
    value: Float[Tensor, "n h heads part"]
    real: Bool[Tensor, "n h"]
    place: Int[Tensor, "..."] | None = None
    more: Float[Tensor, "... h heads part"] | None = None

    def at(self, place: Int[Tensor, "*shape"]) -> "Encoded":
        """Return the sequences at some places, in the shape of these."""
        return self._replace(place=place)

    def some(self) -> Bool[Tensor, "... 1"]:
        """Return whether there is a neighbour."""
        some = self.real.any(dim=-1, keepdim=True)
        return some if self.place is None else some[self.place]

    def answer(
        self,
        query: Float[Tensor, "... heads part"],
        bias: Float[Tensor, "... h heads"] | None = None,
    ) -> Float[Tensor, "... size"]:
        """Return the sum of the values, by how much a query asks for their keys.

        Args:
            query: What asks.
            bias: How much more it asks for each.
        """
        if attends_fused(query):
            return self._answer_fused(query, bias)
        key, _, real = self._repeated()
        score = (key * query[..., None, :, :]).sum(dim=-1)
        score = score / math.sqrt(key.shape[-1])
        if bias is not None:
            score = score + bias
        score = score.masked_fill(~real[..., None], -1e9)
        return self.sum(score.softmax(dim=-2) * real[..., None].to(score.dtype))

    def mean(self) -> Float[Tensor, "... size"]:
        """Return the mean of the values, 0 of none."""
        real = self._repeated()[2][..., None].to(self.value.dtype)
        return self.sum(real / real.sum(dim=-2, keepdim=True).clamp(min=1))

    def sum(self, weight: Float[Tensor, "... h heads"]) -> Float[Tensor, "... size"]:
        """Return the sum of the values by some weights, its heads side by side."""
        value = self._repeated()[1]
        return (weight[..., None] * value).sum(dim=-3).flatten(start_dim=-2)

    def _repeated(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return key, value and real, wherever a sequence is meant."""
        key, value, real, place, more = self
        if place is not None:
            key, value, real = key[place], value[place], real[place]
        return key, value if more is None else value + more, real

    def _answer_fused(
        self, query: Float[Tensor, "... heads part"], bias: Tensor | None
    ) -> Float[Tensor, "... size"]:
        place, more = self.place, self.more
        if place is None:
            place = torch.arange(self.key.shape[0])
        shapes = [place.shape, query.shape[:-2]]
        shapes += [] if bias is None else [bias.shape[:-2]]
        shapes += [] if more is None else [more.shape[:-3]]
        shape = np.broadcast_shapes(*shapes)

        def listed(x: Tensor, own: int) -> Tensor:
            last = x.shape[x.ndim - own :]
            return x.expand(*shape, *last).flatten(0, len(shape) - 1)

        queries = Queries(
            listed(place, 0),
            listed(query.flatten(-2), 1),
            None if bias is None else listed(bias, 2),
            None if more is None else listed(more.flatten(-2), 2),
        )
        key, value = self.key.flatten(-2), self.value.flatten(-2)
        sequences = Sequences(key, value, self.real)
        found = attend_to_shared(sequences, queries, query.shape[-2])
        return found.view(*shape, found.shape[-1])


class SequenceAttention(nn.Module):
    """Encodes the sequence of a node's neighbours, and sums it up by attention.

    softmax(Q K^T / sqrt(d)) V with Q = W [node; parent], head by head; K and V are of
    the outputs of the encoder over [W x; time; what was known of the event]. Dual
    attention asks twice, with Q = W node, the preference, and Q = W' parent, the
    target, and joins both answers: W'' [preference; target]. Where the nodes to be
    compared are known to have something in common with the neighbours, it is weighed
    into the parent's Q K^T and added to V. A node without neighbours gets a vector of
    its own, which is learnt.

    Args:
        size: Width of a vector.
        config: Settings of the layer.
        timed: Does it know how long ago events were?
        event: Columns of what was known just before an event.
        cross: Columns of what a node's neighbour and what it is compared with have in
            common.
        length: How many neighbours there are at most.
    """

    def __init__(
        self,
        size: int,
        config: SequenceLayer,
        *,
        timed: bool,
        event: int = 0,
        cross: int = 0,
        length: int = 10,
    ) -> None:
        super().__init__()
        self.config, self.timed = config, timed
        self.project = nn.Linear(size, size)
        width = size + config.time_size * timed + KNOWN * (event > 0)
        self.known = nn.Linear(event, KNOWN) if event else None
        heads = 1 if config.attention == "none" else config.heads
        self.cross_score = nn.Linear(cross, heads, bias=False) if cross else None
        self.cross_value = nn.Linear(cross, size, bias=False) if cross else None
        if timed:
            self.time = nn.Embedding(config.buckets + 1, config.time_size)
        self.encoder = encoder_of(config.encoder, width, size, config.heads, length)
        self.null = nn.Parameter(torch.zeros(size))
        if config.attention != "none":
            # W [node; parent] is the sum of what each is multiplied with.
            self.query = nn.Linear(size, size)
            self.key = nn.Linear(size, size)
            self.value = nn.Linear(size, size)
        if config.attention in ("second_order", "dual"):
            self.query_of_parent = nn.Linear(size, size, bias=False)
        if config.attention == "dual":
            # As is W [preference; target].
            self.preference = nn.Linear(size, size)
            self.target = nn.Linear(size, size, bias=False)

    def encode(
        self,
        x: Float[Tensor, "n h size"],
        event: Float[Tensor, "n h m"],
        age: Float[Tensor, "n h"],
        real: Bool[Tensor, "n h"],
    ) -> Encoded:
        """Return what attention reads of neighbours; see ``encoded``."""
        x = self.encoded(x, event, age, real)
        if self.config.attention == "none":
            return Encoded(x[:, :, None], x[:, :, None], real)
        return Encoded(self._heads(self.key(x)), self._heads(self.value(x)), real)

    def encoded(
        self,
        x: Float[Tensor, "n h size"],
        event: Float[Tensor, "n h m"],
        age: Float[Tensor, "n h"],
        real: Bool[Tensor, "n h"],
    ) -> Float[Tensor, "n h size"]:
        """Return each neighbour as encoded after those before it.

        Args:
            x: The neighbours' vectors, oldest first.
            event: What was known just before the event of each.
            age: Days since the event of each.
            real: Where there is a neighbour; all stand before the places without.
        """
        x = self.project(x)
        parts = [x]
        if self.timed:
            config = self.config
            bucket = bucket_of(age, real, config.time_base, config.buckets)
            parts.append(look_up_rows(self.time, bucket))
        if self.known is not None:
            parts.append(self.known(event))
        encoded = read_in_order(self.encoder, torch.cat(parts, dim=-1), age, real)
        return encoded + x if self.config.residual else encoded

    def attend(
        self,
        encoded: Encoded,
        node: Float[Tensor, "... size"],
        parent: Float[Tensor, "... size"],
        cross: Float[Tensor, "... h c"] | None = None,
    ) -> Float[Tensor, "... size"]:
        """Return the sum of what was encoded, by how much node and parent ask for it.

        Leading axes of 1 are repeated where another has more.

        Args:
            encoded: What ``encode`` returned, for each node.
            node: Whose neighbours they are.
            parent: What led to it; at the root, the other side of the pair.
            cross: What the parent and each neighbour have in common, if it is known.
        """
        events, bias = encoded, None
        if self.cross_score is not None and cross is not None:
            bias = self.cross_score(cross)
        if self.cross_value is not None and cross is not None:
            more = self.cross_value(cross)
            more = more.unflatten(-1, encoded.value.shape[-2:])
            events = encoded._replace(more=more)
        match self.config.attention:
            case "none":
                found = events.mean()
            case "dual":
                liked = events.answer(self._heads(self.query(node)))
                wanted = events.answer(self._heads(self.query_of_parent(parent)), bias)
                found = self.preference(liked) + self.target(wanted)
            case kind:
                query = self.query(node)
                if kind == "second_order":
                    query = query + self.query_of_parent(parent)
                found = events.answer(self._heads(query), bias)
        return torch.where(encoded.some(), found, self.null)

    def _heads(self, x: Float[Tensor, "... size"]) -> Float[Tensor, "... heads part"]:
        heads = self.config.heads
        return x.view(*x.shape[:-1], heads, x.shape[-1] // heads)
