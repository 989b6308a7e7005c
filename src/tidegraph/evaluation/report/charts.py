"""Pictures as plain SVG: lines, columns and bars with intervals; no other package.

Colours come from the page's style sheet (classes ``s0`` to ``s5``), so that they follow
light and dark. Each picture says in words what it shows, for those who cannot see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float64

from tidegraph.evaluation.report.axes import Axis, linear, number_text

WIDTH = 560
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 46
SERIES = 6
"""There are this many colours; further series use them again."""

MOST_POINTS = 400


@dataclass(frozen=True)
class Chart:
    """A picture of a report.

    Attributes:
        title: What it shows, in a few words.
        description: The same in one or two sentences.
        svg: The drawing.
        legend: Names of its series, in the order of their colours.
        height: Of the drawing, in its own units.
    """

    title: str
    description: str
    svg: str
    legend: tuple[str, ...] = ()
    height: int = 0

    @property
    def with_legend(self) -> str:
        """The drawing with the names of its series above it, where it has several."""
        if len(self.legend) < 2:
            return self.svg
        parts, x, y = list[str](), 0.0, 0
        for place, name in enumerate(self.legend):
            wide = 34 + 7.0 * len(name)
            if x and x + wide > WIDTH:
                x, y = 0.0, y + 20
            parts.append(
                f'<rect class="bar {_series_class(place)}" x="{x:.1f}" y="{y}" rx="3" '
                'width="12" height="12"/>' + _svg_text(x + 18, y + 11, name, "start")
            )
            x += wide
        above = y + 26
        names = f'<g transform="translate(0 {-above})">{"".join(parts)}</g></svg>'
        box = f'viewBox="0 {-above} {WIDTH} {self.height + above}"'
        svg = self.svg.replace(_view_box(self.height), box, 1)
        return svg.removesuffix("</svg>") + names


@dataclass(frozen=True, eq=False)
class Series:
    """A named line.

    Attributes:
        name: What the line is.
        x: Places along the first axis, increasing.
        y: Values there.
    """

    name: str
    x: Float64[np.ndarray, " n"]
    y: Float64[np.ndarray, " n"]


@dataclass(frozen=True)
class Bar:
    """A value with its interval.

    Attributes:
        name: The series it belongs to.
        value: Its length.
        low: Lower end of its interval, if it has one.
        high: Upper end.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def lines(
    title: str,
    description: str,
    series: Sequence[Series],
    axes: tuple[Axis, Axis],
    *,
    filled: bool = False,
    diagonal: bool = False,
) -> Chart:
    """Return lines over two axes.

    Args:
        title: What it shows.
        description: The same in words.
        series: The lines.
        axes: The horizontal and the vertical one.
        filled: Fill the area below each line?
        diagonal: Draw the line of equality?
    """
    height = 300
    x, y = axes
    parts = [_svg_frame(axes, height)]
    if diagonal:
        ends = np.array([0.0, 1.0])
        parts.append(_svg_polyline(ends, ends, height, "diagonal"))
    for place, line in enumerate(series):
        keep = _indices_to_draw(len(line.x))
        across, up = x.place(line.x[keep]), y.place(line.y[keep])
        if filled:
            closed_x = np.concatenate([across[:1], across, across[-1:]])
            closed_y = np.concatenate([[0.0], up, [0.0]])
            parts.append(
                _svg_polyline(
                    closed_x, closed_y, height, f"area {_series_class(place)}"
                )
            )
        parts.append(_svg_polyline(across, up, height, f"line {_series_class(place)}"))
    names = tuple(line.name for line in series) if len(series) > 1 else ()
    return _svg_chart(title, description, height, parts, names)


