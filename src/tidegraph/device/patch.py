"""MetaPatch: a few numbers per device that change the layers of a shared tower."""

import math
from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError, did_you_mean
from tidegraph.extras import needed
from tidegraph.nn.dense import ENTRY, Patch, Tower
from tidegraph.ranges import above, at_least
from tidegraph.rng import fresh_seed

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

LITTLE = 0.05
"""Share of what is drawn for the start, or said by it, that is next to none of it."""
SPREAD = 0.2
"""Deviation of a number of theta that bases are made for, as a share of the radius."""
LAST = "last"
"""Another name of the last junction, which is next to the output."""


@settings
class MetaPatch:
    """How the tower of a model is patched on each device.

    Attributes:
        junctions: Where patches stand: ``input`` before the first hidden layer, on
            what the trunk gives, ``hidden0`` behind it, ``hidden1`` behind the second,
            and so on, or ``last`` behind the last.
        rank: Width of the bottleneck of a patch.
        theta: How many numbers a device learns, and sends.
        radius: Largest length of the vector of these.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", section
        19.3; Yao et al., "Device-Cloud Collaborative Learning for Recommendation",
        KDD 2021, section 3.1. Departs: theta stays in a ball, without which what is
        learnt from a few rows makes things worse.
    """

    junctions: tuple[str, ...] = (ENTRY, LAST)
    rank: int = 16
    theta: int = 16
    radius: float = 0.5

    def __post_init__(self) -> None:
        at_least("MetaPatch", 1, rank=self.rank, theta=self.theta)
        above("MetaPatch", 0, radius=self.radius)
        if not self.junctions:
            raise ConfigError("MetaPatch has no junctions. Name at least one.")

    def places(self, tower: Tower) -> dict[str, int]:
        """Return the junctions by the tower's names for them, with their widths.

        Raises:
            ConfigError: The tower has no such junction, one is named twice, or a patch
                there has fewer weights than theta has numbers.
        """
        known, found = tower.places, dict[str, int]()
        for name in self.junctions:
            place = list(known)[-1] if name == LAST and known else name
            if place not in known:
                named = ", ".join((*known, LAST)) if known else "none"
                raise ConfigError(
                    f"MetaPatch names the junction {name!r}, which the model's tower "
                    f"lacks.{did_you_mean(name, known)} It has: {named}."
                )
            if place in found:
                raise ConfigError(
                    f"MetaPatch names the junction {place!r} twice; {LAST!r} is "
                    f"another name of {list(known)[-1]!r}. Name it once."
                )
            found[place] = known[place]
            weights = sum(_weights_per_part(known[place], self.rank))
            if self.theta > weights:
                raise ConfigError(
                    f"MetaPatch has theta={self.theta}, and its patch at {place!r} has "
                    f"only {weights} weights for these to make. Take fewer than those."
                )
        # In the tower's order, so that the order of names changes nothing.
        return {place: found[place] for place in known if place in found}

    def patched(self, tower: Tower, *, rng: np.random.Generator) -> "Patched":
        """Return a copy of a tower with a metapatch at each junction.

        Args:
            tower: What is patched.
            rng: Draws what is not learnt yet.

        Raises:
            ConfigError: See ``places``.
        """
        places = self.places(tower)
        patched = Patched(tower, places, self.rank, self.theta, self.radius)
        patched.draw(torch.Generator().manual_seed(fresh_seed(rng)))
        return patched.eval()


class Weights(NamedTuple):
    """The weights of a patch.

    Attributes:
        down: From the layer to the bottleneck.
        bend: Added before the bend.
        up: From the bottleneck back.
        shift: Added at the end.
    """

    down: Float[Tensor, "rank width"]
    bend: Float[Tensor, " rank"]
    up: Float[Tensor, "width rank"]
    shift: Float[Tensor, " width"]

    def patch(self, x: Float[Tensor, "*n width"]) -> Float[Tensor, "*n width"]:
        """Return the output of a layer with that of the patch added.

        Source:
            Eq 19.14: ``f_l(x) + h_l(f_l(x))``, h a bottleneck of two layers with tanh
            between them. Departs: both have biases, so that a patch of zeros, which
            changes nothing, has a gradient.
        """
        inner = torch.tanh(F.linear(x, self.down, self.bend))
        return x + F.linear(inner, self.up, self.shift)


class Start(nn.Module):
    """Where a device begins to learn: from what it had before, and who it is.

    Source:
        Eq 19.19: ``U(theta, u) = W1 tanh(W2 theta + W3 u)``. Departs: with a bias
        before the bend, so that a device of which nothing is known does not begin at
        0, where only the shift of a patch has a gradient; the result is brought into
        the ball that theta stays in.
    """

    def __init__(self, theta: int, profile: int, radius: float) -> None:
        super().__init__()
        self.before = nn.Linear(theta, theta)
        self.profile = nn.Linear(profile, theta, bias=False)
        self.out = nn.Linear(theta, theta, bias=False)
        self.radius = radius

    def forward(
        self, before: Float[Tensor, "*d theta"], profile: Float[Tensor, "*d width"]
    ) -> Float[Tensor, "*d theta"]:
        """Return theta to begin with.

        Args:
            before: Theta as it was; 0 where there was none.
            profile: What is known of the user; 0 where nothing is.
        """
        inner = torch.tanh(self.before(before) + self.profile(profile))
        return project_to_ball(self.out(inner), self.radius)


