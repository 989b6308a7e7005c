"""What a kernel tells the machine that plain code cannot; only inside such functions.

A kernel over neighbours waits for memory, guesses branches that depend on data wrong
half of the time, and moves rows too short for the vectors that compilers make of loops.
A few words mend that: ``prefetch``, ``choose``, ``halve_lanes``, ``copy_lanes``,
``subtract_lanes`` and ``fill_lanes``. Another, ``publish``, keeps what readers on other
cores see in order;
``multiply_tile`` and ``sum_rows`` keep sums in registers.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 8
"""How many numbers the words about lanes take at once."""

TILE_ROWS, TILE_COLUMNS = 6, 2 * LANES
"""How many vectors ``multiply_tile`` multiplies with how many others."""

SUMMED = 4 * LANES
"""How many numbers the rows have that ``sum_rows`` adds up."""

_BYTE, _INT, _LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_SINGLES = ir.VectorType(ir.FloatType(), LANES)


def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = element_pointer(
            context, builder, signature.args[0], args[0], args[1], _BYTE
        )
        kind = ir.FunctionType(ir.VoidType(), [place.type, _INT, _INT, _INT])
        declare = cast(Any, cgutils).get_or_insert_function
        fetch = declare(builder.module, kind, "llvm.prefetch.p0")
        # To be read, to be kept in every cache, data.
        builder.call(fetch, [place, _INT(0), _INT(3), _INT(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generated


def _choose(typing: Any, condition: Any, yes: Any, no: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        chosen = builder.select(*args)
        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))
        return chosen

    return types.intp(types.boolean, types.intp, types.intp), generated


def _halve_lanes(
    typing: Any,
    time: Any,
    base: Any,
    clock: Any,
    at: Any,
    left: Any,
    size: Any,
    lane: Any,
) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held, first, clocks, query, lefts, sizes, place = args
        kind, vector = context.get_data_type(time.dtype), ir.VectorType(_LONG, LANES)
        one = ir.Constant(vector, [1] * LANES)
        here, there, then = (
            element_pointer(context, builder, array, value, index, vector)
            for array, value, index in (
                (left, lefts, place),
                (size, sizes, place),
                (clock, clocks, query),
            )
        )
        low, length, until = (builder.load(p, align=8) for p in (here, there, then))
        half = builder.ashr(builder.add(length, one), one)
        further = builder.add(low, half)
        # A search that is over looks once more at a place that it has passed.
        look = builder.sub(further, one)
        none = ir.Constant(vector, [0] * LANES)
        look = builder.select(builder.icmp_signed("<", look, none), none, look)
        data = context.make_array(time)(context, builder, held).data
        value = ir.Constant(ir.VectorType(kind, LANES), cast(Any, ir).Undefined)
        for j in range(LANES):
            index = builder.extract_element(look, _INT(j))
            read = builder.load(builder.gep(data, [index]))
            value = builder.insert_element(value, read, _INT(j))
        if time.dtype.bitwidth < 64:
            value = builder.sext(value, vector)
        # A sum of offset and base cannot overflow; clock minus base can.
        value = builder.add(value, broadcast(builder, first))
        earlier = builder.icmp_signed("<", value, until)
        builder.store(builder.select(earlier, further, low), here, align=8)
        builder.store(builder.sub(length, half), there, align=8)
        return context.get_dummy_value()

    number = types.intp
    arguments = (time, number, clock, number, left, size, number)
    return types.void(*arguments), generated


def _lanes_of(written: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """Return a word that writes lanes: of what is read, and one number for all."""

    def lanes(
        typing: Any,
        source: Any,
        start: Any,
        target: Any,
        to: Any,
        found: Any,
        other: Any,
        fill: Any,
    ) -> Any:
        def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            held, at, out, place, count, number, blank = args
            narrow, wide = source.dtype, target.dtype
            kind = context.get_data_type(wide)
            lanes = ir.VectorType(context.get_data_type(narrow), LANES)
            read = element_pointer(context, builder, source, held, at, lanes)
            value = builder.load(read, align=narrow.bitwidth // 8)
            if narrow.bitwidth < wide.bitwidth:
                value = builder.sext(value, ir.VectorType(kind, LANES))
            if wide.bitwidth < 64:
                number, blank = (builder.trunc(one, kind) for one in (number, blank))
            value = written(builder, value, broadcast(builder, number))
            rest, real = broadcast(builder, blank), _lane_mask(builder, count)
            value = builder.select(real, value, rest)
            into = element_pointer(context, builder, target, out, place, value.type)
            builder.store(value, into, align=wide.bitwidth // 8)
            return context.get_dummy_value()

        number = types.intp
        arguments = (source, number, target, number, number, number, number)
        return types.void(*arguments), generated

    return lanes


def _fill_lanes(typing: Any, target: Any, to: Any, found: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, place, count = args
        kind = context.get_data_type(target.dtype)
        value = _lane_mask(builder, count)
        if isinstance(kind, ir.IntType):
            value = builder.zext(value, ir.VectorType(kind, LANES))
        else:
            value = builder.uitofp(value, ir.VectorType(kind, LANES))
        written = element_pointer(context, builder, target, out, place, value.type)
        builder.store(value, written, align=context.get_abi_sizeof(kind))
        return context.get_dummy_value()

    return types.void(target, types.intp, types.intp), generated


def _multiply_tile(
    typing: Any, left: Any, start: Any, right: Any, begin: Any, size: Any, out: Any
) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held, first, panel, offset, length, target = args
        tools = cast(Any, cgutils)
        kind = ir.FunctionType(_SINGLES, [_SINGLES] * 3)
        name = f"llvm.fmuladd.v{LANES}f32"
        multiply_add = tools.get_or_insert_function(builder.module, kind, name)
        zero = ir.Constant(_SINGLES, [0.0] * LANES)
        parts = TILE_COLUMNS // LANES
        # Room on the stack by name, which the compiler keeps in registers.
        sums = [
            tools.alloca_once_value(builder, zero) for _ in range(TILE_ROWS * parts)
        ]
        for place in sums:
            builder.store(zero, place)
        with tools.for_range(builder, length) as loop:
            at = builder.add(offset, builder.mul(loop.index, _LONG(TILE_COLUMNS)))
            columns = [
                builder.load(
                    element_pointer(
                        context,
                        builder,
                        right,
                        panel,
                        builder.add(at, _LONG(part * LANES)),
                        _SINGLES,
                    ),
                    align=4,
                )
                for part in range(parts)
            ]
            for n, place in enumerate(sums):
                row = builder.mul(length, _LONG(n // parts))
                where = builder.add(builder.add(first, row), loop.index)
                value = element_pointer(
                    context, builder, left, held, where, ir.FloatType()
                )
                factor = broadcast(builder, builder.load(value))
                terms = [factor, columns[n % parts], builder.load(place)]
                builder.store(builder.call(multiply_add, terms), place)
        for n, place in enumerate(sums):
            where = element_pointer(
                context, builder, out, target, _LONG(n * LANES), _SINGLES
            )
            builder.store(builder.load(place), where, align=4)
        return context.get_dummy_value()

    number = types.intp
    return types.void(left, number, right, number, number, out), generated


def _sum_rows(
    typing: Any, source: Any, row: Any, start: Any, stop: Any, target: Any, to: Any
) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        table, rows, first, last, out, place = args
        tools, parts = cast(Any, cgutils), range(SUMMED // LANES)
        zero = ir.Constant(_SINGLES, [0.0] * LANES)
        sums = [tools.alloca_once_value(builder, zero) for _ in parts]
        for part in sums:
            builder.store(zero, part)
        number = context.get_data_type(row.dtype)
        with tools.for_range(builder, last, start=first) as loop:
            at = element_pointer(context, builder, row, rows, loop.index, number)
            begin = builder.mul(builder.zext(builder.load(at), _LONG), _LONG(SUMMED))
            for n in parts:
                here = builder.add(begin, _LONG(n * LANES))
                read = element_pointer(context, builder, source, table, here, _SINGLES)
                more = builder.load(read, align=4)
                builder.store(builder.fadd(builder.load(sums[n]), more), sums[n])
        for n in parts:
            here = builder.add(place, _LONG(n * LANES))
            written = element_pointer(context, builder, target, out, here, _SINGLES)
            builder.store(builder.load(sums[n]), written, align=4)
        return context.get_dummy_value()

    number = types.intp
    return types.void(source, row, number, number, target, number), generated


def _publish(typing: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("release")
        return context.get_dummy_value()

    return types.void(), generated


def element_pointer(
    context: Any, builder: Any, kind: Any, array: Any, index: Any, pointed: Any
) -> Any:
    """Return a pointer to an element of an array, as if it pointed to another kind."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), pointed.as_pointer())


