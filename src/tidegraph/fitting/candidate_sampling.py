"""Which candidates of a past request a pass over it learns from."""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from tidegraph.arguments import settings
from tidegraph.ranges import at_least


@settings
class CandidateSampling:
    """A few candidates per request and pass, with what that does to the odds.

    Attributes:
        size: Most candidates per request, at most half of them positives while there
            are negatives.
    """

    size: int = 40

    def __post_init__(self) -> None:
        # Of one candidate there would be a positive or a negative alone.
        at_least("candidate sampling", 2, size=self.size)

    def sample(
        self,
        present: Bool[np.ndarray, "b k"],
        label: Float32[np.ndarray, "b k"],
        rng: np.random.Generator,
    ) -> tuple[
        Int64[np.ndarray, "b s"], Bool[np.ndarray, "b s"], Float32[np.ndarray, " b"]
    ]:
        """Choose some of each request's positives and negatives.

        Returns:
            Places of the candidates chosen, which of them hold an item, and per request
            the log of how many times too high the choice makes the odds.
        """
        right = present & (label > 0)
        wrong = present & ~right
        drawn = rng.random(present.shape)
        rank = np.argsort(np.argsort(np.where(right, drawn, 2.0), axis=1), axis=1)
        late = right & (rank >= max(1, self.size // 2))
        order = drawn + np.select([late, right, wrong], [1.0, -1.0, 0.0], default=2.0)
        chosen = np.argsort(order, axis=1)[:, : self.size]
        kept = np.take_along_axis(present, chosen, axis=1)
        odds = _share_chosen(right, chosen) / _share_chosen(wrong, chosen)
        return chosen, kept, np.log(odds).astype(np.float32)


def _share_chosen(
    of: Bool[np.ndarray, "b k"], chosen: Int64[np.ndarray, "b s"]
) -> Float64[np.ndarray, " b"]:
    """Return which share of each row's true places is chosen; 1 where none is."""
    some = np.take_along_axis(of, chosen, axis=1).sum(axis=1)
    return np.where(some > 0, some / np.maximum(of.sum(axis=1), 1), 1.0)
