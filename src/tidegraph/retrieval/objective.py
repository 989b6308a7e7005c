"""What an embedding is trained for: positive pairs, negatives, and a loss."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.losses import bpr, sampled_softmax
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    from torch import Tensor

__all__ = ["Objective", "Pairwise", "Softmax"]

ATTEMPTS = 20


@runtime_checkable
class Objective(Protocol):
    """Settings of an objective; one of your own needs no more than this."""

    @property
    def negatives(self) -> int:
        """Items drawn per positive pair, uniformly among those the user lacks."""
        ...

    @property
    def l2(self) -> float:
        """Penalty on the squared length of the vectors that a batch learns."""
        ...

    def loss(
        self,
        positive: Float[Tensor, " b"],
        negative: Float[Tensor, "b n"],
        present: Bool[Tensor, "b n"],
        items: int,
    ) -> Tensor:
        """Return the loss of a batch from its products; ``items`` is how many exist."""
        ...


@settings
class Pairwise:
    """A positive is to score above each negative: ``losses.bpr``.

    Attributes:
        negatives: Items drawn per positive pair.
        l2: Penalty on the squared length of the vectors that a batch learns.
    """

    negatives: int = 1
    l2: float = 1e-4

    def __post_init__(self) -> None:
        at_least("Pairwise", 1, negatives=self.negatives)
        at_least("Pairwise", 0, l2=self.l2)

    def loss(
        self,
        positive: Float[Tensor, " b"],
        negative: Float[Tensor, "b n"],
        present: Bool[Tensor, "b n"],
        items: int,
    ) -> Tensor:
        """Return the loss of a batch from its products."""
        return bpr(positive, negative, present)


@settings
class Softmax:
    """A positive is to be told from all items: ``losses.sampled_softmax``.

    Attributes:
        negatives: Items drawn per positive pair.
        l2: Penalty on the squared length of the vectors that a batch learns.
    """

    negatives: int = 50
    l2: float = 1e-4

    def __post_init__(self) -> None:
        at_least("Softmax", 1, negatives=self.negatives)
        at_least("Softmax", 0, l2=self.l2)

    def loss(
        self,
        positive: Float[Tensor, " b"],
        negative: Float[Tensor, "b n"],
        present: Bool[Tensor, "b n"],
        items: int,
    ) -> Tensor:
        """Return the loss of a batch from its products."""
        # Of all other items each is drawn so often on average.
        log_q = float(np.log(self.negatives / max(items - 1, 1)))
        return sampled_softmax(
            positive, negative, negative.new_full(negative.shape, log_q), present
        )


def drawn_negatives(
    user: Int64[np.ndarray, " b"],
    count: int,
    pool: Int64[np.ndarray, " known"],
    pairs: Int64[np.ndarray, " pairs"],
    items: int,
    rng: np.random.Generator,
) -> tuple[Int64[np.ndarray, "b n"], Bool[np.ndarray, "b n"]]:
    """Draw items that a user has no event with, and say where that succeeded.

    Args:
        user: Users.
        count: How many to draw for each.
        pool: Items to draw from.
        pairs: ``user * items + item`` of every event, increasing.
        items: How many items there are.
        rng: Draws.
    """
    drawn = rng.choice(pool, (len(user), count))
    taken = _taken(user, drawn, pairs, items)
    for _ in range(ATTEMPTS):
        if not taken.any():
            break
        drawn[taken] = rng.choice(pool, int(taken.sum()))
        taken = _taken(user, drawn, pairs, items)
    return drawn, ~taken


def _taken(
    user: Int64[np.ndarray, " b"],
    drawn: Int64[np.ndarray, "b n"],
    pairs: Int64[np.ndarray, " pairs"],
    items: int,
) -> Bool[np.ndarray, "b n"]:
    """Return where a user has an event with the item that was drawn."""
    key = user[:, None] * items + drawn
    at = np.minimum(np.searchsorted(pairs, key), len(pairs) - 1)
    return pairs[at] == key
