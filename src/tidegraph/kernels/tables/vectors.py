"""Products and sums of short rows of numbers, kept in registers.

What compilers make of such loops reads and writes every partial sum. Rows here lie end
to end in flat float32 arrays. A ``width`` is a multiple of ``STEP``, a ``size`` is any
number; nothing is checked.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from tidegraph.kernels.intrinsics import LANES, broadcast, element_pointer
from tidegraph.kernels.jit import compiled

STEP = 16
"""The numbers of a row that are taken at once."""

_LONG = ir.IntType(64)
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)
_PARTS = STEP // LANES


@compiled
def padded(size: int) -> int:
    """Return the width of rows that hold ``size`` numbers."""
    return -(-size // STEP) * STEP


def _dots(
    typing: Any,
    left: Any,
    at: Any,
    right: Any,
    begin: Any,
    rows: Any,
    width: Any,
    out: Any,
    to: Any,
) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one, first, others, start, count, size, found, place = args
        tools = cast(Any, cgutils)
        sums = [tools.alloca_once(builder, _VECTOR) for _ in range(_PARTS)]
        with tools.for_range(builder, count) as row:
            for total in sums:
                builder.store(_ZERO, total)
            line = builder.add(start, builder.mul(row.index, size))
            with tools.for_range(builder, builder.lshr(size, _LONG(4))) as loop:
                for part, total in enumerate(sums):
                    step = builder.add(
                        builder.mul(loop.index, _LONG(STEP)), _LONG(part * LANES)
                    )
                    a = _load_lanes(
                        context, builder, left, one, builder.add(first, step)
                    )
                    b = _load_lanes(
                        context, builder, right, others, builder.add(line, step)
                    )
                    builder.store(
                        _fused_multiply_add(builder, a, b, builder.load(total)), total
                    )
            value = builder.load(sums[0])
            for total in sums[1:]:
                value = builder.fadd(value, builder.load(total))
            where = builder.add(place, row.index)
            where = element_pointer(context, builder, out, found, where, _FLOAT)
            builder.store(_sum_of_lanes(builder, value), where, align=4)
        return context.get_dummy_value()

    number = types.intp
    arguments = (left, number, right, number, number, number, out, number)
    return types.void(*arguments), generated


def _add_multiples(
    typing: Any,
    factor: Any,
    at: Any,
    stride: Any,
    source: Any,
    begin: Any,
    rows: Any,
    width: Any,
    target: Any,
    to: Any,
) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        factors, first, apart, read, start, count, size, out, place = args
        tools = cast(Any, cgutils)
        sums = [tools.alloca_once(builder, _VECTOR) for _ in range(_PARTS)]
        with tools.for_range(builder, builder.lshr(size, _LONG(4))) as loop:
            steps = [
                builder.add(builder.mul(loop.index, _LONG(STEP)), _LONG(p * LANES))
                for p in range(_PARTS)
            ]
            for step, total in zip(steps, sums, strict=True):
                where = builder.add(place, step)
                builder.store(_load_lanes(context, builder, target, out, where), total)
            with tools.for_range(builder, count) as row:
                where = builder.add(first, builder.mul(row.index, apart))
                held = builder.load(
                    element_pointer(context, builder, factor, factors, where, _FLOAT)
                )
                times = broadcast(builder, held)
                line = builder.add(start, builder.mul(row.index, size))
                for step, total in zip(steps, sums, strict=True):
                    x = _load_lanes(
                        context, builder, source, read, builder.add(line, step)
                    )
                    builder.store(
                        _fused_multiply_add(builder, times, x, builder.load(total)),
                        total,
                    )
            for step, total in zip(steps, sums, strict=True):
                where = builder.add(place, step)
                vector = element_pointer(context, builder, target, out, where, _VECTOR)
                builder.store(builder.load(total), vector, align=4)
        return context.get_dummy_value()

    number = types.intp
    arguments = (factor, number, number, source, number, number, number, target, number)
    return types.void(*arguments), generated


def _copy_row(
    typing: Any, source: Any, at: Any, target: Any, to: Any, size: Any
) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held, first, out, place, count = args

        def move(step: Any, kind: Any) -> None:
            value, where = (
                element_pointer(
                    context, builder, side, array, builder.add(start, step), kind
                )
                for side, array, start in ((source, held, first), (target, out, place))
            )
            builder.store(builder.load(value, align=4), where, align=4)

        _loop_over_row(builder, count, move)
        return context.get_dummy_value()

    number = types.intp
    return types.void(source, number, target, number, number), generated


def _add_row(
    typing: Any, factor: Any, source: Any, at: Any, target: Any, to: Any, size: Any
) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        times, held, first, out, place, count = args

        def add(step: Any, kind: Any) -> None:
            value, where = (
                element_pointer(
                    context, builder, side, array, builder.add(start, step), kind
                )
                for side, array, start in ((source, held, first), (target, out, place))
            )
            many = times if kind == _FLOAT else broadcast(builder, times)
            terms = [many, builder.load(value, align=4), builder.load(where, align=4)]
            builder.store(_fused_multiply_add(builder, *terms), where, align=4)

        _loop_over_row(builder, count, add)
        return context.get_dummy_value()

    number = types.intp
    arguments = (types.float32, source, number, target, number, number)
    return types.void(*arguments), generated


def _loop_over_row(builder: Any, size: Any, body: Callable[[Any, Any], None]) -> None:
    """Build a loop over a row in vectors, and one over the numbers left over."""
    tools = cast(Any, cgutils)
    whole = builder.lshr(size, _LONG(3))
    with tools.for_range(builder, whole) as loop:
        body(builder.mul(loop.index, _LONG(LANES)), _VECTOR)
    with tools.for_range(builder, size, start=builder.shl(whole, _LONG(3))) as loop:
        body(loop.index, _FLOAT)


def _load_lanes(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    place = element_pointer(context, builder, kind, array, index, _VECTOR)
    return builder.load(place, align=4)


def _fused_multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(a.type, [a.type] * 3)
    declare = cast(Any, cgutils).get_or_insert_function
    name = f"llvm.fmuladd.{'f32' if a.type == _FLOAT else f'v{LANES}f32'}"
    return builder.call(declare(builder.module, kind, name), [a, b, c])


def _sum_of_lanes(builder: Any, value: Any) -> Any:
    """Return the sum of a vector's lanes, halves first: the same on any machine."""
    lanes = LANES
    while lanes > 1:
        lanes //= 2
        kind = ir.IntType(32)
        halves = [
            ir.Constant(ir.VectorType(kind, lanes), list(range(n, n + lanes)))
            for n in (0, lanes)
        ]
        blank = ir.Constant(value.type, cast(Any, ir).Undefined)
        low, high = (builder.shuffle_vector(value, blank, half) for half in halves)
        value = builder.fadd(low, high)
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


Array = np.ndarray

dots = cast(
    Callable[[Array, int, Array, int, int, int, Array, int], None], intrinsic(_dots)
)
"""Multiply a row with others:
``dots(left, at, right, begin, rows, width, out, to)``.

``out[to + r]`` becomes the sum over j below ``width`` of
``left[at + j] * right[begin + r * width + j]``, for r below ``rows``.
"""

add_multiples = cast(
    Callable[[Array, int, int, Array, int, int, int, Array, int], None],
    intrinsic(_add_multiples),
)
"""Add multiples of rows to another:
``add_multiples(factor, at, stride, source, begin, rows, width, target, to)``.

To ``target[to + j]`` are added ``factor[at + r * stride] * source[begin + r * width +
j]``, for r below ``rows`` in that order.
"""

copy_row = cast(Callable[[Array, int, Array, int, int], None], intrinsic(_copy_row))
"""Copy a row: ``copy_row(source, at, target, to, size)``."""

add_row = cast(
    Callable[[np.float32, Array, int, Array, int, int], None], intrinsic(_add_row)
)
"""Add a multiple of a row: ``add_row(factor, source, at, target, to, size)``.

To ``target[to + j]`` is added ``factor * source[at + j]``, for j below ``size``.
"""
