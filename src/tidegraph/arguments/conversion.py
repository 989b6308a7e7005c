"""Values as the type that is meant, or refused in one sentence.

The types that NumPy, pandas and polars hand out are as good as Python's own: a NumPy
integer or ``3.0`` is a whole number, an array or a series is a list. What would lose
something (``3.5`` as a length, a bare string as a list) is refused.
"""

import functools
import math
import operator
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeVar, cast

import numpy as np

from tidegraph.errors import type_of
from tidegraph.lazy import wanted

T = TypeVar("T")

Convert = Callable[[Any, str], Any]
"""Takes a value and its name; returns what is meant, or raises ``Unfit``."""

_LARGEST = 2**63 - 1
_LISTS = (tuple, list, Sequence, Iterable)
_UNIONS = (typing.Union, types.UnionType)


class Unfit(Exception):
    """A value is not what its parameter takes; carries the sentence."""


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and its type where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - a repr that fails must not hide the mistake
        return type_of(value)
    return text if len(text) <= 60 else type_of(value)


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types of which a value may be any."""
    return typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,)


def converter(hint: Any) -> Convert:
    """Return what turns a value into what an annotation says."""
    plain = _PLAIN.get(hint)
    if plain is not None:
        return plain
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return converter(args[0])
    if origin in _UNIONS:
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
    if isinstance(kind, type) and _is_checkable(kind):
        return functools.partial(_to_instance, kind)
    return as_it_is


def convert_or_raise(
    convert: Callable[[Any, str], T], value: object, what: str, error: type[Exception]
) -> T:
    """Return what is meant by a value, or raise an error whose sentence says why."""
    try:
        return convert(value, what)
    except Unfit as unfit:
        raise error(str(unfit)) from None


def _unfit_error(value: object, what: str, expected: str) -> Unfit:
    return Unfit(f"{what} is {shown(value)}; it must be {expected}.")


def _value_of_0d_array(value: object) -> object:
    """Return the one value of an array without dimensions, or the value itself."""
    if not isinstance(value, np.generic | np.ndarray):
        return value
    given = np.asarray(cast(Any, value))
    if given.ndim:
        return cast(object, value)
    # A moment of NumPy in nanoseconds would become a number without its unit.
    return given[()] if given.dtype.kind in "Mm" else given.item()


def _to_int(value: object, what: str) -> int:
    given = value if type(value) is int else _value_of_0d_array(value)
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
    given = _value_of_0d_array(value)
    if isinstance(given, int | float | Decimal) and not isinstance(given, bool):
        try:
            found = float(given)
        except (OverflowError, ValueError):
            found = math.nan
        if not math.isnan(found):
            return found
    raise _unfit_error(value, what, "a number")


def _to_bool(value: object, what: str) -> bool:
    given = _value_of_0d_array(value)
    if isinstance(given, bool):
        return given
    raise _unfit_error(value, what, "true or false")


def _to_str(value: object, what: str) -> str:
    given = _value_of_0d_array(value)
    if isinstance(given, str):
        return str(given)
    raise _unfit_error(value, what, "text")


def _to_none(value: object, what: str) -> None:
    if value is not None:
        raise _unfit_error(value, what, "None")


def as_it_is(value: Any, what: str) -> Any:
    """Return a value of which nothing is asked."""
    return value


def _to_instance(kind: type, value: Any, what: str) -> Any:
    if isinstance(value, kind) and (kind is type or not isinstance(value, type)):
        return value
    raise _unfit_error(value, what, wanted(kind, value))


def _to_option(options: tuple[Any, ...], value: object, what: str) -> Any:
    given = _value_of_0d_array(value)
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
        kind = type(_value_of_0d_array(value))
        # 1.0 is a whole number, too, but not where it may be any.
        for _, option in sorted(options, key=lambda one: one[0] is not kind):
            try:
                return option(value, what)
            except Unfit as unfit:
                reasons.append(str(unfit))
        of_parts = [one for one in reasons if one.startswith(f"{what}[")]
        if of_parts:  # A list it is; a part is to blame.
            raise Unfit(of_parts[0])
        words = dict.fromkeys(one.partition("; it must be ")[2][:-1] for one in reasons)
        raise _unfit_error(value, what, " or ".join(words) + " or None" * optional)

    return convert


def _list_converter(origin: type, args: tuple[Any, ...]) -> Convert:
    each = converter(args[0]) if args else as_it_is
    fixed = origin is tuple and Ellipsis not in args
    parts = [converter(arg) for arg in args] if fixed else []
    build = cast(
        Callable[[Iterable[object]], object], tuple if origin is tuple else list
    )

    def convert(value: object, what: str) -> Any:
        if not _is_list_like(value):
            raise _unfit_error(value, what, "a list")
        values = list(cast(Iterable[object], value))
        if fixed and len(values) != len(parts):
            raise _unfit_error(value, what, f"a list of {len(parts)}")
        rules = parts if fixed else [each] * len(values)
        return build(
            cast(object, rule(_value_of_0d_array(one), f"{what}[{place}]"))
            for place, (rule, one) in enumerate(zip(rules, values, strict=True))
        )

    return convert


def _to_mapping(rule: Convert, value: object, what: str) -> Any:
    if not isinstance(value, Mapping):
        raise _unfit_error(value, what, "a mapping of names")
    given = cast(Mapping[object, object], value)
    return {
        name: rule(_value_of_0d_array(one), f"{what}[{name!r}]")
        for name, one in given.items()
    }


def _is_list_like(value: Any) -> bool:
    """Whether a value is a list of any kind, and neither text nor a table."""
    if isinstance(value, str | bytes | Mapping) or hasattr(
        type(cast(object, value)), "columns"
    ):
        return False
    return getattr(value, "ndim", 1) == 1 and isinstance(value, Iterable)


def _is_checkable(kind: type) -> bool:
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
    Any: as_it_is,
    object: as_it_is,
    os.PathLike: _to_path,
}
