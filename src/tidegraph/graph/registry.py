"""The door that operators come in by, ours and yours: functions that plans name.

    @sampler("every_other")
    def every_other(past: Neighborhood, *, count: int) -> Picks: ...

    hop("click").using(every_other(count=5))

A plan holds the name and the settings, which are data; the function stays in this
process. So a plan can be compared, printed, read and shipped, and nothing that is read
can bring code along.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidegraph.errors import ConfigError, no_setting

Setting = int | float | str | bool | None
Settings = tuple[tuple[str, Setting], ...]
_PLAIN = (int, float, str, bool, type(None))


@dataclass(frozen=True)
class Named:
    """Which function to call, and how: plain data.

    Attributes:
        name: Name of the function.
        settings: Its settings by name, in the order of its signature.
    """

    name: str
    settings: Settings = ()

    def __str__(self) -> str:
        return ", ".join([repr(self.name), *(f"{k}={v!r}" for k, v in self.settings)])


N = TypeVar("N", bound=Named)


class Registry(Generic[N]):
    """Functions of one kind by name.

    Args:
        kind: What they are, for messages.
        given: How many arguments they get that are no settings.
        made: What names one of them in a plan.
    """

    def __init__(self, kind: str, given: int, made: type[N]) -> None:
        self._kind, self.given, self._made = kind, given, made
        self._known: dict[str, Callable[..., Any]] = {}

    def define(self, name: str, function: Callable[..., Any]) -> Callable[..., N]:
        """Take a function in under a name; return what names it with settings.

        Raises:
            ConfigError: The name is taken by another function.
        """
        held = self._known.get(name)
        if held is not None and _qualified_name(held) != _qualified_name(function):
            raise ConfigError(
                f"there is a {self._kind} {name!r} already. Choose another name."
            )
        self._known[name] = function

        def named(*args: object, **settings: object) -> N:
            return self.named(name, *args, **settings)

        named.__doc__, named.__name__ = function.__doc__, name
        return named

    def named(self, name: str, *args: object, **settings: object) -> N:
        """Return what names a function with its settings in a plan.

        Raises:
            ConfigError: There is no such function or setting, or one is not plain data.
        """
        wanted = inspect.signature(self.function(name))
        names, nothing = list(wanted.parameters)[self.given :], [None] * self.given
        for key in settings:
            if key not in names:
                raise ConfigError(no_setting(f"{self._kind} {name!r}", key, names))
        try:
            bound = wanted.bind(*nothing, *args, **settings)
        except TypeError as error:
            known = ", ".join(names) or "none"
            raise ConfigError(
                f"{self._kind} {name!r}: {error}. Its settings: {known}."
            ) from error
        bound.apply_defaults()
        for key in names:
            if not isinstance(bound.arguments[key], _PLAIN):
                raise ConfigError(
                    f"{self._kind} {name!r}: {key} is {bound.arguments[key]!r}, and a "
                    "plan holds numbers, texts, truths or None."
                )
        return self._made(name, tuple((key, bound.arguments[key]) for key in names))

    def function(self, name: str) -> Callable[..., Any]:
        """Return the function of a name.

        Raises:
            ConfigError: There is none.
        """
        if name not in self._known:
            raise ConfigError(
                f"there is no {self._kind} {name!r}. There are: "
                f"{', '.join(sorted(self._known)) or 'none'}. "
                "Import the module that defines yours."
            )
        return self._known[name]

    def call(self, named: Named, *given: object) -> Any:
        """Call the function that a plan names."""
        return self.function(named.name)(*given, **dict(named.settings))


def _qualified_name(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__
