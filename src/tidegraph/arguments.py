"""What a caller passes, as the type that is meant, or refused in one sentence.

The types that NumPy, pandas and polars hand out are as good as Python's own: a NumPy
integer or ``3.0`` is a whole number, an array or a series is a list. What would lose
something (``3.5`` as a length, a bare string as a list) is refused.
"""

import dataclasses
import functools
import inspect
import math
import operator
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, ParamSpec, TypeVar, cast, dataclass_transform

import numpy as np

from tidegraph.errors import ConfigError, RequestError, TidegraphError
from tidegraph.lazy import wanted

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Convert = Callable[[Any, str], Any]
"""Takes a value and its name; returns what is meant, or raises ``_Unfit``."""

_LARGEST = 2**63 - 1
_ORDERED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
_LISTS = (tuple, list, Sequence, Iterable)


class _Unfit(Exception):
    """A value is not what its parameter takes; carries the sentence."""


def whole(value: object, what: str) -> int:
    """Return a whole number of any spelling.

    Raises:
        RequestError: It is none, or larger than 64 bits hold.
    """
    return convert_or_raise(_to_int, value, what, RequestError)


def number(value: object, what: str) -> float:
    """Return a number of any spelling, as a float.

    Raises:
        RequestError: It is none.
    """
    return convert_or_raise(_to_float, value, what, RequestError)


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and its type where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - a repr that fails must not hide the mistake
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"a {type(value).__name__}"


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

        @functools.cache
        def rules() -> dict[str, Convert]:
            # Late, so that names that are only imported for typing are not looked up.
            found = {n: converter(hint) for n, hint in _hints(function).items()}
            return {name: rule for name, rule in found.items() if rule is not _as_it_is}

        def turned(name: str, value: Any, what: str) -> Any:
            rule = rules().get(name, _as_it_is)
            return convert_or_raise(rule, value, what, error)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> R:
            names = ordered[: len(args)] + rest * (len(args) - len(ordered))
            given = [turned(n, v, n) for n, v in zip(names, args, strict=True)]
            for name, value in kwargs.items():
                known = name if name in parameters else others
                kwargs[name] = turned(known, value, name)
            return cast(Callable[..., R], function)(*given, **kwargs)

        return cast(Callable[P, R], call)

    return decorate


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def settings(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields are what their annotations say.

    Raises:
        ConfigError: At construction, a setting is of another type.
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
    return cast(type[T], made)


def converter(hint: Any) -> Convert:
    """Return what turns a value into what an annotation says."""
    plain = _PLAIN.get(hint)
    if plain is not None:
        return plain
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return converter(args[0])
    if origin in (typing.Union, types.UnionType):
        return one_of(args)
    if origin is Literal:
        return functools.partial(_to_option, args)
    if origin in _LISTS:
        return _list_converter(origin, args)
    if isinstance(origin, type) and origin.__name__ == "Mapping":
        return functools.partial(_to_mapping, converter(args[1]))
    kind = origin if isinstance(origin, type) else hint
    if isinstance(kind, type) and issubclass(kind, Enum):
        return functools.partial(_to_option, tuple(kind))
    if isinstance(kind, type) and _can_be_told(kind):
        return functools.partial(_to_instance, kind)
    return _as_it_is


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    """Return the types of the parameters; what is returned may not be imported yet."""
    plain = inspect.unwrap(function)
    said = {n: hint for n, hint in plain.__annotations__.items() if n != "return"}
    holder = types.SimpleNamespace(__annotations__=said)
    return typing.get_type_hints(holder, plain.__globals__)


def convert_or_raise(
    convert: Callable[[Any, str], T], value: object, what: str, error: type[Exception]
) -> T:
    """Return what is meant by a value, or raise an error whose sentence says why."""
    try:
        return convert(value, what)
    except _Unfit as unfit:
        raise error(str(unfit)) from None


def _unfit_error(value: object, what: str, expected: str) -> _Unfit:
    return _Unfit(f"{what} is {shown(value)}; it must be {expected}.")


def _scalar(value: object) -> object:
    """Return the one value of an array without dimensions, or the value itself."""
    if not isinstance(value, np.generic | np.ndarray):
        return value
    given = np.asarray(cast(Any, value))
    if given.ndim:
        return cast(object, value)
    # A moment of NumPy in nanoseconds would become a number without its unit.
    return given[()] if given.dtype.kind in "Mm" else given.item()


def _to_int(value: object, what: str) -> int:
    given = value if type(value) is int else _scalar(value)
    found = None
    if type(given) is int:
        found = given
    elif isinstance(given, float | Decimal):
        if math.isfinite(given) and given == int(given):
            found = int(given)
    elif not isinstance(given, bool | np.ndarray):
        try:
            found = operator.index(cast(Any, given))
        except Exception:  # noqa: BLE001 - whatever a foreign value raises
            found = None
    if found is None:
        raise _unfit_error(value, what, "a whole number")
    if abs(found) > _LARGEST:
        raise _unfit_error(value, what, "a whole number of at most 64 bits")
    return found


def _to_float(value: object, what: str) -> float:
    given = _scalar(value)
    if isinstance(given, int | float | Decimal) and not isinstance(given, bool):
        try:
            found = float(given)
        except (OverflowError, ValueError):
            found = math.nan
        if not math.isnan(found):
            return found
    raise _unfit_error(value, what, "a number")


def _to_bool(value: object, what: str) -> bool:
    given = _scalar(value)
    if isinstance(given, bool):
        return given
    raise _unfit_error(value, what, "true or false")


def _to_str(value: object, what: str) -> str:
    given = _scalar(value)
    if isinstance(given, str):
        return str(given)
    raise _unfit_error(value, what, "text")


def _to_none(value: object, what: str) -> None:
    if value is not None:
        raise _unfit_error(value, what, "None")


def _as_it_is(value: Any, what: str) -> Any:
    return value


def _to_instance(kind: type, value: Any, what: str) -> Any:
    if isinstance(value, kind) and (kind is type or not isinstance(value, type)):
        return value
    raise _unfit_error(value, what, wanted(kind, value))


def _to_option(options: tuple[Any, ...], value: object, what: str) -> Any:
    given = _scalar(value)
    for option in options:
        if type(given) is type(option) and given == option:
            return option
    raise _unfit_error(value, what, " or ".join(repr(option) for option in options))


def one_of(args: tuple[Any, ...]) -> Convert:
    """Return what turns a value into the first of some types that it fits."""
    options = [(arg, converter(arg)) for arg in args if arg is not types.NoneType]
    optional = types.NoneType in args

    def convert(value: Any, what: str) -> Any:
        if value is None and optional:
            return None
        reasons: list[str] = []
        kind = type(_scalar(value))
        # 1.0 is a whole number, too, but not where it may be any.
        for _, option in sorted(options, key=lambda one: one[0] is not kind):
            try:
                return option(value, what)
            except _Unfit as unfit:
                reasons.append(str(unfit))
        of_parts = [one for one in reasons if one.startswith(f"{what}[")]
        if of_parts:  # A list it is; a part is to blame.
            raise _Unfit(of_parts[0])
        words = dict.fromkeys(one.partition("; it must be ")[2][:-1] for one in reasons)
        raise _unfit_error(value, what, " or ".join(words) + " or None" * optional)

    return convert


def _list_converter(origin: type, args: tuple[Any, ...]) -> Convert:
    each = converter(args[0]) if args else _as_it_is
    fixed = origin is tuple and Ellipsis not in args
    parts = [converter(arg) for arg in args] if fixed else []
    build = cast(
        Callable[[Iterable[object]], object], tuple if origin is tuple else list
    )

    def convert(value: object, what: str) -> Any:
        if not _iterates(value):
            raise _unfit_error(value, what, "a list")
        values = list(cast(Iterable[object], value))
        if fixed and len(values) != len(parts):
            raise _unfit_error(value, what, f"a list of {len(parts)}")
        rules = parts if fixed else [each] * len(values)
        return build(
            cast(object, rule(_scalar(one), f"{what}[{place}]"))
            for place, (rule, one) in enumerate(zip(rules, values, strict=True))
        )

    return convert


def _to_mapping(rule: Convert, value: object, what: str) -> Any:
    if not isinstance(value, Mapping):
        raise _unfit_error(value, what, "a mapping of names")
    given = cast(Mapping[object, object], value)
    return {
        name: rule(_scalar(one), f"{what}[{name!r}]") for name, one in given.items()
    }


def _iterates(value: Any) -> bool:
    """Whether a value is a list of any kind, and neither text nor a table."""
    if isinstance(value, str | bytes | Mapping) or hasattr(
        type(cast(object, value)), "columns"
    ):
        return False
    return getattr(value, "ndim", 1) == 1 and isinstance(value, Iterable)


def _can_be_told(kind: type) -> bool:
    """Whether ``isinstance`` says what a value of the type is."""
    protocol = getattr(kind, "_is_protocol", False)
    return not protocol or bool(getattr(kind, "_is_runtime_protocol", False))


def _to_path(value: object, what: str) -> Any:
    if isinstance(value, str | os.PathLike):
        return cast(Any, value)
    raise _unfit_error(value, what, "a path")


_PLAIN: Mapping[Any, Convert] = {
    int: _to_int,
    float: _to_float,
    bool: _to_bool,
    str: _to_str,
    None: _to_none,
    types.NoneType: _to_none,
    Any: _as_it_is,
    object: _as_it_is,
    os.PathLike: _to_path,
}
