"""Random numbers by key: the same draw on any thread, batch split or machine.

Every row of a batch has a 64-bit key made from the seed and the row's number in the
epoch; a child's key is made from its parent's and its place. What a row draws depends
on its key alone.

Source:
    Steele, Lea & Flood, "Fast splittable pseudorandom number generators" (2014).
"""

import numpy as np
from jaxtyping import Int64, UInt64

from tidegraph.errors import ConfigError
from tidegraph.kernels.jit import compiled, over_rows

Keys = UInt64[np.ndarray, " q"]
GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""From one state to the next: the n-th draw of a key is of ``key + n * GAMMA``."""


def root_keys(seed: int, first: int, count: int) -> UInt64[np.ndarray, " count"]:
    """Return the keys of rows ``first``, ``first + 1``, ... of the epoch of a seed.

    Raises:
        ConfigError: The seed is negative, or too large.
    """
    check_seed(seed)
    keys = np.empty(count, np.uint64)
    _root_keys(np.uint64(seed), first, keys)
    return keys


def check_seed(seed: int) -> None:
    """Raise ConfigError if a seed is negative, or too large."""
    if not 0 <= seed < 2**64:
        raise ConfigError(f"seed is {seed}; it must be from 0 to 2^64 - 1.")


def child_keys(keys: Keys, width: int) -> UInt64[np.ndarray, " children"]:
    """Return ``width`` keys for each key, end to end."""
    children = np.empty(len(keys) * width, np.uint64)
    over_rows(
        lambda a, b: _child_keys(keys, width, children, a, b), len(keys), grain=4096
    )
    return children


def nth_child_keys(
    keys: Keys, place: Int64[np.ndarray, " q"]
) -> UInt64[np.ndarray, " q"]:
    """Return the key of one child of each key: what ``child_keys`` has at its place."""
    children = np.empty_like(keys)
    _nth_child_keys(keys, place, children)
    return children


def mixed_keys(keys: Keys, salt: int) -> Keys:
    """Return a key for each key, others for another ``salt``."""
    out = np.empty_like(keys)
    _mixed_keys(keys, np.uint64(salt), out)
    return out


@compiled
def mixed(z: np.uint64) -> np.uint64:
    """Return 64 bits in which every bit of ``z`` has its say."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def after(state: np.uint64) -> np.uint64:
    """Return the state that follows; its ``mixed`` bits are the next draw."""
    return state + GAMMA


@compiled
def below(drawn: np.uint64, number: int) -> int:
    """Turn 64 bits into one of 0 .. ``number`` - 1, each as likely to one in 2^32.

    Source:
        Lemire, "Fast random integer generation in an interval" (2019).
    """
    return int(((drawn >> np.uint64(32)) * np.uint64(number)) >> np.uint64(32))


@compiled
def unit(drawn: np.uint64) -> float:
    """Turn 64 bits into a number from 0 up to, not including, 1."""
    return float(drawn >> np.uint64(11)) * 2.0**-53


@compiled
def _root_keys(seed: np.uint64, first: int, keys: np.ndarray) -> None:
    start = mixed(after(seed))
    for j in range(keys.size):
        keys[j] = mixed(start ^ mixed(after(np.uint64(first + j))))


@compiled
def _child_keys(
    keys: np.ndarray, width: int, children: np.ndarray, first: int, last: int
) -> None:
    for q in range(first, last):
        state = keys[q] ^ np.uint64(0xD1B54A32D192ED03)
        for j in range(width):
            state = after(state)
            children[q * width + j] = mixed(state)


@compiled
def _nth_child_keys(keys: np.ndarray, place: np.ndarray, children: np.ndarray) -> None:
    for q in range(keys.size):
        state = keys[q] ^ np.uint64(0xD1B54A32D192ED03)
        children[q] = mixed(state + GAMMA * np.uint64(place[q] + 1))


@compiled
def _mixed_keys(keys: np.ndarray, salt: np.uint64, out: np.ndarray) -> None:
    start = mixed(after(salt))
    for q in range(keys.size):
        out[q] = mixed(after(keys[q] ^ start))
