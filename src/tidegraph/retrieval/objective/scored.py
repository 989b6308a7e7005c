"""What a loss of pairs is given."""

import math
from typing import NamedTuple

from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    from torch import Tensor


class Scored(NamedTuple):
    """A batch of pairs under the vectors as they are.

    Attributes:
        source: Vector of each source.
        target: Vector of each target.
        positive: Similarity of each pair.
        negative: Similarity to each negative; ``LOWEST`` where one is missing.
        log_q: Natural log of how often each negative is drawn on average.
        present: Which negatives are there; all if left out.
        owner: Number of each source, the same where pairs share one; each its own if
            left out.
    """

    source: Float[Tensor, "b d"]
    target: Float[Tensor, "b d"]
    positive: Float[Tensor, " b"]
    negative: Float[Tensor, "b n"]
    log_q: Float[Tensor, "#b #n"]
    present: Bool[Tensor, "b n"] | None = None
    owner: Int[Tensor, " b"] | None = None

    def over_chance(
        self, yes: float = 1.0
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, "b n"]]:
        """Return similarities as log odds: at 0 a yes is as likely as by chance.

        Args:
            yes: What a target counts, where each negative counts 1.
        """
        there = self.present
        count = self.negative.numel() if there is None else int(there.sum())
        chance = math.log(yes * len(self.positive) / count) if count else 0.0
        return self.positive + chance, self.negative + chance
