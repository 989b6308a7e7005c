"""Which calls of the package have their annotations checked in tests.

The first calls of a function in each file of tests are checked: who passes a wrong
shape does so from the beginning, and what is found does not depend on the files that
ran before. With ``TIDEGRAPH_CHECK=all`` every call is checked, with ``none`` no call.

A function gets its check as it is called, so that importing the package costs none.
Jaxtyping compares the shapes of one call with each other, which takes forty times as
long as a plain check. So only functions whose annotations have shapes get a scope of
shapes, in which beartype checks arguments and answer once; jaxtyping's own wrapper
binds the arguments and checks them twice, for a longer message.
"""

import dataclasses
import functools
import inspect
import os
import sys
import typing
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import Any, get_args
from unittest.mock import patch

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import _import_hook

# As jaxtyping's own: code that answers a wrong type with a sentence catches it.
_plain = beartype(conf=BeartypeConf(violation_type=TypeError))
_jaxtyped: Callable[..., Any] = jaxtyping.jaxtyped
_shaped = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))
_SCOPE = _jaxtyped("context")
_WITHIN: set[CodeType] = set()
"""Functions within functions that have been checked once: a check takes a millisecond
to make, and they are made anew at every call of the function around them."""
_CALLS = {"all": float("inf"), "none": 0}.get(os.environ.get("TIDEGRAPH_CHECK", ""), 10)


class _Now:
    file = 0


def next_file() -> None:
    """Check the first calls of every function again."""
    _Now.file += 1


def checked_by_need() -> None:
    """Make the import hook of jaxtyping leave what has no shapes to beartype."""
    jaxtyping.jaxtyped = _by_need
    hook: Any = _import_hook
    hook._JaxtypingLoader.exec_module = SourceFileLoader.exec_module
    hook._JaxtypingLoader.get_code = _code_of
    hook.JaxtypingTransformer.generic_visit = _visit_statements
    if sys.version_info < (3, 12):
        # Python 3.11 lists what a protocol asks for at every question.
        names: Any = typing
        names._get_protocol_attrs = functools.cache(names._get_protocol_attrs)


def _code_of(loader: Any, name: str) -> CodeType | None:
    """The code of one module with its checks, which lies under a name of its own.

    Jaxtyping has all code look for that name until the module has run, and so compiles
    what the module imports from source: torch, SciPy and scikit-learn, in each process.
    """
    hook: Any = _import_hook
    own = functools.partial(
        hook._optimized_cache_from_source, loader._typechecker.get_hash()
    )
    with patch("importlib._bootstrap_external.cache_from_source", own):
        return SourceFileLoader.get_code(loader, name)


def _visit_statements(transformer: Any, node: Any) -> None:
    """Look for functions and classes where they can be, which is in no expression."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(node, field, ()):
            transformer.visit(statement)


def _by_need(fn: Any = None, *, typechecker: Any = None) -> Any:
    if fn is None:
        return functools.partial(_by_need, typechecker=typechecker)
    if inspect.isfunction(fn):
        return _first_calls(fn)
    if not dataclasses.is_dataclass(fn):
        return _jaxtyped(fn, typechecker=typechecker)
    if "__init__" in vars(fn):
        fn.__init__ = _first_calls(fn.__init__)
    return fn


def _first_calls(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Check the first calls of a function in each file of tests."""
    if _CALLS == 0 or fn.__code__ in _WITHIN:
        return fn
    if "<locals>" in fn.__qualname__ and fn.__name__ != "__init__":
        _WITHIN.add(fn.__code__)
    checked: Callable[..., Any] | None = None
    file = calls = 0

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal checked, file, calls
        if file != _Now.file:
            file, calls = _Now.file, 0
        if calls >= _CALLS:
            return fn(*args, **kwargs)
        calls += 1
        if checked is None:
            checked = (_in_scope if _has_shapes(fn) else _plain)(fn)
        return checked(*args, **kwargs)

    return call


def _in_scope(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Compare the shapes of each call with each other, and those of no other call."""
    twin = FunctionType(
        fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__
    )
    twin.__kwdefaults__, twin.__qualname__ = fn.__kwdefaults__, fn.__qualname__
    twin.__annotations__ = {
        name: _meaning(annotation, fn.__globals__)
        for name, annotation in fn.__annotations__.items()
    }
    checked = _shaped(twin)

    @functools.wraps(fn)
    def in_scope(*args: Any, **kwargs: Any) -> Any:
        with _SCOPE:
            return checked(*args, **kwargs)

    return in_scope


def _meaning(annotation: Any, names: dict[str, Any]) -> Any:
    """What an annotation that is text stands for, and all that is not known yet."""

    def stub() -> None: ...

    stub.__annotations__ = {"return": annotation}
    try:
        return typing.get_type_hints(stub, names, include_extras=True)["return"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        # A class that is being defined, or a name for type checkers alone.
        return Any


def _has_shapes(fn: Callable[..., Any]) -> bool:
    """Whether an annotation has a shape, or is text that may have one."""
    return any(map(_is_shaped, fn.__annotations__.values()))


def _is_shaped(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return True
    if type(annotation).__module__.startswith("jaxtyping"):
        return True
    return any(map(_is_shaped, get_args(annotation)))
