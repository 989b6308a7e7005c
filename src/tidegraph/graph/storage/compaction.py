"""Rows laid close together again, in the background, while their graph goes on growing.

A row that is full moves, and leaves its place behind. When much is left behind, a
thread of its own lays the rows of that type of edge close together, and what came in
meanwhile is added again before the tidy rows take the place of the others. Should it
not keep up, the writer tidies up itself, so what is left behind is bounded.
"""

from collections.abc import Callable
from threading import Lock, Thread

from tidegraph.graph.storage.edge_store import EdgeStore, Step

_MOVED = 3
"""Clean up when this many times the slots in use are left behind."""
_TOO_MANY = 12
"""The writer cleans up itself when this many times are."""
_FEW = 64
"""So few edges that came in meanwhile are added while the writer waits."""
_ROUNDS = 64
_SPARE = 0.5
"""Room to grow that each row then gets, so that it does not move again at once."""


class Tidying:
    """What is being laid close together, and what was added meanwhile.

    Args:
        writing: Lock of whoever writes; held by those who call ``grown``.
        put: Puts edges of a type in place; called with the lock held.
    """

    def __init__(self, writing: Lock, put: Callable[[str, EdgeStore], None]) -> None:
        self._writing, self._put = writing, put
        self._missed: dict[str, list[Step]] = {}

    def grown(self, name: str, edges: EdgeStore, step: Step) -> None:
        """Note that edges of a type have grown by a step; perhaps clean up."""
        size = len(edges) + len(edges.out) + len(edges.back)
        if edges.slack > _TOO_MANY * size:
            # Whatever is under way comes too late.
            self._missed.pop(name, None)
            self._put(name, edges.compacted(_SPARE))
        elif name in self._missed:
            self._missed[name].append(step)
        elif edges.slack > _MOVED * size:
            missed: list[Step] = []
            self._missed[name] = missed
            Thread(
                target=self._compact, args=(name, edges, missed), daemon=True
            ).start()

    def dropped(self) -> None:
        """Give up what is under way: the edges are others from now on."""
        self._missed.clear()

    def _compact(self, name: str, edges: EdgeStore, missed: list[Step]) -> None:
        try:
            tidy = with_room(edges, edges)
            added = 0
            for _ in range(_ROUNDS):
                # Others may write meanwhile, and less than was written before.
                with self._writing:
                    left = missed[added:]
                if len(left) <= _FEW:
                    break
                added += len(left)
                tidy = _apply_steps(tidy, left)
            with self._writing:
                if self._missed.get(name) is missed:
                    self._put(name, _apply_steps(tidy, missed[added:]))
        finally:
            with self._writing:
                if self._missed.get(name) is missed:
                    del self._missed[name]


def with_room(edges: EdgeStore, like: EdgeStore) -> EdgeStore:
    """Return edges with rows close together that may grow, and the indexes of others.

    So the next append and the next query cost what they did, and not all edges.
    """
    tidy = edges.compacted(_SPARE)
    _make_indexes(tidy, like)
    return tidy


def _make_indexes(tidy: EdgeStore, edges: EdgeStore) -> None:
    """Make the indexes that the untidy rows have, also those of other weights."""
    for back in (False, True):
        held = edges.along(back=back).indexes
        for by in (None, *held.weighted_by):
            side = tidy.along(back=back, by=by)
            like = held if by is None else held.weighing(by)
            side.indexes.make(side.slot_rows, like)


def _apply_steps(edges: EdgeStore, steps: list[Step]) -> EdgeStore:
    for step in steps:
        edges = step(edges)
    return edges
