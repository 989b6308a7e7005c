"""What of the past reads otherwise than it did: edges that came late or were erased."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

NEVER = int(np.iinfo(np.int64).max)
_TOLD_APART = 1000
"""Late appends that are kept apart; then whoever keeps anything reads anew."""


@dataclass(frozen=True, eq=False)
class Revisions:
    """One state of the past of some edges, for whoever keeps what it has read of it.

    Edges that come in time order change nothing that was read before them, and leave
    the state as it is.

    Attributes:
        before: The state before the last append that came late, if there is one.
        tick: The earliest tick of that append.
        number: How many states there were before.
    """

    before: "Revisions | None" = None
    tick: int = NEVER
    number: int = 0

    def appended(
        self, latest: int, when: Int64[np.ndarray, " n"] | None
    ) -> "Revisions":
        """Return the state after an append.

        Args:
            latest: Tick of the last edge before it.
            when: Tick of each new edge, none if edges have no time.
        """
        if when is None or not len(when) or int(when.min()) >= latest:
            return self
        if self.number == _TOLD_APART:
            return Revisions()
        return Revisions(self, int(when.min()), self.number + 1)

    def since(self, known: "Revisions") -> int | None:
        """Return the tick after which the past is another than in an earlier state.

        ``NEVER`` if it is the same state, none if it does not come from that one.
        """
        at, tick = self, NEVER
        while at is not known:
            if at.before is None:
                return None
            at, tick = at.before, min(tick, at.tick)
        return tick


UNCHANGED = Revisions()
"""The state of all edges of which none came late."""
