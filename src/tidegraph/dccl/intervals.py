"""When the rounds of a cloud are."""

from tidegraph.arguments import settings
from tidegraph.durations import whole_seconds
from tidegraph.ranges import above


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
        length = whole_seconds(self.days)
        return [*range(first + length, last + 1, length), last + 1]