class Patched(nn.Module):
    """A tower with metapatches: one for all devices, each with a theta of its own.

    Args:
        tower: What is patched; it is copied.
        places: Junctions of the tower with their widths.
        rank: Width of the bottleneck of a patch.
        theta: How many numbers a device has.
        radius: Largest length of theta.

    Attributes:
        f: The tower.
        bases: One basis per junction, whose columns theta weighs.
        reads: What leads into each bottleneck whatever theta is.
        start: Where devices begin.
        spread: Deviation of each number of theta that bases are made for.
    """

    def __init__(
        self,
        tower: Tower,
        places: Mapping[str, int],
        rank: int,
        theta: int,
        radius: float,
    ) -> None:
        super().__init__()
        self.f = Tower(tower.width, tuple(tower.junctions.values()))
        self.f.load_state_dict(tower.state_dict())
        self.places, self.rank, self.theta, self.radius = places, rank, theta, radius
        self.bases = nn.ParameterDict(
            {
                place: nn.Parameter(
                    torch.zeros(sum(_weights_per_part(width, rank)), theta)
                )
                for place, width in places.items()
            }
        )
        self.reads = nn.ParameterDict(
            {
                place: nn.Parameter(torch.zeros(rank * width + rank))
                for place, width in places.items()
            }
        )
        self.start = Start(theta, tower.width, radius)
        self.first = self._layers_below(next(iter(places)))
        self.spread = radius * SPREAD
        self.f.requires_grad_(False)

    def train(self, mode: bool = True) -> "Patched":
        """Stay as in evaluation: norms keep what they have learnt of all rows."""
        return super().train(False)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the bases and the start: a theta of length 1 makes Glorot's weights.

        What the start says is next to 0.
        """
        with torch.no_grad():
            for place, width in self.places.items():
                parts = torch.split(
                    self.bases[place], _weights_per_part(width, self.rank)
                )
                spread = math.sqrt(2 / (width + self.rank))
                for part in parts:
                    part.normal_(std=spread, generator=generator)
                down = self.reads[place][: self.rank * width]
                down.normal_(std=spread, generator=generator)
            for layer in (self.start.before, self.start.profile, self.start.out):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
            # Nothing has said yet where to begin: next to 0, which is the model of all.
            self.start.out.weight *= LITTLE
            # Not 0: see Start.
            nn.init.normal_(self.start.before.bias, std=0.1, generator=generator)

    def weights(self, place: str, theta: Float[Tensor, " theta"]) -> Weights:
        """Return the weights of the patch at a junction.

        Source:
            Eq 19.15: all weights of a patch, end to end, are ``Theta_l theta``, with
            one theta for all patches of a device. Departs: the chapter has theta
            larger than the patch, where it means smaller; and theta has one number
            more that is 1 on every device, whose column is what leads into the
            bottleneck. Without it a patch is a product of two small numbers where
            theta is small: it does next to nothing, and its gradient is next to none.
        """
        # Not basis @ theta: a runtime may take ten times as long for one column.
        flat = F.linear(theta[None], cast(Tensor, self.bases[place]))[0]
        width, rank = self.places[place], self.rank
        down, bend, up, shift = torch.split(flat, _weights_per_part(width, rank))
        read = cast(Tensor, self.reads[place])
        down, bend = down + read[: rank * width], bend + read[rank * width :]
        return Weights(down.view(rank, width), bend, up.view(width, rank), shift)

    def patches(self, theta: Float[Tensor, " theta"]) -> dict[str, Patch]:
        """Return the patches of a device by their junctions."""
        return {place: self.weights(place, theta).patch for place in self.places}

    def forward(
        self,
        x: Float[Tensor, "n width"],
        offset: Float[Tensor, " n"],
        theta: Float[Tensor, " theta"],
    ) -> Float[Tensor, " n"]:
        """Return the logit of each row under a device's theta; at 0 that of the model.

        Args:
            x: What enters the tower.
            offset: What is added to the tower's number.
            theta: The device's numbers.
        """
        return self.above(self.below(x), offset, theta)

    def below(self, x: Float[Tensor, "n width"]) -> Float[Tensor, "n wide"]:
        """Return what reaches the first patch, which theta changes nothing about."""
        return self.f.below(x, _all_present(x), self.first)

    def above(
        self,
        state: Float[Tensor, "n wide"],
        offset: Float[Tensor, " n"],
        theta: Float[Tensor, " theta"],
    ) -> Float[Tensor, " n"]:
        """Return the logit of each row from what ``below`` returned."""
        there, patches = _all_present(state), self.patches(theta)
        return offset + self.f.above(state, there, self.first, patches)

    def states(self, x: Float[Tensor, "n width"]) -> dict[str, Float[Tensor, "n _"]]:
        """Return what reaches each junction where nothing is patched."""
        there = _all_present(x)
        return {
            place: self.f.below(x, there, self._layers_below(place))
            for place in self.places
        }

    def logit_of(
        self, place: str, state: Float[Tensor, "n width"]
    ) -> Float[Tensor, " n"]:
        """Return the tower's number of what reaches a junction, without patches."""
        return self.f.above(state, _all_present(state), self._layers_below(place))

    def _layers_below(self, place: str) -> int:
        return list(self.f.places).index(place)

    def plain(
        self, x: Float[Tensor, "n width"], offset: Float[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """Return the logit of each row without patches: that of the model."""
        return offset + self.f(x, _all_present(x))


def project_to_ball(
    theta: Float[Tensor, "*d theta"], radius: float
) -> Float[Tensor, "*d theta"]:
    """Return the nearest point of a ball around 0."""
    square = theta.square().sum(dim=-1, keepdim=True)
    return theta * (radius / square.clamp(min=radius**2).sqrt())


def _all_present(x: Tensor) -> Tensor:
    """Return that every row is there, as a tower wants it said."""
    return torch.ones_like(x[:, 0], dtype=torch.bool)


def _weights_per_part(width: int, rank: int) -> list[int]:
    """Return how many weights each part of a patch has."""
    return [rank * width, rank, width * rank, width]