def broadcast(builder: Any, value: Any) -> Any:
    """Return a vector that has one number in every lane."""
    blank = ir.Constant(ir.VectorType(value.type, LANES), cast(Any, ir).Undefined)
    zeros = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
    return builder.shuffle_vector(
        builder.insert_element(blank, value, _INT(0)), blank, zeros
    )


def _lane_mask(builder: Any, count: Any) -> Any:
    """Return for each lane whether its number is below ``count``."""
    number = ir.Constant(ir.VectorType(_LONG, LANES), list(range(LANES)))
    return builder.icmp_signed("<", number, broadcast(builder, count))


prefetch = cast(Callable[[np.ndarray, int], None], intrinsic(_prefetch))
"""Begin to fetch ``array[index]`` into the cache.

A kernel that waits for memory asks for the numbers of many rows first and reads them in
a second pass: reads that are asked for do not wait for one another. A place outside the
array does no harm.
"""

choose = cast(Callable[[bool, int, int], int], intrinsic(_choose))
"""Return ``yes`` if the condition holds, else ``no``, without a branch.

A binary search whose steps are branches guesses every other of them wrong.
"""

halve_lanes = cast(
    Callable[[np.ndarray, int, np.ndarray, int, np.ndarray, np.ndarray, int], None],
    intrinsic(_halve_lanes),
)
"""Take one step of ``LANES`` binary searches.

``halve_lanes(time, base, clock, at, left, size, lane)``:
search number ``lane + j`` looks for the first place, of ``size`` from ``left``, whose
time plus ``base`` is not below ``clock[at + j]``; both are brought to the half that
holds it. Nothing is checked but that a search may be over.
"""

