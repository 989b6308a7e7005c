"""Samplers: which of a node's neighbours a hop takes.

A sampler is a function of the past of each node and of settings. It sees no clock: what
it gets has ended before the clock already, and what it picks elsewhere is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, cast

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
        found, strays = gathered(past, self.picks(past))
        self.refuse(strays)
        return found

    def picks(self, past: Neighborhood) -> Run | Picks:
        """Return the slots that are picked from the past of each node, yet unread.

        Raises:
            ConfigError: No sampler of that name was defined.
            RequestError: It returned something else, or not for every node, or a run
                that is longer than its width.
        """
        picked: object = SAMPLERS.call(self, past)
        if not isinstance(picked, (Run, Picks)):
            raise RequestError(
                f"sampler {self.name!r} returned {type(picked).__name__}. Return a Run "
                "or a Picks."
            )
        wanted, shapes = len(past.start), [p.shape for p in _pick_arrays(picked)]
        if shapes[0] != shapes[-1] or len(shapes[0]) != 1 + isinstance(picked, Picks):
            raise RequestError(
                f"sampler {self.name!r} picked arrays of shape "
                f"{' and '.join(map(str, shapes))}. Picks are slots, and weights if "
                "any, with a row for each node and a column for each pick; a Run is "
                "a start and a stop for each node."
            )
        for part in _pick_arrays(picked):
            if part is not getattr(picked, "weight", None) and part.dtype != np.int64:
                raise RequestError(
                    f"sampler {self.name!r} picked slots of {part.dtype}. Pick int64."
                )
            if len(part) != wanted:
                raise RequestError(
                    f"sampler {self.name!r} picked for {len(part)} nodes instead of "
                    f"{wanted}. Return a row for each."
                )
        if isinstance(picked, Run):
            self._refuse_longer(picked)
        return picked

    def _refuse_longer(self, run: Run) -> None:
        longest = int((run.stop - run.start).max(initial=0))
        if longest > run.width:
            raise RequestError(
                f"sampler {self.name!r} picked a run of {longest} slots, and says that "
                f"none has more than {run.width}. Return a width of {longest}, or "
                "shorter runs."
            )

    def refuse(self, strays: int) -> None:
        """Raise where slots outside of the past were picked.

        Raises:
            RequestError: There are such.
        """
        if strays:
            raise RequestError(
                f"sampler {self.name!r} picked {strays} slots outside the past it was "
                "given. Pick from start[q] to stop[q], or -1 for none."
            )


def _pick_arrays(picked: Run | Picks) -> tuple[np.ndarray, ...]:
    if isinstance(picked, Run):
        return picked.start, picked.stop
    return (picked.slot,) if picked.weight is None else (picked.slot, picked.weight)


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

    def define(
        function: Callable[Concatenate[Neighborhood, P], Run | Picks],
    ) -> Callable[P, Sampler]:
        return cast(Callable[P, Sampler], SAMPLERS.define(name, function))

    return define
