"""Settings outside their range are refused as a method is described, before any log."""

from tidegraph.errors import ConfigError
from tidegraph.retrieval.from_log import FromLog


def at_least(method: str, least: int, **settings: int | float | FromLog | None) -> None:
    """Refuse a setting below ``least``; None, and what is left to the log, pass.

    Raises:
        ConfigError: One is.
    """
    for name, value in settings.items():
        if isinstance(value, int | float) and not value >= least:
            raise _outside(method, name, value, f"at least {least}")


def above(method: str, least: int, **settings: int | float | FromLog | None) -> None:
    """Refuse a setting not above ``least``; None, and what is left to the log, pass.

    Raises:
        ConfigError: One is not.
    """
    for name, value in settings.items():
        if isinstance(value, int | float) and not value > least:
            raise _outside(method, name, value, f"above {least}")


def within(method: str, **settings: int | float) -> None:
    """Refuse a setting that is not between 0 and 1, neither of which it may be.

    Raises:
        ConfigError: One is not.
    """
    for name, value in settings.items():
        if not 0 < value < 1:
            raise _outside(method, name, value, "between 0 and 1")


def from_0_to_1(method: str, **settings: int | float) -> None:
    """Refuse a setting below 0 or above 1.

    Raises:
        ConfigError: One is.
    """
    for name, value in settings.items():
        if not 0 <= value <= 1:
            raise _outside(method, name, value, "from 0 to 1")


def _outside(method: str, name: str, value: int | float, range_: str) -> ConfigError:
    return ConfigError(f"{method} {name} is {value}; it must be {range_}.")
