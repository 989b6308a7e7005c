"""Settings outside their range are refused as a method is described, before any log.

None is a setting that is left out, and an ``Enum`` stands for a value yet to be chosen,
so both are in every range; what is no number is in none, and infinity only among spans
of time, as one that never ends.
"""

import math
from collections.abc import Callable, Mapping
from enum import Enum
from numbers import Real

from tidegraph.errors import ConfigError

Setting = int | float | Enum | None


def at_least(method: str, least: int, **settings: Setting) -> None:
    """Refuse a setting below ``least``.

    Raises:
        ConfigError: One is.
    """
    _check_range(method, settings, lambda value: value >= least, f"at least {least}")


def above(method: str, least: int, **settings: Setting) -> None:
    """Refuse a setting that is not above ``least``.

    Raises:
        ConfigError: One is not.
    """
    _check_range(method, settings, lambda value: value > least, f"above {least}")


def span(method: str, **settings: Setting) -> None:
    """Refuse a span of time that is not above 0; it may be endless.

    Raises:
        ConfigError: One is not.
    """
    finite = {name: value for name, value in settings.items() if value != math.inf}
    above(method, 0, **finite)


def within(method: str, **settings: Setting) -> None:
    """Refuse a setting that is not between 0 and 1, neither of which it may be.

    Raises:
        ConfigError: One is not.
    """
    _check_range(method, settings, lambda value: 0 < value < 1, "between 0 and 1")


def from_0_to_1(method: str, **settings: Setting) -> None:
    """Refuse a setting below 0 or above 1.

    Raises:
        ConfigError: One is.
    """
    _check_range(method, settings, lambda value: 0 <= value <= 1, "from 0 to 1")


def below_1(method: str, **settings: Setting) -> None:
    """Refuse a setting that is below 0, or not below 1.

    Raises:
        ConfigError: One is.
    """
    _check_range(
        method, settings, lambda value: 0 <= value < 1, "at least 0 and below 1"
    )


def seed_below(method: str, bits: int, seed: int | None) -> None:
    """Refuse a seed that a library of so many bits cannot take.

    Raises:
        ConfigError: It cannot.
    """
    if seed is not None and seed >= 2**bits:
        raise ConfigError(f"{method} seed is {seed!r}; it must be below 2**{bits}.")


def _check_range(
    method: str,
    settings: Mapping[str, Setting],
    is_in: Callable[[float], bool],
    range_: str,
) -> None:
    for name, value in settings.items():
        if value is None or isinstance(value, Enum):
            continue
        if not isinstance(value, Real) or math.isnan(value):
            expected = f"a number {range_}"
        elif math.isinf(value):
            expected = f"{range_}, and finite"
        elif not is_in(value):
            expected = range_
        else:
            continue
        raise ConfigError(f"{method} {name} is {value!r}; it must be {expected}.")
