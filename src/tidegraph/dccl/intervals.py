"""When the rounds of a cloud are."""

from tidegraph.arguments import settings
from tidegraph.ranges import above

DAY = 86_400


@settings
class EveryDays:
    """A round after every interval of so many days.

    Attributes:
        days: Length of an interval.
    """

    days: float = 2.0

    def __post_init__(self) -> None:
        above("EveryDays", 0, days=self.days)

    def clocks(self, first: int, last: int) -> list[int]:
        """Return the moments of the rounds, the last just after the last event.

        Args:
            first: Unix seconds of the first event.
            last: Those of the last.
        """
        length = max(1, int(self.days * DAY))
        return [*range(first + length, last + 1, length), last + 1]
