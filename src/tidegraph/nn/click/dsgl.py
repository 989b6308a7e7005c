"""DSGL: user and item, each as what happened around them before, time and again."""

from dataclasses import field
from typing import ClassVar, cast

from jaxtyping import Float, Int

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads, States
from tidegraph.nn.click.dsgl_layer import Encoded, SequenceAttention, SequenceLayer
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.propagation import OTHER, Level, Side, neighbors_by_layer
from tidegraph.nn.sequence.next_item import Foretold
from tidegraph.nn.vectors import FieldVectors, UserVectors
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class DSGL:
    """Dynamic sequential graph learning.

    Attributes:
        embedding_size: Width of a vector.
        hidden: Widths of the layers after the graph.
        user_depth: How many hops are read around a user; the items of the history, who
            chose those before, and so on.
        item_depth: How many hops are read around a candidate.
        history: How many of the latest events of each node are read.
        layer: How a node aggregates the sequence of its neighbours.
        combine: Take the mean of all layers, or the last one alone.
        products: Multiply what both sides are with one another, too.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", section
        19.2.1; what departs from it is said at ``DSGLNetwork``.
    """

    name: ClassVar[str] = "DSGL"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    user_depth: int = 2
    item_depth: int = 1
    history: int = 10
    layer: SequenceLayer = field(default_factory=SequenceLayer)
    combine: bool = True
    products: bool = False

    def __post_init__(self) -> None:
        check_widths("DSGL", self.embedding_size, self.hidden)
        at_least("DSGL", 1, history=self.history)
        at_least("DSGL", 0, user_depth=self.user_depth, item_depth=self.item_depth)
        heads = self.layer.attention != "none" or self.layer.encoder == "transformer"
        if heads and self.embedding_size % self.layer.heads:
            raise ConfigError(
                f"DSGL has embedding_size={self.embedding_size}, which its "
                f"{self.layer.heads} heads cannot share. Take a multiple of the heads."
            )

    def reads(self) -> Reads:
        """Return the plans of both sides: the latest events, hop by hop."""
        return Reads.latest(self.user_depth, self.item_depth, self.history)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return DSGLNetwork(spec, self)


class DSGLNetwork(nn.Module):
    """Layers of time-aware sequence encoders and second-order attention, on both sides.

    At layer k a node of either side aggregates its latest events before its clock, as
    the nodes at their other ends were at layer k - 1 and at the time of the event. Both
    sides of the target pair advance together: at layer k each asks with what the other
    was at layer k - 1, or at its last layer where it has fewer.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", equations
        19.4 to 19.13; Chu et al., "Dynamic Sequential Graph Learning for Click-Through
        Rate Prediction", 2021. Departs: a neighbour is what it was at its event, not at
        the time of the request, and asks with its parent's own vector, so that a state
        depends on its event and side alone; no root stands outside the softmax; the
        shared inputs enter the last layers and, linearly, the logit. The second has an
        attention of preference beside one of the target (``attention="dual"``); here
        the parent stands for the target below the root, and a matrix joins the two.
    """

    def __init__(self, spec: InputSpec, config: DSGL) -> None:
        super().__init__()
        size = config.embedding_size
        depth: dict[Side, int] = {"user": config.user_depth, "item": config.item_depth}
        self.width = size
        self.combine, self.products = config.combine, config.products
        crosses: dict[Side, int] = {"user": spec.cross, "item": spec.back}
        self.user = UserVectors(spec.user, size)
        self.item = FieldVectors(spec.item, size)
        self.layers = nn.ModuleDict(
            {
                side: nn.ModuleList(
                    SequenceAttention(
                        size,
                        config.layer,
                        timed=config.layer.knows_time(side),
                        event=spec.event,
                        cross=crosses[side],
                        length=config.history,
                    )
                    for _ in range(max(depth[side], depth[other] - 1))
                )
                for side, other in OTHER.items()
            }
        )
        width = 7 if config.products else 4
        self.tower = Tower(width * size + spec.numbers, config.hidden)

    def forward(self, inputs: Inputs, around: Around) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        own = torch.arange(around.seat.shape[0], device=around.seat.device)[:, None]
        roots: tuple[tuple[Side, States, Tensor], ...] = (
            ("user", around.user, own),
            ("item", around.item, around.seat),
        )
        x: dict[Side, list[Tensor]] = {}
        encoded: dict[Side, list[Encoded]] = {}
        for side, states, seat in roots:
            x[side] = [self.own(side, states.node[0])[seat]]
            encoded[side] = [one.at(seat) for one in self._encode_roots(side, states)]
        for k in range(max(len(layers) for layers in encoded.values())):
            # Both advance from what both were, so that neither is a layer ahead.
            before = {side: x[side][min(k, len(x[side]) - 1)] for side in x}
            for side, layers in encoded.items():
                if k < len(layers):
                    attend = self._layer(side, k).attend
                    across = around.cross if side == "user" else around.back
                    found = attend(layers[k], before[side], before[OTHER[side]], across)
                    x[side].append(found)
        ends = [
            x["user"][0],
            x["item"][0],
            self._mean_of_layers(x["user"]),
            self._mean_of_layers(x["item"]),
        ]
        if self.products:
            user, item, by_user, by_item = ends
            ends += [by_user * item, by_item * user, by_user * by_item]
        parts = [*(end.expand(*around.seat.shape, -1) for end in ends), inputs.numbers]
        return self.tower(torch.cat(parts, dim=2), inputs.present)

    def foretold(self, inputs: Inputs, around: Around) -> Foretold:
        """Return the events around users, each with the state before it.

        A state is what the encoder of the first layer made of the events so far.
        """
        states = around.user
        real, nodes = states.real(0), states.node[1]
        # Place -1 is the last one.
        rows = torch.cat([nodes, nodes.new_zeros(1, nodes.shape[1])])[states.child[0]]
        item = states.below(0, self.own("item", nodes))
        known = states.below(0, states.event[1])
        state = self._layer("user", 0).encoded(item, known, states.age[0], real)
        # Oldest first: the event before stands a place in front, of the first none.
        predicted = torch.cat([torch.zeros_like(real[:, :1]), real[:, 1:]], dim=1)
        return Foretold(state.roll(1, 1), predicted, item, rows, real)

    def _encode_roots(self, side: Side, states: States) -> list[Encoded]:
        """Return what the roots of a side attend to at each layer, bottom up."""
        return [
            self._layer(side, k).encode(
                states.below(0, x),
                states.below(0, states.event[1]),
                states.age[0],
                states.real(0),
            )
            for k, x in enumerate(neighbors_by_layer(self, side, states))
        ]

    def next_layer(self, number: int, level: Level) -> Float[Tensor, "n size"]:
        """Return what states are at the layer after ``number``, counted from 0."""
        layer = self._layer(level.side, number)
        encoded = layer.encode(level.near, level.event, level.age, level.real)
        return layer.attend(encoded, level.x, level.parent)

    def own(self, side: Side, rows: Int[Tensor, "n f"]) -> Float[Tensor, "n size"]:
        """Return what nodes are at layer 0, from the table rows of their fields."""
        vectors = self.user if side == "user" else self.item
        return vectors.total(rows)

    def _layer(self, side: Side, k: int) -> SequenceAttention:
        return cast(SequenceAttention, cast(nn.ModuleList, self.layers[side])[k])

    def _mean_of_layers(self, x: list[Tensor]) -> Float[Tensor, "b _ size"]:
        """Return the mean of the layers above the own vector, or the last one."""
        if len(x) == 1 or not self.combine:
            return x[-1]
        return torch.stack(x[1:]).mean(dim=0)
