"""What a bundle takes of a request: which arrays, of which shapes and numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidegraph.device.bundle.loading import Bundle
from tidegraph.errors import RequestError

HEAD = {"x", "offset"}
_EACH = {"item", "numbers", "present", "cross", *HEAD}
"""Inputs with an axis of candidates."""


def fitting(bundle: Bundle, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the inputs that a bundle takes, each of the shape that it takes.

    Raises:
        RequestError: One is not there, does not fit, or holds what is no number.
    """
    wanted, kinds = _shapes_taken(bundle)
    found = dict[str, np.ndarray]()
    for name, shape in wanted.items():
        array, kind = inputs.get(name), np.dtype(kinds.get(name, "float32"))
        if array is None or not _fits_shape(array.shape, shape):
            has = "is not there" if array is None else f"has shape {array.shape}"
            free = tuple("any" if n is None else n for n in shape)
            raise RequestError(f"the input {name!r} {has}; it must have {free}.")
        if not np.can_cast(array.dtype, kind, "same_kind"):
            raise RequestError(
                f"the input {name!r} holds {array.dtype}; it must hold {kind}."
            )
        with np.errstate(over="ignore"):
            found[name] = np.ascontiguousarray(array, kind)
        if not np.isfinite(found[name]).all():
            raise RequestError(f"the input {name!r} holds what is no finite number.")
    counts = {found[n].shape[0 if n in HEAD else 1] for n in found if n in _EACH}
    one = not bundle.has_trunk or {array.shape[0] for array in found.values()} == {1}
    if len(counts) != 1 or not one:
        raise RequestError("the inputs are not those of one request.")
    return found


def head_inputs(bundle: Bundle, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what enters the tower of a request, and what is added behind it.

    Raises:
        RequestError: The trunk cannot be run on it, or finds no numbers.
    """
    rows = dict(inputs)
    if bundle.has_trunk:
        try:
            x, offset = bundle.trunk(inputs)
        except Exception as error:
            rest = ", ".join(n for n, k in bundle.kinds.items() if k == "int64")
            raise RequestError(
                f"the bundle cannot run the request: {str(error)[:200]}. Look at "
                f"{rest}, which are rows of its tables."
            ) from error
        rows = {"x": x[0], "offset": offset[0]}
    if not all(np.isfinite(part).all() for part in rows.values()):
        raise RequestError("the bundle makes no finite numbers of the request.")
    return rows


def candidate_count(inputs: Mapping[str, np.ndarray]) -> int:
    """Return of how many candidates some inputs are."""
    return inputs["x"].shape[0] if "x" in inputs else inputs["item"].shape[1]


def _shapes_taken(
    bundle: Bundle,
) -> tuple[dict[str, tuple[int | None, ...]], dict[str, str]]:
    """Return the shape of each input that a bundle takes, and its kind of number."""
    if bundle.has_trunk:
        return bundle.inputs, bundle.kinds
    return {"x": (None, bundle.signed.manifest.width), "offset": (None,)}, {}


def _fits_shape(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        w is None or n == w for n, w in zip(shape, wanted, strict=True)
    )
