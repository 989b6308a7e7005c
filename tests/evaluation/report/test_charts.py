import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tidegraph.evaluation.report.axes import linear
from tidegraph.evaluation.report.charts import Bar, Series, bars, columns, lines

UNIT = linear("x", 0.0, 1.0), linear("y", 0.0, 1.0)


def drawn(chart) -> ET.Element:
    return ET.fromstring(chart.svg)


def points(line: ET.Element) -> list[tuple[float, float]]:
    pairs = [p.split(",") for p in line.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


def test_a_picture_says_in_words_what_it_shows():
    chart = lines("A < B", "a & b", [Series("a", np.zeros(1), np.zeros(1))], UNIT)
    svg = drawn(chart)

    assert svg.attrib["role"] == "img"
    assert svg.findtext("title") == "A < B"
    assert svg.findtext("desc") == "a & b"


def test_a_line_runs_from_corner_to_corner_and_upwards():
    chart = lines("t", "d", [Series("a", np.array([0.0, 1]), np.array([0.0, 1]))], UNIT)
    first, last = points(drawn(chart).find("polyline"))

    assert first[0] < last[0]
    assert first[1] > last[1]
    assert chart.legend == ()


def test_two_lines_have_two_colours_and_a_legend():
    series = [Series(n, np.array([0.0, 1]), np.array([0.0, 1])) for n in ("a", "b")]
    chart = lines("t", "d", series, UNIT, diagonal=True, filled=True)
    classes = [line.attrib["class"] for line in drawn(chart).iter("polyline")]

    assert chart.legend == ("a", "b")
    assert classes == ["diagonal", "area s0", "line s0", "area s1", "line s1"]


def test_a_long_line_is_thinned_and_keeps_its_ends():
    x = np.linspace(0, 1, 10_001)
    thin = points(drawn(lines("t", "d", [Series("a", x, x)], UNIT)).find("polyline"))
    whole = points(
        drawn(lines("t", "d", [Series("a", x[[0, -1]], x[[0, -1]])], UNIT)).find(
            "polyline"
        )
    )

    assert len(thin) <= 400
    assert [thin[0], thin[-1]] == whole


def test_columns_left_of_zero_have_another_colour_and_empty_ones_are_not_drawn():
    axes = linear("gain", -1.0, 1.0), linear("users", 0.0, 4.0)
    edges, heights = np.array([-1.0, -0.5, 0.0, 1.0]), np.array([1.0, 0.0, 4.0])
    svg = drawn(columns("t", "d", edges, heights, axes))
    left, right = svg.iter("rect")

    assert left.attrib["class"] == "column s1"
    assert right.attrib["class"] == "column s0"
    assert float(right.attrib["height"]) == 4 * float(left.attrib["height"])
    assert svg.find("line[@class='zero']") is not None


def test_bars_are_as_long_as_their_values_and_whiskers_span_the_interval():
    group = [Bar("a", 0.2, 0.1, 0.3), Bar("b", 0.4)]
    chart = bars("t", "d", [("ndcg@10", group)])
    svg = drawn(chart)
    short, long = (float(r.attrib["width"]) for r in svg.iter("rect"))
    low, high = re.match(
        r"M([\d.]+) [\d.]+H([\d.]+)", svg.find("path").attrib["d"]
    ).groups()

    assert long == 2 * short
    assert float(high) - float(low) == short
    assert len(list(svg.iter("path"))) == 1
    assert chart.legend == ("a", "b")
    text = [t.text for t in svg.iter("text")]
    assert {"ndcg@10", "0.2000", "0.4000"} <= set(text)


def test_bars_begin_where_they_are_told_to():
    # From .5 to .9 they are a quarter and three quarters as long; what is below goes as
    # far the other way.
    group = [Bar("a", 0.6), Bar("b", 0.8), Bar("c", 0.4, 0.3, 0.45), Bar("d", 0.9)]
    svg = drawn(bars("t", "d", [("AUC", group)], start=0.5))
    widths = [float(r.attrib["width"]) for r in svg.iter("rect")]
    left = [float(r.attrib["x"]) for r in svg.iter("rect")]

    assert left[0] == left[1] == left[3] == pytest.approx(left[2] + widths[2], abs=0.1)
    assert widths[0] == pytest.approx(widths[3] / 4, abs=0.1)
    assert widths[1] == pytest.approx(widths[3] * 3 / 4, abs=0.1)
    assert widths[2] == pytest.approx(widths[3] / 4, abs=0.1)


def test_bars_leave_room_for_the_longest_label():
    label = "adapters of 20 groups, theta always"
    short, long = (
        next(drawn(bars("t", "d", [(name, [Bar("a", 1.0)])])).iter("rect"))
        for name in ("a", label)
    )
    assert float(long.attrib["x"]) > 6.5 * len(label) > float(short.attrib["x"])


def test_no_bars_are_an_empty_picture():
    assert list(drawn(bars("t", "d", [])).iter("rect")) == []
