"""How many messages a network address may send."""

import threading
from collections import OrderedDict

MOST = 100_000
"""So many addresses are remembered; the one heard longest ago is forgotten first."""


class Allowance:
    """A bucket of messages for each address, which fills up within a minute.

    Args:
        per_minute: How many messages a bucket holds.
    """

    def __init__(self, per_minute: int) -> None:
        self._size = per_minute
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def takes(self, address: str, now: float) -> bool:
        """Take a message of an address, or say that it has sent too many.

        Args:
            address: Who sends it.
            now: Seconds of any clock.
        """
        with self._lock:
            left, since = self._left.pop(address, (float(self._size), now))
            left = min(self._size, left + max(0, now - since) * self._size / 60)
            taken = left >= 1
            self._left[address] = left - taken, now
            if len(self._left) > MOST:
                self._left.popitem(last=False)
            return taken
