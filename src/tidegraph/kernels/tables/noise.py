"""Negatives by the thousand: nodes as likely as a power of how frequent they are."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float64, Int32, Integer

from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import after, mixed, root_keys
from tidegraph.kernels.tables.alias import AliasTable, alias_table, by_alias

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Noise:
    """A distribution of nodes to draw negatives from, in O(1) each.

    Attributes:
        share: How likely each node is.
        uniform: Is each as likely, of those that come at all?
        table: Slots of all nodes in one row.
    """

    share: Float64[np.ndarray, " nodes"]
    uniform: bool
    table: AliasTable

    @cached_property
    def count(self) -> int:
        """How many nodes come at all."""
        return int(np.count_nonzero(self.share))

    @classmethod
    def of(cls, frequency: Float64[np.ndarray, " nodes"], power: float) -> "Noise":
        """Return the distribution of a power; who has a frequency of 0 never comes."""
        some = frequency > 0
        base = np.where(some, frequency, 1.0)
        with np.errstate(over="ignore"):
            weight = base**power * some
        if not np.isfinite(weight.sum()):
            weight = (base / base.max()) ** power * some
        share, one = weight / weight.sum(), np.zeros(1, np.int64)
        table = alias_table(one, one + len(share), share.astype(np.float32))
        return cls(share, power == 0, table)

    def draw(
        self, shape: int | tuple[int, ...], seed: int
    ) -> Int32[np.ndarray, "*shape"]:
        """Return independent nodes; the same for a seed on any number of threads."""
        out = np.empty(shape, np.int32)
        keys, flat = root_keys(seed, 0, -(-out.size // _BLOCK)), out.reshape(-1)
        over_rows(
            lambda a, b: _draw_negatives(self.table, keys, flat, a, b),
            len(keys),
            grain=4,
        )
        return out

    def log_count(
        self, node: Integer[np.ndarray, "*rows n"], count: int
    ) -> Float[np.ndarray, "..."]:
        """Return the log of how often each node comes in ``count`` draws.

        Of a uniform distribution the one number that all share.
        """
        if self.uniform:
            once = math.log(count / self.count)
            return np.full((1,) * node.ndim, once)
        with np.errstate(divide="ignore"):
            return np.log(count * self.share[node])


@compiled
def _draw_negatives(
    table: AliasTable, keys: np.ndarray, out: np.ndarray, first: int, last: int
) -> None:
    nodes = table[0].size
    for block in range(first, last):
        state = keys[block]
        for n in range(block * _BLOCK, min((block + 1) * _BLOCK, out.size)):
            state = after(state)
            out[n] = by_alias(table, 0, nodes, mixed(state))
