"""A click model beside a line over the shared inputs, where every model starts."""

import math

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.around import Around
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

    def forward(
        self, inputs: Inputs, around: Around | None = None
    ) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate.

        Args:
            inputs: The batch.
            around: What the plans of a model that reads the graph brought.
        """
        deep = self.deep(inputs) if around is None else self.deep(inputs, around)
        return deep + self.wide(inputs.numbers)[:, :, 0]

    def answer(self, inputs: Inputs, around: Around | None) -> Float[Tensor, "b k"]:
        """Return the logits of a batch that lies anywhere, where the weights are."""
        device = self.wide.weight.device
        given = Inputs(*(part.to(device) for part in inputs))
        return self(given, None if around is None else around.to(device))
