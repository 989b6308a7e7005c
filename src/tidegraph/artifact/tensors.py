"""Arrays in one file, in the safetensors format, mapped into memory.

The file is eight bytes that say how long its table of contents is, the table as JSON,
and the numbers of each array, one after the other. Nothing of it is read before it is
touched, processes that open it share its memory, and it holds nothing that could run.
Every array lies at a multiple of 64 bytes, as those in memory do: matrix libraries add
up in another order where it does not, and other bits come out. What is between is
arrays of their own, as the format has no gaps.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tidegraph.artifact.room import mapped

_NAMES = {
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
    "F32": "float32",
    "I32": "int32",
    "U32": "uint32",
    "F16": "float16",
    "I16": "int16",
    "U16": "uint16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
_LINE = 64
_PADDING = "__padding"
_KINDS = {np.dtype(kind): name for name, kind in _NAMES.items()}


def write_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write arrays of numbers to a file, without a copy of them in memory.

    Raises:
        KeyError: An array holds something else than numbers.
    """
    laid = _aligned_arrays(arrays)
    contents: dict[str, Any] = {}
    end = 0
    for name, array in laid.items():
        contents[name] = {
            "dtype": _KINDS[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    head = json.dumps(contents).encode()
    head += b" " * (-(8 + len(head)) % _LINE)
    with open(path, "wb") as file:
        file.write(len(head).to_bytes(8, "little"))
        file.write(head)
        for array in laid.values():
            kind = array.dtype.newbyteorder("<")
            np.ascontiguousarray(array, kind).tofile(file)


def open_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file; what is written to them stays in this process.

    Raises:
        ValueError: The file is not what ``write_arrays`` writes.
        OSError: It cannot be read.
    """
    whole = mapped(path)
    start = 8 + int.from_bytes(whole[:8].tobytes(), "little")
    if start > len(whole):
        raise ValueError("its table of contents is cut short")
    contents: dict[str, Any] = json.loads(whole[8:start].tobytes())
    body = whole.view(np.ndarray)[start:]
    return {
        name: _array_at(body, held)
        for name, held in contents.items()
        if name != "__metadata__" and not name.startswith(_PADDING)
    }


def _aligned_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays in the order of a file, and what brings each to a new line."""
    laid: dict[str, np.ndarray] = {}
    end = 0
    for name in sorted(arrays):
        gap = -end % _LINE
        if gap:
            laid[f"{_PADDING}{len(laid)}"] = np.zeros(gap, np.uint8)
        laid[name] = arrays[name]
        end += gap + arrays[name].nbytes
    return laid


def _array_at(body: np.ndarray, held: Mapping[str, Any]) -> np.ndarray:
    begin, end = (int(place) for place in held["data_offsets"])
    kind = np.dtype(_NAMES[held["dtype"]]).newbyteorder("<")
    shape = tuple(int(size) for size in held["shape"])
    size = math.prod(shape) * kind.itemsize
    if min(shape, default=0) < 0 or not 0 <= begin <= end <= len(body):
        raise ValueError("an array lies outside the file")
    if end - begin != size:
        raise ValueError("an array is not as long as its shape")
    return body[begin:end].view(kind).reshape(shape)
