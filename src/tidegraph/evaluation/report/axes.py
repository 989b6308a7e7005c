"""Axes of pictures: from values to places, with round numbers to read them by."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from tidegraph.durations import DAY


@dataclass(frozen=True)
class Axis:
    """A range of values laid over the unit interval.

    Attributes:
        label: What is measured, with its unit.
        low: The value at the axis's start.
        high: The value at its end.
        ticks: Values to mark, with their text.
        log: Are equal steps equal factors?
    """

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Return where values lie: 0 at the start, 1 at the end."""
        low, high = self.low, self.high
        if self.log:
            values, low, high = np.log10(values), math.log10(low), math.log10(high)
        return (values - low) / (high - low)


def linear(label: str, low: float, high: float, *, percent: bool = False) -> Axis:
    """Return an axis that covers ``low`` to ``high``, with about five round ticks.

    Args:
        label: What is measured.
        low: The smallest value.
        high: The largest value.
        percent: Write 0.2 as 20 %?
    """
    # Values that hardly differ cannot be told apart by their texts.
    told_apart = high - low > 1e-9 * max(abs(low), abs(high), 1e-200)
    step = _round_step((high - low if told_apart else max(abs(high), 1)) / 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    values = [n * step for n in range(first, last + 1)]
    ticks = tuple((v, number_text(v, percent=percent, step=step)) for v in values)
    return Axis(label, values[0], values[-1], ticks)


def around(label: str, values: Float64[np.ndarray, " n"]) -> Axis:
    """Return an axis that covers some values with a little room; 0 to 1 for none."""
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if not low <= high:
        low, high = 0.0, 1.0
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return linear(label, low - room, high + room)


def logarithmic(label: str, high: float) -> Axis:
    """Return an axis from 1 to a power of ten that is not below ``high``."""
    top = max(1, math.ceil(math.log10(max(high, 1))))
    ticks = tuple((10.0**p, number_text(10.0**p)) for p in range(top + 1))
    return Axis(label, 1.0, 10.0**top, ticks, log=True)


def calendar(label: str, first: int, last: int) -> Axis:
    """Return an axis over times, marked at days, months or years.

    Args:
        label: What happens then.
        first: Unix seconds.
        last: Unix seconds.
    """
    last = max(last, first + 1)
    days = (last - first) / DAY
    unit, form = ("Y", 4) if days > 3 * 365 else ("M", 7) if days > 75 else ("D", 10)
    ends = np.array([first, last]).astype("M8[s]").astype(f"M8[{unit}]")
    count = int((ends[1] - ends[0]).astype(np.int64)) + 1
    marks = ends[0] + np.arange(count).astype(f"m8[{unit}]")
    seconds = marks.astype("M8[s]").astype(np.int64)
    inside = (seconds >= first) & (seconds <= last)
    marks, seconds = marks[inside], seconds[inside]
    every = max(1, math.ceil(len(marks) / 7))
    ticks = tuple(
        (float(s), str(mark)[:form])
        for s, mark in zip(seconds[::every], marks[::every], strict=True)
    )
    return Axis(label, float(first), float(last), ticks)


def number_text(
    value: float, *, percent: bool = False, step: float | None = None
) -> str:
    """Return a number as it is read: 12,300, 0.25, 40 %, 1.2M.

    Args:
        value: What to write.
        percent: Write 0.2 as 20 %?
        step: Distance of its neighbours, which says how many digits matter.
    """
    if percent:
        digits = 0 if step is None else max(0, -math.floor(math.log10(step * 100)))
        return f"{100 * value:.{digits}f} %".replace("-0 %", "0 %")
    size = abs(value)
    for factor, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= factor:
            scale = 1e3 if unit == "k" else factor
            return f"{value / scale:,.3g}{unit}" if size < 1e12 else f"{value:.2g}"
    if step is None:
        return f"{value:,.4g}"
    digits = max(0, -math.floor(math.log10(step)))
    return f"{value:,.{digits}f}"


def _round_step(rough: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
