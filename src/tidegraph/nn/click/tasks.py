"""Further tasks of a click network: a last layer each, over the layers they share."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.dense import only_tower, record, recording

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


SHARED = "several tasks share"
"""Why a network must have one tower."""


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
        tower = only_tower(network, SHARED)
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
        with recording() as ends:
            own = run()
        (end,) = ends
        further = self.last(torch.cat([end, numbers], dim=2))
        return torch.cat([own[:, :, None], further], dim=2)


def _record_last_input(module: nn.Module, given: tuple[Any, ...]) -> None:
    record(given[0])


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
