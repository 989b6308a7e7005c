"""The settings of a simulated marketplace: tastes, lifecycle, clicks, policy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tidegraph.errors import ConfigError


@dataclass(frozen=True)
class Tastes:
    """What users like and items are like, as vectors.

    Attributes:
        dimensions: Length of the vectors.
        profiles: How many kinds of users there are.
        categories: How many kinds of items there are.
        spread: Standard deviation, per dimension, of a user around the centre of her
            profile and of an item around that of its category; of the centres it is 1.
        drift: Standard deviation over time, per dimension, of a user's taste.
        period_days: The middle one of the periods with which tastes come and go.
    """

    dimensions: int = 8
    profiles: int = 8
    categories: int = 12
    spread: float = 0.5
    drift: float = 0.5
    period_days: float = 60.0

    def __post_init__(self) -> None:
        check("tastes", self, ("dimensions", "profiles", "categories"), 1)
        check("tastes", self, ("spread", "drift"), 0)
        check("tastes", self, ("period_days",), 0.01)


@dataclass(frozen=True)
class Lifecycle:
    """How items come, are new, age and go; the offer changes at midnight only.

    Attributes:
        lifetime_days: Mean days an item is on offer; with ``inf`` none comes or goes.
        peak_days: Age at which an item attracts most.
        freshness: What that peak adds to the logit of a click; 0 for no ageing.
    """

    lifetime_days: float = 60.0
    peak_days: float = 5.0
    freshness: float = 1.0

    def __post_init__(self) -> None:
        check("lifecycle", self, ("lifetime_days",), 1, math.inf)
        check("lifecycle", self, ("peak_days",), 0.01)
        check("lifecycle", self, ("freshness",), -50, 50)


@dataclass(frozen=True)
class Clicks:
    """What makes a user click.

    Attributes:
        base: Logit of a click before any other effect.
        taste: Weight of the match between the user's taste and the item.
        quality: Standard deviation, over items, of what all users agree on.
        position: Position bias; rank r is looked at with probability r**-position.
    """

    base: float = -3.0
    taste: float = 1.0
    quality: float = 0.7
    position: float = 1.0

    def __post_init__(self) -> None:
        check("clicks", self, ("base",), -50, 50)
        check("clicks", self, ("taste", "quality", "position"), 0, 50)


@dataclass(frozen=True)
class Policy:
    """Who decides what is shown: past clicks mostly, and chance.

    Attributes:
        slate: How many items a visitor is shown; each place draws for itself, so that
            an item may be shown twice.
        popularity: Popularity bias; among the draws that follow past clicks, an item's
            share is proportional to (1 + its clicks on earlier days)**popularity.
        top_exploration: Share of uniform draws at the first place of the slate.
        bottom_exploration: That share at the last; it changes evenly in between.
        memory_days: Days after which a click counts half; ``inf`` forgets none.
    """

    slate: int = 10
    popularity: float = 1.0
    top_exploration: float = 0.1
    bottom_exploration: float = 0.5
    memory_days: float = 7.0

    def __post_init__(self) -> None:
        check("policy", self, ("slate",), 1, 1000)
        check("policy", self, ("popularity",), 0, 10)
        check("policy", self, ("top_exploration", "bottom_exploration"), 0, 1)
        check("policy", self, ("memory_days",), 0.01, math.inf)


def check(
    where: str,
    settings: object,
    names: Sequence[str],
    low: float | int,
    high: float | int = 1e9,
) -> None:
    """Refuse settings that are not numbers from ``low`` to ``high``.

    Raises:
        ConfigError: A setting is out of its range, or not a number.
    """
    for name in names:
        value = getattr(settings, name)
        if not low <= value <= high:
            raise ConfigError(
                f"[{where}.{name}] is {value}; it must be from {low} to {high:g}."
            )
