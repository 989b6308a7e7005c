"""Samplers: which of a node's neighbours a hop takes.

A sampler is a function of the past of each node and of settings. It sees no clock: what
it gets has ended before the clock already, and what it picks elsewhere is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, ParamSpec

import numpy as np

from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.registry import Named, Registry
from tidegraph.graph.sampling.gather import (
    NeighborBatch,
    Neighborhood,
    Picks,
    Run,
    gathered,
)

P = ParamSpec("P")
_INT64 = np.dtype(np.int64)


@dataclass(frozen=True)
class Sampler(Named):
    """Which sampler to call, and how: plain data.

    A setting ``count`` is how many it takes of each node, at least 1.
    """

    def __post_init__(self) -> None:
        count = dict(self.settings).get("count")
        if isinstance(count, int) and count < 1:
            raise ConfigError(f"{self.name}({count}) draws nothing; at least 1.")

    def __call__(self, past: Neighborhood) -> NeighborBatch:
        """Draw from the past of each node.

        Raises:
            ConfigError: No sampler of that name was defined.
            RequestError: It picked an edge that is not in a node's past.
        """
        picked = self.picks(past)
        found, strays = gathered(past, picked)
        self.refuse(strays, picked)
        return found

    def picks(self, past: Neighborhood) -> Run | Picks:
        """Return the slots that are picked from the past of each node, yet unread.

        Raises:
            ConfigError: No sampler of that name was defined.
            RequestError: It returned something else, or not for every node.
        """
        picked: object = SAMPLERS.call(self, past)
        if not isinstance(picked, (Run, Picks)):
            raise RequestError(
                f"sampler {self.name!r} returned {type(picked).__name__}. Return a Run "
                "or a Picks."
            )
        if isinstance(picked, Run):
            slots, other, axes = picked.start, picked.stop, 1
        else:
            slots, axes = picked.slot, 2
            other = slots if picked.weight is None else picked.weight
        if slots.shape != other.shape or slots.ndim != axes:
            raise RequestError(
                f"sampler {self.name!r} picked arrays of shape {slots.shape} and "
                f"{other.shape}. Picks are slots, and weights if any, with a row for "
                "each node and a column for each pick; a Run is a start and a stop for "
                "each node."
            )
        for part in (slots, other if axes == 1 else slots):
            if part.dtype != _INT64:
                raise RequestError(
                    f"sampler {self.name!r} picked slots of {part.dtype}. Pick int64."
                )
        if len(slots) != len(past.start):
            raise RequestError(
                f"sampler {self.name!r} picked for {len(slots)} nodes instead of "
                f"{len(past.start)}. Return a row for each."
            )
        return picked

    def refuse(self, strays: int, picked: Run | Picks) -> None:
        """Raise where slots were picked that may not be.

        Args:
            strays: How many lay outside the past, or in runs longer than their width.
            picked: What was picked.

        Raises:
            RequestError: There are such.
        """
        if not strays:
            return
        longest = (picked.stop - picked.start).max() if isinstance(picked, Run) else 0
        if isinstance(picked, Run) and longest > picked.width:
            raise RequestError(
                f"sampler {self.name!r} picked a run of {longest} slots, and says that "
                f"none has more than {picked.width}. Return a width of {longest}, or "
                "shorter runs."
            )
        raise RequestError(
            f"sampler {self.name!r} picked {strays} slots outside the past it was "
            "given. Pick from start[q] to stop[q], or -1 for none."
        )


SAMPLERS = Registry("sampler", 1, Sampler)


def sampler(
    name: str,
) -> Callable[
    [Callable[Concatenate[Neighborhood, P], Run | Picks]], Callable[P, Sampler]
]:
    """Define a sampler under a name; what it returns makes its ``Sampler``.

    Raises:
        ConfigError: The name is taken by another function.
    """
    return partial(SAMPLERS.define, name)
