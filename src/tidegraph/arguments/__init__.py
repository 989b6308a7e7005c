"""What a caller passes to a door: turned into what is meant, or refused."""

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any, ParamSpec, TypeVar, cast, dataclass_transform

from tidegraph.arguments.conversion import (
    Convert,
    as_it_is,
    convert_or_raise,
    converter,
)
from tidegraph.errors import ConfigError, RequestError, TidegraphError, no_setting

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_ORDERED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
_NAMED = (
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


class LeftOut(Enum):
    """What an argument is that was not given, where ``None`` must not stand for all.

    A look-up that finds nobody gives ``None``, and its answer would be everybody's.
    """

    LEFT_OUT = "left out"


LEFT_OUT = LeftOut.LEFT_OUT


def whole(value: object, what: str) -> int:
    """Return a whole number of any spelling.

    Raises:
        RequestError: It is none, or larger than 64 bits hold.
    """
    return convert_or_raise(converter(int), value, what, RequestError)


def number(value: object, what: str) -> float:
    """Return a number of any spelling, as a float.

    Raises:
        RequestError: It is none.
    """
    return convert_or_raise(converter(float), value, what, RequestError)


def checked(error: type[TidegraphError]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that turns arguments into what their annotations say.

    Args:
        error: What to raise for an argument that cannot be turned.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters
        ordered = [name for name, p in parameters.items() if p.kind in _ORDERED]
        rest = [n for n, p in parameters.items() if p.kind is p.VAR_POSITIONAL] or [""]
        others = "".join(n for n, p in parameters.items() if p.kind is p.VAR_KEYWORD)
        named = [name for name, p in parameters.items() if p.kind in _NAMED]

        @functools.cache
        def rules() -> dict[str, Convert]:
            # Late, so that names that are only imported for typing are not looked up.
            found = {
                n: converter(hint) for n, hint in _parameter_types(function).items()
            }
            return {name: rule for name, rule in found.items() if rule is not as_it_is}

        def turned(name: str, value: Any, what: str) -> Any:
            rule = rules().get(name)
            if rule is None:
                return value
            return convert_or_raise(rule, value, what, error)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> R:
            names = ordered[: len(args)] + rest * (len(args) - len(ordered))
            given = [turned(n, v, n) for n, v in zip(names, args, strict=True)]
            for name, value in kwargs.items():
                known = name if name in parameters else others
                if not known:
                    what = f"{function.__name__}()"
                    raise error(no_setting(what, name, named))
                kwargs[name] = turned(known, value, name)
            return cast(Callable[..., R], function)(*given, **kwargs)

        return cast(Callable[P, R], call)

    return decorate


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def settings(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields are what their annotations say.

    Raises:
        ConfigError: At construction, a setting is of another type, or there is none of
            that name.
    """
    own = cast(Callable[[Any], None] | None, cls.__dict__.get("__post_init__"))

    @functools.cache
    def converters() -> dict[str, Convert]:
        hints = typing.get_type_hints(cls)
        return {f.name: converter(hints[f.name]) for f in dataclasses.fields(made)}

    def check(self: Any) -> None:
        for name, convert in converters().items():
            what = f"{cls.__name__} {name}"
            value = convert_or_raise(convert, getattr(self, name), what, ConfigError)
            object.__setattr__(self, name, value)
        if own is not None:
            own(self)

    setattr(cls, "__post_init__", check)  # noqa: B010 - a class of any kind
    made = cast(Any, dataclasses.dataclass(frozen=True)(cls))
    return no_unknown(cast(type[T], made))


def no_unknown(cls: type[T]) -> type[T]:
    """Make a dataclass refuse a setting that it does not have in one sentence.

    Raises:
        ConfigError: At construction, there is no setting of that name.
    """
    made = cast(Any, cls)
    assign = made.__init__
    known = [f.name for f in dataclasses.fields(made) if f.init]

    @functools.wraps(assign)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in known:
                raise ConfigError(no_setting(cls.__name__, name, known))
        assign(self, *args, **kwargs)

    made.__init__ = init
    return cls


def _parameter_types(function: Callable[..., object]) -> dict[str, Any]:
    """Return the types of the parameters; what is returned may not be imported yet."""
    plain = inspect.unwrap(function)
    said = {n: hint for n, hint in plain.__annotations__.items() if n != "return"}
    holder = types.SimpleNamespace(__annotations__=said)
    return typing.get_type_hints(holder, plain.__globals__)
