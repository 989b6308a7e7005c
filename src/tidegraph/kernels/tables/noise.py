"""Negatives by the thousand: nodes as likely as a power of how frequent they are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32

from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import after, mixed, root_keys
from tidegraph.kernels.weighted_draw import AliasTable, alias_table, by_alias

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Noise:
    """A distribution of nodes to draw negatives from, in O(1) each.

    Attributes:
        table: Slots of all nodes in one row.
    """

    table: AliasTable

    @classmethod
    def of(cls, frequency: Float64[np.ndarray, " nodes"], power: float) -> "Noise":
        """Return the distribution of a power; who has a frequency of 0 never comes."""
        some = frequency > 0
        weight = np.where(some, frequency, 1.0) ** power * some
        share = (weight / weight.sum()).astype(np.float32)
        one = np.zeros(1, np.int64)
        return cls(alias_table(one, one + len(share), share))

    def draw(self, count: int, seed: int) -> Int32[np.ndarray, " count"]:
        """Return independent nodes; the same for a seed on any number of threads."""
        out = np.empty(count, np.int32)
        keys = root_keys(seed, 0, -(-count // _BLOCK))
        over_rows(lambda a, b: _draw(self.table, keys, out, a, b), len(keys), grain=4)
        return out


@compiled
def _draw(
    table: AliasTable, keys: np.ndarray, out: np.ndarray, first: int, last: int
) -> None:
    nodes = table[0].size
    for block in range(first, last):
        state = keys[block]
        for n in range(block * _BLOCK, min((block + 1) * _BLOCK, out.size)):
            state = after(state)
            out[n] = by_alias(table, 0, nodes, mixed(state))
