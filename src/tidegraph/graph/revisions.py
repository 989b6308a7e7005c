"""What of the past reads otherwise than it did: edges that came late or were erased."""

from threading import Lock

import numpy as np
from jaxtyping import Int64

from tidegraph.small_arrays import span

NEVER = int(np.iinfo(np.int64).max)
_TOLD_APART = 1000
"""Late appends that are kept apart; then whoever keeps anything reads anew."""


class Revisions:
    """One state of the past of some edges, for whoever keeps what it has read of it.

    Edges that come in time order change nothing that was read before them, and leave
    the state as it is. A copy that is handed over has a state of its own.

    Args:
        count: How many edges there are.
        before: The state before the last edges that changed the past, if there is one.
        tick: The tick after which they did.
    """

    def __init__(
        self, count: int, before: "Revisions | None" = None, tick: int = NEVER
    ) -> None:
        self.before, self.tick = before, tick
        self.number: int = 0 if before is None else before.number + 1
        self._count = count
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["Revisions"], tuple[int]]:
        """Hand over where it goes on, not whose past it shares."""
        return Revisions, (self._count,)

    def appended(
        self, held: int, latest: int, when: Int64[np.ndarray, " n"] | None
    ) -> "Revisions":
        """Return the state after an append.

        Args:
            held: How many edges there were; fewer than were appended to already where
                two go on from one past, which are then told apart.
            latest: Tick of the last edge before it.
            when: Tick of each new edge, none if edges have no time.
        """
        if when is None or not len(when):
            return self
        with self._lock:
            is_newest = held == self._count
            if is_newest:
                self._count += len(when)
        first, _ = span(when)
        if is_newest and first >= latest:
            return self
        if self.number == _TOLD_APART:
            return Revisions(held + len(when))
        return Revisions(held + len(when), self, min(first, latest))

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
