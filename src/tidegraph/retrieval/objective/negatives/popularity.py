"""A distribution of nodes by how often each is a target."""

import numpy as np
from jaxtyping import Float, Float64, Int64


class Popularity:
    """A distribution of nodes by how often each is a target."""

    def __init__(self, frequency: Float64[np.ndarray, " nodes"], power: float) -> None:
        self.node = np.flatnonzero(frequency)
        weight = frequency[self.node] ** power
        self.share = np.zeros(len(frequency))
        self.share[self.node] = weight / weight.sum()
        # The last sum may fall short of 1 by rounding.
        self.until = np.append(np.cumsum(self.share[self.node])[:-1], 1.0)
        self.uniform = power == 0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Return nodes, each independent of the others."""
        if self.uniform:
            return self.node[rng.integers(0, len(self.node), shape)]
        return self.node[np.searchsorted(self.until, rng.random(shape), side="right")]

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], count: int
    ) -> Float[np.ndarray, "..."]:
        """Return the log of how often each node comes in ``count`` draws.

        Of a uniform distribution the one number that all share.
        """
        if self.uniform:
            return np.full((1,) * node.ndim, np.log(count / len(self.node)))
        with np.errstate(divide="ignore"):
            return np.log(count * self.share[node])
