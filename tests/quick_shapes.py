"""jaxtyping's question whether an array fits its annotation, answered sooner.

Nearly every array fits, and nearly every annotation is a kind of number and a name or a
number for each axis. Such a yes is found here by a few comparisons; all else, and every
no, is left to jaxtyping, whose rules and messages stay the ones that count.
"""

from typing import Any, NamedTuple

from jaxtyping import _array_types, _storage

_Meta: Any = _array_types._MetaAbstractArray
_thorough = _Meta.__instancecheck__
_open: Any = _storage._shape_storage


class _Plan(NamedTuple):
    """What a plain annotation asks of an array."""

    array: type
    kinds: frozenset[str]
    """As jaxtyping calls them; any, if there are none."""
    length: int
    names: tuple[tuple[int, str], ...]
    sizes: tuple[tuple[int, int], ...]
    seen: set[Any]
    """Kinds of numbers, as NumPy and torch have them, that fit."""


_PLANS: dict[Any, _Plan | None] = {}


def answered_sooner() -> None:
    """Make ``isinstance`` of an annotation look for a quick yes first."""
    _Meta.__instancecheck__ = _quick


def _quick(hint: Any, array: Any) -> bool:
    try:
        plan = _PLANS[hint]
    except KeyError:
        plan = _PLANS[hint] = _plan_of(hint)
    if plan is None or type(array) is not plan[0]:
        return _thorough(hint, array)
    _, kinds, length, names, sizes, seen = plan
    if array.dtype not in seen:
        if kinds and _name_of(array.dtype) not in kinds:
            return _thorough(hint, array)
        seen.add(array.dtype)
    shape = array.shape
    if len(shape) != length:
        return _thorough(hint, array)
    for place, size in sizes:
        if shape[place] != size:
            return _thorough(hint, array)
    try:
        known = _open.memo_stack[-1][0]
    except (AttributeError, IndexError):
        return True
    for place, name in names:
        if known.get(name, shape[place]) != shape[place]:
            return _thorough(hint, array)
    for place, name in names:
        known[name] = shape[place]
    return True


def _plan_of(hint: Any) -> _Plan | None:
    """What an annotation asks, or None if it is no plain one."""
    kinds = () if hint.dtypes is _array_types._any_dtype else hint.dtypes
    if hint._skip_instancecheck or not all(type(kind) is str for kind in kinds):
        return None
    names: list[tuple[int, str]] = []
    sizes: list[tuple[int, int]] = []
    for place, dim in enumerate(hint.dims):
        if dim is _array_types._anonymous_dim:
            continue
        named = type(dim) is _array_types._NamedDim
        if dim is _array_types._anonymous_variadic_dim or dim.broadcastable:
            return None
        if type(dim) is _array_types._FixedDim:
            sizes.append((place, dim.size))
        elif named and not dim.treepath and dim.name not in dict(names).values():
            names.append((place, dim.name))
        else:
            return None
    return _Plan(
        hint.array_type,
        frozenset(kinds),
        len(hint.dims),
        tuple(names),
        tuple(sizes),
        set(),
    )


def _name_of(dtype: Any) -> str:
    """What jaxtyping calls a kind of numbers of NumPy or torch."""
    kind = getattr(dtype, "type", None)
    if kind is None:
        return repr(dtype).rsplit(".", 1)[-1]
    # Records have names of their own, which are left to jaxtyping.
    return "" if kind.__name__ == "void" else kind.__name__
