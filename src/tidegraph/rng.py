"""A seed or a Generator in, a Generator out; nobody seeds a library."""

import numpy as np

from tidegraph.errors import ConfigError

Seed = int | np.random.Generator


def generator(seed: Seed) -> np.random.Generator:
    """Return ``seed`` itself if it is a Generator, else a fresh one made from it.

    Raises:
        ConfigError: The seed is negative.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if seed < 0:
        raise ConfigError(f"the seed is {seed}; it must be at least 0.")
    return np.random.default_rng(seed)


def fresh_seed(rng: np.random.Generator) -> int:
    """Draw a 63-bit seed for a library that keeps its own random state."""
    return int(rng.integers(2**63 - 1))
