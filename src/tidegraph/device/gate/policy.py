"""What the gate takes, of whom, and how much of it."""

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.ranges import at_least

MOST_SAMPLES = 5_000
"""From so many rows, its latest, a device learns at the most; more are not believed."""


@settings
class GatePolicy:
    """What the gate takes, of whom, and how much of it.

    Attributes:
        skew_seconds: A device's clock may be off by so much.
        least_samples: A theta of fewer samples is refused.
        most_samples: A claim of more is refused.
        per_day: Uploads of a device that are taken in a day of UTC.
        per_minute: Messages from a network address that are looked at in a minute.
        accepted: Theta is taken for so many of the newest bundles.
        kept: Theta is kept for so many of the newest bundles.
    """

    skew_seconds: int = 300
    least_samples: int = 5
    most_samples: int = MOST_SAMPLES
    per_day: int = 24
    per_minute: int = 60
    accepted: int = 2
    kept: int = 3

    def __post_init__(self) -> None:
        at_least(
            "a gate's",
            1,
            skew_seconds=self.skew_seconds,
            least_samples=self.least_samples,
            most_samples=self.most_samples,
            per_day=self.per_day,
            per_minute=self.per_minute,
            accepted=self.accepted,
        )
        if self.most_samples < self.least_samples:
            raise ConfigError(
                f"a gate's most_samples is {self.most_samples}; it must be at least "
                f"{self.least_samples}, which is least_samples."
            )
        if self.kept < self.accepted:
            raise ConfigError(
                f"a gate's kept is {self.kept}; it must be at least {self.accepted}, "
                "which is accepted."
            )
