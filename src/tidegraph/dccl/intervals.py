"""When the rounds of a cloud are."""

from tidegraph.arguments import settings
from tidegraph.durations import DAY, whole_seconds
from tidegraph.errors import ConfigError
from tidegraph.ranges import above


@settings
class EveryDays:
    """A round after every interval of so many days.

    Attributes:
        days: Length of an interval, a second at least.
    """

    days: float = 2.0

    def __post_init__(self) -> None:
        above("EveryDays", 0, days=self.days)
        if self.days * DAY < 1:
            raise ConfigError(
                f"EveryDays has days={self.days:g}, which is less than a second, and "
                "times are whole seconds. Take 1 for a round a day, or 1 / 24 for one "
                "an hour."
            )

    def clocks(self, first: int, last: int) -> list[int]:
        """Return the moments of the rounds, the last just after the last event.

        Args:
            first: Unix seconds of the first event.
            last: Those of the last.
        """
        length = whole_seconds(self.days)
        return [*range(first + length, last + 1, length), last + 1]
