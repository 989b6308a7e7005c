"""Which annotations jaxtyping checks in tests, and which beartype checks alone.

Jaxtyping compares the shapes of one call with each other, which takes forty times as
long as a plain check. So only functions whose annotations have shapes are given to it, and a
function that another one defines at every call is wrapped the first time alone: to wrap
it takes a millisecond.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any, get_args

import jaxtyping
from beartype import BeartypeConf, beartype

# As jaxtyping's own: code that answers a wrong type with a sentence catches it.
_plain = beartype(conf=BeartypeConf(violation_type=TypeError))
_jaxtyped: Callable[..., Any] = jaxtyping.jaxtyped
_WRAPPED: set[CodeType] = set()
"""Functions within functions that have been wrapped once."""


def checked_by_need() -> None:
    """Make the import hook of jaxtyping leave what has no shapes to beartype."""
    jaxtyping.jaxtyped = _by_need


def _by_need(fn: Any = None, *, typechecker: Any = None) -> Any:
    if fn is None:
        return functools.partial(_by_need, typechecker=typechecker)
    if inspect.isfunction(fn) and "<locals>" in fn.__qualname__:
        if fn.__code__ in _WRAPPED:
            return fn
        _WRAPPED.add(fn.__code__)
    plain = fn.__init__ if dataclasses.is_dataclass(fn) else fn
    if not inspect.isfunction(plain) or _has_shapes(plain):
        return _jaxtyped(fn, typechecker=typechecker)
    if plain is fn:
        return _plain(fn)
    fn.__init__ = _plain(plain)
    return fn


def _has_shapes(fn: Callable[..., Any]) -> bool:
    """Whether an annotation has a shape, or is text that may have one."""
    return any(map(_is_shaped, fn.__annotations__.values()))


def _is_shaped(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return True
    if type(annotation).__module__.startswith("jaxtyping"):
        return True
    return any(map(_is_shaped, get_args(annotation)))
