"""Arrays that are made together, in one block of memory."""

import math
from typing import Any

import numpy as np

_LINE = 64  # Bytes of a cache line, where each array begins.


def in_one_block(*arrays: tuple[tuple[int, ...], type[np.generic] | np.dtype[Any]]):
    """Return arrays yet to be written, each given by its shape and type.

    The system hands out memory in pages of 2 MB, if asked for many, but the ends of an
    array in small ones, each of which costs a fault when it is first written on: six
    arrays of 5 to 13 MB took 3,300 faults, a third of the time to fill them; one block
    takes 250. It lives as long as any of the arrays.
    """
    sizes = [math.prod(shape) * np.dtype(kind).itemsize for shape, kind in arrays]
    whole = np.empty(sum(-(-size // _LINE) * _LINE for size in sizes), np.uint8)
    found, at = list[np.ndarray](), 0
    for size, (shape, kind) in zip(sizes, arrays, strict=True):
        found.append(whole[at : at + size].view(kind).reshape(shape))
        at += -(-size // _LINE) * _LINE
    return found
