"""Further tasks of a click network: a last layer each, over the layers they share."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from jaxtyping import Float

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


def towers(network: nn.Module) -> list[Tower]:
    """Return the towers of layers of a network."""
    return [part for part in network.modules() if isinstance(part, Tower)]


def only_tower(network: nn.Module) -> Tower:
    """Return the one tower of a network.

    Raises:
        ConfigError: It has none, or several.
    """
    found = towers(network)
    if len(found) != 1:
        raise ConfigError(
            f"the model has {len(found) or 'no'} towers of layers, and several "
            "tasks share exactly one. Take a click model with hidden layers, such "
            "as DIN, DSGL or MLP."
        )
    return found[0]


class FurtherTasks(nn.Module):
    """A line for each further task, over what a tower ends in and the shared inputs.

    Args:
        network: The click model, with one tower, whose own last layer stays.
        numbers: Columns of the shared inputs.
        count: How many further tasks there are.

    Raises:
        ConfigError: The model has no tower, or several.
    """

    def __init__(self, network: nn.Module, numbers: int, count: int) -> None:
        super().__init__()
        tower = only_tower(network)
        self.last = nn.Linear(tower.last.in_features + numbers, count)
        tower.last.register_forward_pre_hook(_record_last_input)

    def forward(
        self, run: Callable[[], Float[Tensor, "b k"]], numbers: Float[Tensor, "b k n"]
    ) -> Float[Tensor, "b k tasks"]:
        """Return the logits of a network, and of the further tasks behind its own.

        Args:
            run: Runs the network once.
            numbers: The shared inputs.
        """
        ends: list[Tensor] = []
        before = _ENDS.set(ends)
        try:
            own = run()
        finally:
            _ENDS.reset(before)
        (end,) = ends
        further = self.last(torch.cat([end, numbers], dim=2))
        return torch.cat([own[:, :, None], further], dim=2)


_ENDS: ContextVar[list[Tensor] | None] = ContextVar("where towers end", default=None)
"""Of each thread its own, so that any number may run one network at once."""


def _record_last_input(module: nn.Module, given: tuple[Any, ...]) -> None:
    """Note what enters the last layer of a tower, where somebody asks."""
    if (ends := _ENDS.get()) is not None:
        ends.append(given[0])


def logit_of_product(
    first: Float[Tensor, "*shape"], second: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Return the logit of the product of two probabilities, from the logit of each.

    With a and b the logits it is -log(exp(-a) + exp(-b) + exp(-a - b)).

    Source:
        Ma et al., "Entire Space Multi-Task Model", SIGIR 2018, equation 2: that of an
        action and a purchase is that of the action, times that of the purchase if so.
    """
    each = torch.stack([-first, -second, -first - second])
    return -torch.logsumexp(each, dim=0)