copy_lanes = cast(
    Callable[[np.ndarray, int, np.ndarray, int, int, int, int], None],
    intrinsic(_lanes_of(lambda builder, read, more: builder.add(read, more))),
)
"""Write ``LANES`` whole numbers: ``copy_lanes(source, start, target, to, found, more,
fill)``.

``target.flat[to + j]`` becomes ``source[start + j] + more`` for j below ``found``, and
``fill`` from there on. Nothing is checked: both stretches must be inside their arrays,
and the target at least as wide as the source.
"""

subtract_lanes = cast(
    Callable[[np.ndarray, int, np.ndarray, int, int, int, int], None],
    intrinsic(_lanes_of(lambda builder, read, whole: builder.sub(whole, read))),
)
"""Write ``whole - source[start + j]``; all else is as of ``copy_lanes``, whose ``more``
stands where ``whole`` does."""

fill_lanes = cast(Callable[[np.ndarray, int, int], None], intrinsic(_fill_lanes))
"""Write ``LANES`` truths or numbers: ``fill_lanes(target, to, found)``.

``target.flat[to + j]`` becomes 1 for j below ``found``, and 0 from there on; nothing is
checked.
"""

multiply_tile = cast(
    Callable[[np.ndarray, int, np.ndarray, int, int, np.ndarray], None],
    intrinsic(_multiply_tile),
)
"""Multiply ``TILE_ROWS`` vectors with ``TILE_COLUMNS`` others:
``multiply_tile(left, start, right, begin, size, out)``.

``out[r * TILE_COLUMNS + c]`` becomes the sum over j below ``size`` of
``left[start + r * size + j] * right[begin + j * TILE_COLUMNS + c]``, the terms added in
the order of j. All arrays are flat float32; nothing is checked.
"""

sum_rows = cast(
    Callable[[np.ndarray, np.ndarray, int, int, np.ndarray, int], None],
    intrinsic(_sum_rows),
)
"""Add up rows of ``SUMMED`` numbers:
``sum_rows(source, row, start, stop, target, to)``.

``target[to + j]`` becomes the sum over e from ``start`` to ``stop`` of
``source[row[e] * SUMMED + j]``, added in that order. The source and target are flat
float32, ``row`` is int32; nothing is checked.
"""

publish = cast(Callable[[], None], intrinsic(_publish))
"""Let what is written from here on be seen only after what was written before."""
