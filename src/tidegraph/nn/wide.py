"""A click model beside a line over the shared inputs, where every model starts."""

import math

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


class Wide(nn.Module):
    """Adds the logit of a logistic regression to that of a click model.

    Source:
        Cheng et al., "Wide & Deep Learning for Recommender Systems", DLRS 2016.
    """

    def __init__(self, deep: nn.Module, numbers: int) -> None:
        super().__init__()
        self.deep = deep
        self.wide = nn.Linear(numbers, 1)

    def start(self, share: float) -> None:
        """Begin near the probability ``share`` for everything."""
        nn.init.constant_(self.wide.bias, math.log(share / (1 - share + 1e-9)))

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        return self.deep(inputs) + self.wide(inputs.numbers)[:, :, 0]
