"""What is searched: settings of a recipe, by where they stand, and their values."""

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import field
from typing import Any, cast

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError, did_you_mean
from tidegraph.ranges import at_least


@settings
class Between:
    """A number between two others; a whole one if both are.

    Attributes:
        low: The smallest.
        high: The largest.
        log: Are equal factors as likely, rather than equal steps?
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ConfigError(
                f"a setting between {self.low} and {self.high}"
                f"{' by factors' if self.log else ''} has no room. The first must be "
                "smaller, and above 0 where log = true."
            )

    @property
    def ends(self) -> tuple[int | float, ...]:
        """Values that must be possible if all are to be."""
        return self.low, self.high

    @property
    def count(self) -> float:
        """How many values there are; infinitely many fractions."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return float(self.high - self.low + 1) if whole else math.inf


@settings
class OneOf:
    """One of some values.

    Attributes:
        choices: The values; a word or a table where the setting is a part.
    """

    choices: tuple[object, ...]

    def __post_init__(self) -> None:
        if len(self.choices) < 2:
            raise ConfigError("choices has fewer than two values: nothing to choose.")

    @property
    def ends(self) -> tuple[object, ...]:
        """Values that must be possible if all are to be."""
        return self.choices

    @property
    def count(self) -> float:
        """How many values there are that differ."""
        return float(len({json.dumps(one, sort_keys=True) for one in self.choices}))


Values = Between | OneOf

MEASURES = (
    *("ndcg", "recall", "hit", "precision", "mrr", "map", "map_n"),
    *("serendipity", "novelty", "coverage"),
)
"""Measures of lists of which more is better."""


@settings
class Search:
    """The table ``[tune]`` of a recipe.

    Attributes:
        settings: Where a setting stands in the recipe, such as
            ``retrieve.RP3beta.alpha`` or ``blend.smoothing``, and its values.
        trials: How many values of all are tried together, no two of them equal.
        metric: What should grow, such as ``ndcg@10`` or ``recall@50``.
    """

    settings: Mapping[str, Values] = field(default_factory=dict[str, Values])
    trials: int = 30
    metric: str = "ndcg@10"

    def __post_init__(self) -> None:
        at_least("tune", 1, trials=self.trials)
        if not self.settings:
            raise ConfigError(
                "[tune] has no settings to search. Name some below [tune.settings], "
                'such as "retrieve.RP3beta.alpha" = { low = 0.2, high = 1.0 }.'
            )
        name, _, length = self.metric.partition("@")
        if not name or not length.isdigit() or int(length) < 1:
            raise ConfigError(
                f"[tune] metric is {self.metric!r}; it must be a measure and the "
                'length of the list, such as "ndcg@10".'
            )
        if name not in MEASURES:
            raise ConfigError(
                f"[tune] metric is {self.metric!r}, of which more is not better, or "
                f"which is not measured.{did_you_mean(name, MEASURES)} There are: "
                f"{', '.join(MEASURES)}."
            )

    @property
    def length(self) -> int:
        """How long the lists are that are judged."""
        return int(self.metric.partition("@")[2])

    @property
    def possible(self) -> float:
        """How many settings there are in all; infinitely many of fractions."""
        return math.prod(values.count for values in self.settings.values())


def with_settings_replaced(
    stages: Mapping[str, Any], values: Mapping[str, object]
) -> Any:
    """Return the tables of a recipe with some settings replaced.

    Args:
        stages: ``pipeline``, ``blend``, ``retrieve``, ``rank`` and ``rerank``.
        values: A value for each place.

    Raises:
        ConfigError: The recipe has no such place.
    """
    changed = copy.deepcopy(dict(stages))
    for place, value in values.items():
        *way, last = place.split(".")
        if not way:
            raise ConfigError(
                f"[tune.settings] names {place!r}, which stands in no table. Write "
                f"where it does, such as retrieve.ItemKNN.{place}."
            )
        table: Any = changed
        for part in way:
            table = _part_of_table(table, part, place)
        if not isinstance(table, dict):
            raise ConfigError(f"[tune.settings] {place!r}: it stands in no table.")
        table[last] = value
    return changed


def _part_of_table(table: Any, part: str, place: str) -> Any:
    """Return what a table or a list of channels holds under a name."""
    if isinstance(table, list):
        channels = cast(list[Mapping[str, Any]], table)
        named = {_channel_name(channel): channel for channel in channels}
        if part not in named:
            raise ConfigError(
                f"[tune.settings] names {place!r}, and no channel of the recipe is "
                f"called {part!r}.{did_you_mean(part, named)} There are: "
                f"{', '.join(named)}."
            )
        return named[part]
    held = cast(dict[str, Any], table)
    if not isinstance(held.get(part, {}), dict | list):
        # A part that is its name becomes a table that says the same.
        held[part] = {"type": held[part]}
    return held.setdefault(part, {})


def _channel_name(channel: Mapping[str, Any]) -> str:
    return str(channel.get("name", channel.get("model")))
