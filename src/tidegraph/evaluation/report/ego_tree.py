"""A dynamic sequential graph as a picture: edges, their times, and what led there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import log1p

from tidegraph.data.times.clocks import Clock, moment_text
from tidegraph.data.times.ticks import PER_SECOND, TimeUnit
from tidegraph.durations import DAY
from tidegraph.ego.tree import EgoTree

_ROW, _LEFT, _RIGHT, _TOP, _WIDTH = 26, 30, 190, 64, 900
_HOP = 3_600
"""A hop along edges without times goes as far to the left as so many seconds."""
_COLORS = ("#1b6ca8", "#c8553d", "#5b8c5a", "#8d6a9f")
_LABELS = (
    (0.001, "1 ms"),
    (1, "1 second"),
    (60, "1 minute"),
    (3_600, "1 hour"),
    (DAY, "1 day"),
    (7 * DAY, "1 week"),
    (30 * DAY, "1 month"),
    (365 * DAY, "1 year"),
    (10 * 365 * DAY, "10 years"),
)
_NEAR = 0.2
"""Labels of ages below this share of the scale would stand on that of the clock."""


@dataclass
class _Node:
    """One node of the tree.

    Attributes:
        label: What to call it.
        depth: Hops from the root.
        age: Seconds before the clock of the root, with a fraction where it has one.
        children: The nodes it was reached to, oldest first.
        y: Where it stands.
    """

    label: str
    depth: int
    age: float
    children: list["_Node"]
    y: float = 0.0


def draw_ego_tree(
    field: EgoTree,
    named: Callable[[int, int], str],
    title: str,
    means: Clock = "seconds",
    tick: TimeUnit = "s",
) -> str:
    """Return the sub-graph of the first node of a batch as SVG.

    Time runs from left to right, on a scale that shows hours as well as years, and
    seconds where all happened within an hour; every node stands left of its parent, for
    it happened before. Without times each hop is further to the left.

    Args:
        field: What a plan with clocks sampled.
        named: Returns a label for a depth and a row.
        title: Stands above the picture.
        means: What the clocks are, if any; positions have no labels of hours and days.
        tick: What the clocks of the graph count.
    """
    clock = int(field.time[0][0])
    per_second = PER_SECOND[tick]
    since = None if means == "none" else (clock, per_second)
    root = _node_tree(field, named, (0,), since)
    rows = _place_rows(root, 0)
    nodes = _nodes_in_preorder(root)
    oldest = max(node.age for node in nodes)
    unit = min(3_600, oldest) or 3_600
    span = log1p(max(oldest, unit) / unit)

    def x(age: int | float) -> float:
        return _WIDTH - _RIGHT - (_WIDTH - _LEFT - _RIGHT) * log1p(age / unit) / span

    height = _TOP + rows * _ROW + 30
    moment, labels = moment_text(clock, means, tick), ()
    if means == "seconds":
        if tick == "s":
            moment = datetime.fromtimestamp(clock, UTC).strftime("%Y-%m-%d %H:%M")
        labels = [each for each in _LABELS if each[0] >= _NEAR * unit]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="16">{escape(title)}</text>',
    ]
    begins = "for all time" if means == "none" else f"as of {moment}"
    for age, label in ((0, begins), *labels):
        if age <= oldest:
            parts.append(
                _axis_tick(x(age), height, label if age == 0 else f"{label} before")
            )
    parts += [_edge_path(node, child, x) for node in nodes for child in node.children]
    parts += [_node_dot(node, x) for node in nodes]
    return "\n".join([*parts, "</svg>", ""])


def _node_tree(
    field: EgoTree,
    named: Callable[[int, int], str],
    at: tuple[int, ...],
    since: tuple[int, int] | None,
) -> _Node:
    depth = len(at) - 1
    children: list[_Node] = []
    if depth < field.depth:
        kept = field.mask[depth + 1][at]
        children = [
            _node_tree(field, named, (*at, place), since)
            for place in range(len(kept))
            if kept[place]
        ]
    age = float(_HOP * depth)
    if since is not None:
        clock, per_second = since
        age = (clock - int(field.time[depth][at])) / per_second
    return _Node(named(depth, int(field.ids[depth][at])), depth, age, children)


def _place_rows(node: _Node, row: int) -> int:
    """Give each node a line of its own, above those of its children; count lines."""
    node.y = _TOP + (row + 0.5) * _ROW
    row += 1
    for child in node.children:
        row = _place_rows(child, row)
    return row


def _nodes_in_preorder(node: _Node) -> list[_Node]:
    return [
        node,
        *(below for child in node.children for below in _nodes_in_preorder(child)),
    ]


def _axis_tick(x: float, height: int, label: str) -> str:
    # The label of the clock stands beside those of the past, not on them.
    anchor = "start" if label.startswith(("as of", "for all")) else "middle"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height - 12}" '
        'stroke="#ddd"/>'
        f'<text x="{x:.1f}" y="{_TOP - 14}" text-anchor="{anchor}" fill="#777" '
        f'font-size="10">{escape(label)}</text>'
    )


def _edge_path(node: _Node, child: _Node, x: Callable[[int | float], float]) -> str:
    here, there = x(child.age), x(node.age)
    middle = (here + there) / 2
    return (
        f'<path d="M{here:.1f},{child.y:.1f} C{middle:.1f},{child.y:.1f} '
        f'{middle:.1f},{node.y:.1f} {there:.1f},{node.y:.1f}" fill="none" '
        'stroke="#aaa"/>'
    )


def _node_dot(node: _Node, x: Callable[[int | float], float]) -> str:
    color = _COLORS[node.depth % len(_COLORS)]
    label = node.label if len(node.label) <= 26 else f"{node.label[:25]}…"
    return (
        f'<circle cx="{x(node.age):.1f}" cy="{node.y:.1f}" r="5" fill="{color}"/>'
        f'<text x="{x(node.age) + 9:.1f}" y="{node.y - 4:.1f}" fill="{color}" '
        'stroke="#fff" stroke-width="3" paint-order="stroke">'
        f"{escape(label)}</text>"
    )
