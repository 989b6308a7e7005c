"""Unique states unfolded to the tree that they stand for."""

import numpy as np


def expanded(states, name: str, depth: int) -> np.ndarray:
    """Follow the child pointers from the batch down to a depth."""
    place = np.arange(len(states.ids[0]))
    for level in range(depth):
        child = states.child[level]
        if not len(child):
            child = np.full((1, child.shape[1]), -1)
        place = np.where(place[..., None] >= 0, child[place], -1)
    values = getattr(states, name)[depth]
    blank = {"ids": -1, "edge": -1}.get(name, 0)
    if not len(values):
        return np.full(place.shape, blank)
    return np.where(place >= 0, values[place], blank)
