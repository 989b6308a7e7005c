"""Bases and start learn of all devices, and tell of none: clipped, summed, blurred."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.device.distill import divergence
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import loss_of
from tidegraph.device.privacy import Private
from tidegraph.device.rows import Rows
from tidegraph.extras import needed
from tidegraph.rng import fresh_seed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn
    from torch.func import functional_call, grad_and_value, vmap


class Sides(NamedTuple):
    """What a step needs of some devices, side by side.

    Attributes:
        before: The theta of each so far.
        profile: What is known of each user.
        late: Rows later than those of the profile.
        taught: The same rows: what teachers say, as label, and what that counts.
    """

    before: Float[Tensor, "d theta"]
    profile: Float[Tensor, "d width"]
    late: Rows
    taught: Rows


@runtime_checkable
class Devices(Protocol):
    """Devices to be learnt of."""

    @property
    def module(self) -> Patched:
        """What learns."""
        ...

    @property
    def able(self) -> Int64[np.ndarray, " e"]:
        """Which devices there is something to learn of."""
        ...

    def sides(self, devices: Int64[np.ndarray, " e"]) -> Sides:
        """Return what a step needs of some devices, under the weights as they are."""
        ...


class _Sample(NamedTuple):
    """Devices of a step, each drawn by itself, and the seed of its noise."""

    devices: Int64[np.ndarray, " e"]
    seed: int


@dataclass(frozen=True, eq=False)
class Privately:
    """The task of bases and start, without telling of any one device.

    Attributes:
        devices: What is learnt of.
        private: How much is told.
        beta: What teachers count.
        rate: Chance of a device to be in a step.
        steps: How many steps an epoch has.

    Source:
        Abadi et al. (2016), algorithm 1: the gradient of each device is clipped, noise
        is added to the sum, which is divided by the number of devices expected.
    """

    devices: Devices
    private: Private
    beta: float
    rate: float
    steps: int
    unit: str = "devices"

    @property
    def module(self) -> Patched:
        """What learns."""
        return self.devices.module

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Sample]:
        """Yield devices, each of which is in a step by chance and by itself."""
        able = self.devices.able
        for _ in range(self.steps):
            there = rng.random(len(able)) < self.rate
            yield _Sample(able[there], fresh_seed(rng))

    def loss(self, batch: _Sample) -> Tensor:
        """Return what has the blurred gradient, and the value of the mean loss."""
        sums, lost = self._clipped(batch.devices)
        random = torch.Generator().manual_seed(batch.seed)
        expected = max(self.rate * len(self.devices.able), 1e-9)
        deviation = self.private.noise * self.private.clip
        line = torch.zeros(())
        for name, weight in _trainable_weights(self.module).items():
            noise = torch.randn(weight.shape, generator=random) * deviation
            line = line + (weight * (sums[name] + noise)).sum() / expected
        return line + (lost - line).detach()

    def examples(self, batch: _Sample) -> int:
        """Return how many devices a step is of."""
        return len(batch.devices)

    def validate(self) -> float:
        """Judge nothing: what is chosen by devices tells of them."""
        return float("nan")

    def _clipped(
        self, devices: Int64[np.ndarray, " e"]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the sum of the devices' gradients, each no longer than ``clip``."""
        weights = {n: w.detach() for n, w in _trainable_weights(self.module).items()}
        if not len(devices):
            return {n: torch.zeros_like(w) for n, w in weights.items()}, torch.zeros(())
        alone = _LossOfOneDevice(self.module, self.beta)
        named = {f"head.{name}": weight for name, weight in weights.items()}

        def lost(given: dict[str, Tensor], sides: Sides) -> Tensor:
            return cast(Tensor, functional_call(alone, given, tuple(sides)))

        each = cast(
            Callable[..., tuple[dict[str, Tensor], Tensor]],
            vmap(grad_and_value(lost), in_dims=(None, 0)),
        )
        gradients, losses = each(named, self.devices.sides(devices))
        square = torch.stack([g.flatten(1).square().sum(1) for g in gradients.values()])
        limit = self.private.clip
        share = limit / square.sum(dim=0).sqrt().clamp(min=limit)
        sums = {
            name.removeprefix("head."): torch.einsum("d,d...->...", share, gradient)
            for name, gradient in gradients.items()
        }
        return sums, losses.mean()


def _trainable_weights(head: Patched) -> dict[str, Tensor]:
    return {n: w for n, w in head.named_parameters() if w.requires_grad}


class _LossOfOneDevice(nn.Module):
    """What is clipped: the loss of one device, as a function of the head's weights."""

    def __init__(self, head: Patched, beta: float) -> None:
        super().__init__()
        self.head, self.beta = head, beta

    def forward(
        self, before: Tensor, profile: Tensor, late: Rows, taught: Rows
    ) -> Tensor:
        theta = self.head.start(before, profile)
        logit = self.head(late.x, late.offset, theta)
        said = divergence(taught.label, logit) * taught.weight
        near = said.sum() / late.weight.sum().clamp(min=1e-9)
        return loss_of(logit, late) + self.beta * near
