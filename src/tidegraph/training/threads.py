"""How many threads torch uses."""

from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock, local

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch


class _Threads:
    """Torch's number of threads, as blocks that overlap in time leave it.

    A thread begins with the number that was set last, whoever set it: of two blocks
    side by side the second would find, and leave, what the first had set.
    """

    def __init__(self) -> None:
        self.lock, self.own = Lock(), local()
        self.blocks, self.usual = 0, 0

    def enter(self, count: int) -> int | None:
        """Set the number; return that of the block around, if there is one."""
        outer: int | None = getattr(self.own, "count", None)
        with self.lock:
            # Asked in any case: a thread that never asked is given its number later.
            found = torch.get_num_threads()
            self.usual = self.usual if self.blocks else found
            self.blocks += 1
            self.own.count = count
            torch.set_num_threads(count)
        return outer

    def leave(self, outer: int | None) -> None:
        """Put the number back to that of the block around, or to the usual one."""
        with self.lock:
            self.blocks -= 1
            self.own.count = outer
            torch.set_num_threads(self.usual if outer is None else outer)


_THREADS = _Threads()


@contextmanager
def threads(count: int = 1) -> Generator[None, None, None]:
    """Keep torch on so many threads: one gives the same bits and no stalling barriers.

    Torch's threads meet at a barrier after every small product; beside any other work
    on the machine they wait there for most of the time.
    """
    outer = _THREADS.enter(count)
    try:
        yield
    finally:
        _THREADS.leave(outer)
