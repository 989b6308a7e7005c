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
    """How many axes there are, beside those of ``rest``."""
    names: tuple[tuple[int, str], ...]
    sizes: tuple[tuple[int, int], ...]
    rest: tuple[int, int | None, str] | None
    """Where any number of axes starts and stops, and what they are called."""
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
    if plan is None:
        return _thorough(hint, array)
    kind, kinds, length, names, sizes, rest, seen = plan
    if type(array) is not kind:
        # Tensors that are traced are of classes of their own.
        return isinstance(array, kind) and _thorough(hint, array)
    if array.dtype not in seen:
        if kinds and _name_of(array.dtype) not in kinds:
            return _thorough(hint, array)
        seen.add(array.dtype)
    shape = array.shape
    if len(shape) != length and (rest is None or len(shape) < length):
        return _thorough(hint, array)
    for place, size in sizes:
        if shape[place] != size:
            return _thorough(hint, array)
    try:
        known, knowns, *_ = _open.memo_stack[-1]
    except (AttributeError, IndexError):
        return True
    for place, name in names:
        if known.get(name, shape[place]) != shape[place]:
            return _thorough(hint, array)
    if rest is not None and rest[2]:
        start, stop, name = rest
        held = False, shape[start:stop]
        if knowns.setdefault(name, held) != held:
            return _thorough(hint, array)
    for place, name in names:
        known[name] = shape[place]
    return True


def _plan_of(hint: Any) -> _Plan | None:
    """What an annotation asks, or None if it is no plain one."""
    kinds = () if hint.dtypes is _array_types._any_dtype else hint.dtypes
    odd = hint._skip_instancecheck or hint.array_type is Any
    if odd or not all(type(kind) is str for kind in kinds):
        return None
    names: list[tuple[int, str]] = []
    sizes: list[tuple[int, int]] = []
    count, rest = len(hint.dims), None
    for place, dim in enumerate(hint.dims):
        # Behind axes of any number, places are counted from the end.
        at = place if rest is None else place - count
        if dim is _array_types._anonymous_dim:
            continue
        if dim is _array_types._anonymous_variadic_dim:
            rest = place, (place + 1 - count) or None, ""
        elif dim.broadcastable or getattr(dim, "treepath", False):
            return None
        elif type(dim) is _array_types._NamedVariadicDim:
            rest = place, (place + 1 - count) or None, dim.name
        elif type(dim) is _array_types._FixedDim:
            sizes.append((at, dim.size))
        elif type(dim) is _array_types._NamedDim and dim.name not in dict(
            (name, at) for at, name in names
        ):
            names.append((at, dim.name))
        else:
            return None
    return _Plan(
        hint.array_type,
        frozenset(kinds),
        count - (rest is not None),
        tuple(names),
        tuple(sizes),
        rest,
        set(),
    )


def _name_of(dtype: Any) -> str:
    """What jaxtyping calls a kind of numbers of NumPy or torch."""
    kind = getattr(dtype, "type", None)
    if kind is None:
        return repr(dtype).rsplit(".", 1)[-1]
    # Records have names of their own, which are left to jaxtyping.
    return "" if kind.__name__ == "void" else kind.__name__
