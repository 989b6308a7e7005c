"""Optimisers: how a gradient becomes a step, as frozen configurations."""

from collections.abc import Iterable
from dataclasses import fields
from typing import ClassVar, Protocol, runtime_checkable

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.ranges import above, at_least
from tidegraph.training.row_adam import RowAdam

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import nn

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "LazyAdam", "Optimizer", "PairSGD"]


@runtime_checkable
class Optimizer(Protocol):
    """Settings of an optimiser; one of your own needs no more than this.

    Such as ``tg.optimizers.Adam()``.
    """

    def of_weights(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of some weights."""
        ...


@settings
class AdamW:
    """Adam whose weight decay is apart from the gradient.

    Attributes:
        learning_rate: Step length.
        weight_decay: Share of a weight, times the step length, taken off each step.

    Source:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    copies: ClassVar[int] = 3

    learning_rate: float = 3e-3
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        _check_settings(self)

    def of_weights(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of some weights."""
        return torch.optim.AdamW(
            parameters,
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,
        )


@settings
class Adam:
    """Steps by the running mean of the gradient over the root of that of its square.

    Attributes:
        learning_rate: Step length.
        weight_decay: L2 penalty, added to the gradient.

    Source:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    """

    copies: ClassVar[int] = 3

    learning_rate: float = 1e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_settings(self)

    def of_weights(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of some weights."""
        return torch.optim.Adam(
            parameters,
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,
        )


@settings
class LazyAdam:
    """Adam that moves only the rows of a table that a batch touches.

    A step costs what the batch costs, however large the table. Where every row is
    touched it is ``Adam``.

    Attributes:
        learning_rate: Step length.

    Source:
        Kingma and Ba (2015), with the running means of a row as of its last step.
    """

    copies: ClassVar[int] = 2

    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        _check_settings(self)

    def of_weights(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of some weights."""
        return RowAdam(parameters, self.learning_rate)


@settings
class SGD:
    """Steps down the gradient.

    Attributes:
        learning_rate: Step length.
        momentum: Share of the last step that is taken again.
        weight_decay: L2 penalty, added to the gradient.
    """

    copies: ClassVar[int] = 2

    learning_rate: float = 0.1
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_settings(self)

    def of_weights(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of some weights."""
        return torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )


@settings
class Adagrad:
    """Steps by the gradient over the root of the sum of its squares, for rare inputs.

    Attributes:
        learning_rate: Step length.
        weight_decay: L2 penalty, added to the gradient.

    Source:
        Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011.
    """

    copies: ClassVar[int] = 2

    learning_rate: float = 0.05
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_settings(self)

    def of_weights(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of some weights."""
        return torch.optim.Adagrad(
            parameters, lr=self.learning_rate, weight_decay=self.weight_decay
        )


@settings
class PairSGD:
    """A step down the gradient for every pair, on the vectors of its nodes alone.

    For tables of vectors, which compiled kernels move; nothing else can take it.

    Attributes:
        learning_rate: Step length.
    """

    copies: ClassVar[int] = 0

    learning_rate: float = 0.025

    def __post_init__(self) -> None:
        _check_settings(self)

    def of_weights(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Raise ConfigError: there is no gradient of all weights."""
        raise ConfigError(
            "PairSGD moves tables of vectors alone, and this trains a network or by a "
            "loss that no kernel knows. Use another optimizer, such as Adam."
        )


def _check_settings(given: AdamW | Adam | LazyAdam | SGD | Adagrad | PairSGD) -> None:
    name = type(given).__name__
    above(name, 0, learning_rate=given.learning_rate)
    at_least(name, 0, **{f.name: getattr(given, f.name) for f in fields(given)})