def points(
    title: str, description: str, series: Series, axes: tuple[Axis, Axis]
) -> Chart:
    """Return points over two axes, in any order along them."""
    height, (x, y) = 300, axes
    across = LEFT + x.place(series.x) * (WIDTH - LEFT - RIGHT)
    drawn = [
        f'<circle class="bar s0" cx="{a:.1f}" cy="{b:.1f}" r="4"/>'
        for a, b in zip(across, _svg_y(y.place(series.y), height), strict=True)
    ]
    return _svg_chart(
        title, description, height, [_svg_frame(axes, height), *drawn], ()
    )


def columns(
    title: str,
    description: str,
    edges: Float64[np.ndarray, " edges"],
    height_of: Float64[np.ndarray, " bins"],
    axes: tuple[Axis, Axis],
) -> Chart:
    """Return a histogram; columns left of zero have another colour.

    Args:
        title: What it shows.
        description: The same in words.
        edges: Where columns start and end, one more than there are columns.
        height_of: How tall each is.
        axes: The horizontal and the vertical one.
    """
    height = 300
    across = LEFT + axes[0].place(edges) * (WIDTH - LEFT - RIGHT)
    top = _svg_y(axes[1].place(height_of), height)
    floor = height - BOTTOM
    parts = [_svg_frame(axes, height)]
    middle = (edges[1:] + edges[:-1]) / 2
    for n in range(len(height_of)):
        if height_of[n] <= 0:
            continue
        colour = "s1" if middle[n] < 0 else "s0"
        wide = max(across[n + 1] - across[n] - 1, 0.5)
        parts.append(
            f'<rect class="column {colour}" x="{across[n]:.1f}" y="{top[n]:.1f}" '
            f'width="{wide:.1f}" height="{floor - top[n]:.1f}"/>'
        )
    if axes[0].low < 0 < axes[0].high:
        zero = LEFT + axes[0].place(np.zeros(1))[0] * (WIDTH - LEFT - RIGHT)
        parts.append(
            f'<line class="zero" x1="{zero:.1f}" y1="{TOP}" '
            f'x2="{zero:.1f}" y2="{floor}"/>'
        )
    return _svg_chart(title, description, height, parts, ())


_LETTER = 7.0
"""Width of a letter of a label, on average."""


def bars(
    title: str,
    description: str,
    groups: Sequence[tuple[str, Sequence[Bar]]],
    *,
    start: float = 0.0,
) -> Chart:
    """Return horizontal bars in groups, each with its interval and its number.

    Args:
        title: What it shows.
        description: The same in words.
        groups: A label and the bars that stand under it; the same series in each.
        start: What a bar of no length is worth, such as .5 of an AUC; what is below it
            goes to the left.
    """
    thick, gap, right = 18, 14, 62
    longest = max((len(label) for label, _ in groups), default=0)
    left = max(118.0, 20 + _LETTER * longest)
    every = [bar for _, group in groups for bar in group]
    highs = [bar.value if bar.high is None else bar.high for bar in every]
    lows = [bar.value if bar.low is None else bar.low for bar in every]
    axis = linear("", min([*lows, start]), max([*highs, start + 1e-9]))
    scale = (WIDTH - left - right) / (axis.high - axis.low)
    rows = sum(len(group) for _, group in groups)
    floor = TOP + rows * thick + len(groups) * gap
    parts: list[str] = []
    for value, text in axis.ticks:
        x = left + (value - axis.low) * scale
        parts.append(
            f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{floor}"/>'
        )
        parts.append(_svg_text(x, floor + 18, text, "middle"))
    y = float(TOP + gap / 2)
    for label, group in groups:
        middle = y + len(group) * thick / 2 + 4
        parts.append(_svg_text(left - 12, middle, label, "end", "strong"))
        for place, bar in enumerate(group):
            zero = left - axis.low * scale
            at = zero + start * scale, zero, y, float(thick)
            parts.append(_svg_bar(bar, place, at, scale))
            y += thick
        y += gap
    names = tuple(bar.name for bar in groups[0][1]) if groups else ()
    return _svg_chart(title, description, floor + 30, parts, names)


