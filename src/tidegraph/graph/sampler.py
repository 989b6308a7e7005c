"""The one door for samplers, ours and yours.

    @sampler("every_other")
    def every_other(past: Past, *, count: int) -> Chosen: ...

    hop("click").draw(every_other(count=5))

A sampler is a function of the past of each node and of settings. It sees no clock: what
it gets has ended before the clock already, and what it picks elsewhere is refused. The
name and the settings are the plan's data; the function stays in this process.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, ParamSpec, cast

from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.sampled import Chosen, Past, Run, Sampled, gathered

P = ParamSpec("P")
Setting = int | float | str | bool | None
_KNOWN: dict[str, Callable[..., Run | Chosen]] = {}


@dataclass(frozen=True)
class Draw:
    """Which sampler to call, and how: plain data.

    Attributes:
        name: Name of the sampler.
        settings: Its settings by name, in the order of its signature.
    """

    name: str
    settings: tuple[tuple[str, Setting], ...] = ()

    def __call__(self, past: Past) -> Sampled:
        """Draw from the past of each node.

        Raises:
            RequestError: No sampler of that name was defined, or it picked an edge that
                is not in a node's past.
        """
        found, strays = gathered(past, _known(self.name)(past, **dict(self.settings)))
        if strays:
            raise RequestError(
                f"sampler {self.name!r} picked {strays} slots outside the past it was "
                "given. Pick from start[q] to stop[q], or -1 for none."
            )
        return found

    def __str__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in self.settings)
        return f"{self.name}({shown})"


def sampler(
    name: str,
) -> Callable[[Callable[Concatenate[Past, P], Run | Chosen]], Callable[P, Draw]]:
    """Define a sampler under a name; what it returns makes its ``Draw``.

    Raises:
        ConfigError: The name is taken by another function.
    """

    def define(
        function: Callable[Concatenate[Past, P], Run | Chosen],
    ) -> Callable[P, Draw]:
        held = _KNOWN.get(name)
        if held is not None and _origin(held) != _origin(function):
            raise ConfigError(f"there is a sampler {name!r} already. Choose a name.")
        _KNOWN[name] = function
        wanted = inspect.signature(function)
        names = list(wanted.parameters)[1:]

        def draw(*args: P.args, **settings: P.kwargs) -> Draw:
            bound = wanted.bind(None, *args, **settings)
            bound.apply_defaults()
            return Draw(name, tuple((key, bound.arguments[key]) for key in names))

        draw.__doc__, draw.__name__ = function.__doc__, name
        return draw

    return define


def draw(name: str, *args: Setting, **settings: Setting) -> Draw:
    """Return the draw of a sampler that is known by name, as a plan's text says it.

    Raises:
        ConfigError: There is no such sampler or setting.
    """
    function = _known(name)
    wanted = inspect.signature(function)
    try:
        bound = wanted.bind(None, *args, **settings)
    except TypeError as error:
        known = ", ".join(list(wanted.parameters)[1:])
        raise ConfigError(
            f"sampler {name!r}: {error}. Its settings: {known}."
        ) from error
    bound.apply_defaults()
    names = list(wanted.parameters)[1:]
    return Draw(name, tuple((key, bound.arguments[key]) for key in names))


def settings_of(name: str) -> Callable[..., Run | Chosen]:
    """Return a function whose parameters are the settings of a sampler."""
    return partial(_known(name), cast(Past, None))


def _known(name: str) -> Callable[..., Run | Chosen]:
    if name not in _KNOWN:
        raise ConfigError(
            f"there is no sampler {name!r}. There are: {', '.join(sorted(_KNOWN))}. "
            "Import the module that defines yours."
        )
    return _KNOWN[name]


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__
