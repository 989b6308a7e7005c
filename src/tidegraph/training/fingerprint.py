"""What tells the data and settings of one training from those of another."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import numpy as np


def fingerprint(parts: Iterable[object]) -> str:
    """Return what tells arrays and settings from others, the same in every process.

    Args:
        parts: Arrays, text, numbers, lists, sets and mappings of these, and objects
            that hold such; of a value without attributes only its class counts.
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            array = np.ascontiguousarray(cast(Any, part))
            total.update(f"{array.dtype.str}{array.shape}".encode())
            total.update(array.data)
        else:
            total.update(stable_text(part).encode())
        total.update(b"\0")
    return total.hexdigest()


def stable_text(value: Any, around: tuple[int, ...] = ()) -> str:
    """Return a value as text without anything that changes from process to process.

    Args:
        value: What is spelt.
        around: Which objects hold it: one of them is not spelt again.
    """
    if isinstance(value, np.generic):
        return stable_text(value.item(), around)
    if value is None or isinstance(value, str | bytes | int | float | complex | Path):
        return repr(value)
    if isinstance(value, np.ndarray):
        array = cast(Any, value)
        objects = array.dtype.hasobject
        return stable_text(array.tolist(), around) if objects else fingerprint([array])
    if isinstance(value, type | FunctionType):
        return cast(Any, value).__qualname__
    name: str = cast(Any, type(value)).__qualname__
    if id(value) in around:
        return name
    around = (*around, id(value))
    if isinstance(value, list | tuple):
        parts = [stable_text(part, around) for part in cast(Iterable[Any], value)]
        return f"({', '.join(parts)})"
    if isinstance(value, set | frozenset):
        parts = sorted(stable_text(part, around) for part in cast(Iterable[Any], value))
        return f"{name}({', '.join(parts)})"
    mapping = isinstance(value, Mapping)
    held = cast(Mapping[Any, Any], value) if mapping else _given_attributes(value)
    parts = [f"{key}: {stable_text(part, around)}" for key, part in held.items()]
    return f"{{{', '.join(parts)}}}"


def settings_text(method: object, but: object) -> str:
    """Return the settings of a method as text, without the one that ``but`` is."""
    held = _given_attributes(method)
    return stable_text({name: part for name, part in held.items() if part is not but})


def _given_attributes(value: Any) -> dict[str, Any]:
    """Return its type and what an object was given, without what it made of that."""
    kind = cast(Any, type(value))
    if is_dataclass(value):
        given = {part.name: getattr(value, part.name) for part in fields(value)}
    else:
        given = {
            name: part
            for name, part in getattr(value, "__dict__", {}).items()
            if not isinstance(getattr(kind, name, None), cached_property)
        }
    return {**given, "type": kind}
