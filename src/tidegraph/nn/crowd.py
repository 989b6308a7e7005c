"""Who chose an item before, as a sequence of vectors."""

import math
from typing import NamedTuple

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.around import States
from tidegraph.nn.inputs import InputSpec
from tidegraph.nn.sequence.ages import age_bucket
from tidegraph.nn.sequence.attention import masked_softmax
from tidegraph.nn.vectors import EventVectors, UserVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class Crowd(NamedTuple):
    """The users who chose an item, oldest first; 0 behind them.

    Attributes:
        user: Their vectors.
        about: What is known of each choice, projected to the same width.
        real: 1 where there is one, and 0 elsewhere.
    """

    user: Float[Tensor, "*shape l width"]
    about: Float[Tensor, "*shape l width"]
    real: Float[Tensor, "*shape l"]

    def at(self, place: Int[Tensor, "*shape"]) -> "Crowd":
        """Return those of the items at some places, in the shape of these.

        At place -1 there is nobody.
        """
        user, about, real = (torch.cat([x, x.new_zeros(1, *x.shape[1:])]) for x in self)
        return Crowd(user[place], about[place], real[place])

    def mean(
        self, values: Float[Tensor, "*shape l width"] | None = None
    ) -> Float[Tensor, "*shape width"]:
        """Return the mean of their vectors, or of what each of them has; 0 of none."""
        each = (self.user if values is None else values) * self.real[..., None]
        return each.sum(-2) / self.real.sum(-1, keepdim=True).clamp(min=1)

    def latest(self, count: int) -> Float[Tensor, "*shape width"]:
        """Return the sum of the vectors of the latest ``count``."""
        later = self.real.flip(-1).cumsum(dim=-1).flip(-1)
        return (self.user * (later <= count)[..., None]).sum(-2)

    def attended_by(
        self,
        asking: Float[Tensor, "... width"],
        bias: Float[Tensor, "... l"] | None = None,
    ) -> Float[Tensor, "... width"]:
        """Return the sum of them and their choices, by how alike who asks is to each.

        Args:
            asking: Who asks, for each item or, where an axis is 1, for all.
            bias: How much more each is asked for.
        """
        each = self.user + self.about
        score = (each * asking[..., None, :]).sum(-1) / math.sqrt(each.shape[-1])
        weight = masked_softmax(score if bias is None else score + bias, self.real)
        return (each * weight[..., None]).sum(-2)


class CrowdVectors(nn.Module):
    """Vectors of users and of those who chose an item, which share their tables.

    Args:
        spec: Widths of the inputs.
        width: Of the vector of a user, the sum of those of the fields.
    """

    def __init__(self, spec: InputSpec, width: int) -> None:
        super().__init__()
        self.users = UserVectors(spec.user, width)
        self.events = EventVectors(spec)
        self.about = nn.Linear(self.events.width, width)

    def asking(self, rows: Int[Tensor, "b f"]) -> Float[Tensor, "b width"]:
        """Return the vectors of users."""
        return self.users.total(rows)

    def forward(self, states: States, depth: int = 0) -> Crowd:
        """Return who chose the items that the states of a depth are about."""
        real = states.real(depth)
        there = real.to(states.age[depth].dtype)
        user = states.below(depth, self.users.total(states.node[depth + 1]))
        known = states.below(depth, states.event[depth + 1])
        about = self.about(self.events.of(age_bucket(states.age[depth]), known))
        return Crowd(user, about * there[..., None], there)