def _svg_bar(
    bar: Bar, place: int, at: tuple[float, float, float, float], scale: float
) -> str:
    """Return a bar from its start on; a value of 0 would lie at ``zero``."""
    start, zero, y, thick = at
    end, middle = zero + bar.value * scale, y + thick / 2
    text = f"{bar.value:.4f}" if bar.value < 10 else number_text(bar.value)
    drawn = (
        f'<rect class="bar {_series_class(place)}" x="{min(start, end):.1f}" '
        f'y="{y + 2:.1f}" rx="2" width="{max(abs(end - start), 0.5):.1f}" '
        f'height="{thick - 4}"/>'
    )
    far = max(end, start)
    if bar.low is not None and bar.high is not None:
        low, high = zero + bar.low * scale, zero + bar.high * scale
        far = max(far, high)
        drawn += (
            f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}'
            f'M{low:.1f} {middle - 4:.1f}v8M{high:.1f} {middle - 4:.1f}v8"/>'
        )
    return drawn + _svg_text(far + 8, middle + 4, text, "start", "value")


def _svg_frame(axes: tuple[Axis, Axis], height: int) -> str:
    """Return grid lines, tick texts and axis labels."""
    x, y = axes
    floor = height - BOTTOM
    parts: list[str] = []
    places = y.place(np.array([value for value, _ in y.ticks]))
    for (_, text), down in zip(y.ticks, _svg_y(places, height), strict=True):
        parts.append(
            f'<line class="grid" x1="{LEFT}" y1="{down:.1f}" '
            f'x2="{WIDTH - RIGHT}" y2="{down:.1f}"/>'
        )
        parts.append(_svg_text(LEFT - 8, down + 4, text, "end"))
    across = LEFT + x.place(np.array([v for v, _ in x.ticks])) * (WIDTH - LEFT - RIGHT)
    for (_, text), right in zip(x.ticks, across, strict=True):
        anchor = "end" if right > WIDTH - RIGHT - 24 else "middle"
        parts.append(_svg_text(right, floor + 18, text, anchor))
    parts.append(
        f'<line class="axis" x1="{LEFT}" y1="{floor}" '
        f'x2="{WIDTH - RIGHT}" y2="{floor}"/>'
    )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_svg_text(middle, height - 6, x.label, "middle", "label"))
    parts.append(
        f'<text class="label" text-anchor="middle" transform="translate(14 '
        f'{(TOP + floor) / 2:.1f}) rotate(-90)">{escape(y.label)}</text>'
    )
    return "".join(parts)


def _svg_polyline(
    across: Float64[np.ndarray, " n"],
    up: Float64[np.ndarray, " n"],
    height: int,
    style: str,
) -> str:
    x, y = LEFT + across * (WIDTH - LEFT - RIGHT), _svg_y(up, height)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline class="{style}" points="{points}"/>'


def _svg_y(up: Float64[np.ndarray, " n"], height: int) -> Float64[np.ndarray, " n"]:
    floor = height - BOTTOM
    return floor - up * (floor - TOP)


def _indices_to_draw(length: int) -> np.ndarray:
    """Return which of many points to draw: the first, the last, and some between."""
    if length <= MOST_POINTS:
        return np.arange(length)
    return np.unique(np.linspace(0, length - 1, MOST_POINTS).astype(np.int64))


def _series_class(place: int) -> str:
    return f"s{place % SERIES}"


def _svg_text(
    x: float | int, y: float | int, text: str, anchor: str, style: str = "tick"
) -> str:
    return (
        f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg_chart(
    title: str, description: str, height: int, parts: list[str], legend: tuple[str, ...]
) -> Chart:
    # The accessible name must stand in the drawing itself.
    svg = (
        f'<svg {_view_box(height)} role="img">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        f"{''.join(parts)}</svg>"
    )
    return Chart(title, description, svg, legend, height)


def _view_box(height: int) -> str:
    return f'viewBox="0 0 {WIDTH} {height}"'
