"""A report as one HTML file that needs nothing else: no script, no font, no network."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import polars as pl

from tidegraph.artifact.writing import replaced
from tidegraph.evaluation.report.charts import SERIES, Chart

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2430;
  --soft: #5b6675; --rule: #e2e6ec; --s0: #2166ac; --s1: #d6604d; --s2: #1b9e77;
  --s3: #b8860b; --s4: #7b5ea7; --s5: #6b7785; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b212a;
  --ink: #e8ecf2; --soft: #9aa7b7; --rule: #2e3743; --s0: #6aaee6; --s1: #f08a78;
  --s2: #53c7a0; --s3: #e0b64c; --s4: #b39ddb; --s5: #a4b0be; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 72px; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 28px; }
h2 { font-size: 1.3rem; letter-spacing: -.01em; margin: 44px 0 6px; }
p { margin: 0 0 16px; color: var(--soft); max-width: 76ch; }
nav { margin: 0 0 8px; } nav a { color: var(--s0); margin-right: 18px; }
.charts { display: grid; gap: 18px; margin: 16px 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); }
figure, .table { background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; padding: 18px 20px; margin: 0; min-width: 0; }
figcaption b { display: block; } figcaption { font-size: .88rem; color: var(--soft); }
figcaption b, caption { color: var(--ink); font-size: 1rem; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 8px 0 0; padding: 0;
  list-style: none; font-size: .84rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend i { width: 12px; height: 12px; border-radius: 3px; }
svg { display: block; width: 100%; height: auto; margin-top: 12px; }
svg text { font-size: 13px; fill: var(--soft); }
svg .strong, svg .value { fill: var(--ink); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.zero { stroke: var(--ink); stroke-width: 1.5; }
.line { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; }
.area { fill: var(--c); opacity: .14; stroke: none; }
.bar, .column { fill: var(--c); }
.whisker { stroke: var(--ink); stroke-width: 1.3; fill: none; opacity: .75; }
.diagonal { fill: none; stroke: var(--soft); stroke-dasharray: 5 5; }
.table { overflow-x: auto; margin: 16px 0; }
table { border-collapse: collapse; width: 100%; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 10px; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--rule); text-align: right;
  white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } th.text, td.text { text-align: left; }
tbody tr:hover { background: color-mix(in srgb, var(--s0) 7%, transparent); }
@media print { body { background: none; } figure, .table { break-inside: avoid; } }
""" + "".join(
    f".s{n} {{ --c: var(--s{n}); }} i.s{n} {{ background: var(--c); }}\n"
    for n in range(SERIES)
)


@dataclass(frozen=True, eq=False)
class Table:
    """A frame under a caption.

    Attributes:
        caption: What it holds.
        frame: Its rows; numbers are rounded for reading.
    """

    caption: str
    frame: pl.DataFrame


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: Its heading.
        text: Paragraphs, with a blank line between them.
        charts: Its pictures.
        tables: Its tables.
    """

    title: str
    text: str = ""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()


def page(title: str, sections: Sequence[Section]) -> str:
    """Return a whole HTML document.

    Args:
        title: Its heading.
        sections: Its parts, in order.
    """
    links = "".join(
        f'<a href="#part{n}">{escape(section.title)}</a>'
        for n, section in enumerate(sections)
    )
    body = "".join(_section_html(n, section) for n, section in enumerate(sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><nav>{links}</nav>{body}</main></body>"
        "</html>\n"
    )


def write_report(
    path: str | os.PathLike[str], title: str, sections: Sequence[Section]
) -> Path:
    """Write a report, all of it or nothing, and return where it is.

    Args:
        path: The file; one that is there is replaced.
        title: Its heading.
        sections: Its parts, in order.

    Raises:
        ArtifactError: It cannot be written there.
    """
    text = page(title, sections)
    with replaced(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return Path(path)


def write_picture(path: str | os.PathLike[str], chart: Chart) -> Path:
    """Write one picture as an SVG file that carries its own style.

    Returns:
        Where it was written.

    Raises:
        ArtifactError: It cannot be written there.
    """
    font = "svg { font-family: system-ui, sans-serif; background: var(--card); }"
    style = f'xmlns="http://www.w3.org/2000/svg"><style>{escape(STYLE + font)}</style>'
    with replaced(path) as aside:
        drawing = chart.with_legend.replace(">", f" {style}", 1)
        aside.write_text(drawing, encoding="utf-8")
    return Path(path)


def _section_html(place: int, section: Section) -> str:
    words = "".join(
        f"<p>{escape(part)}</p>" for part in section.text.split("\n\n") if part
    )
    figures = "".join(_figure_html(chart) for chart in section.charts)
    charts = f'<div class="charts">{figures}</div>' if figures else ""
    tables = "".join(_table_html(table) for table in section.tables)
    heading = f'<h2 id="part{place}">{escape(section.title)}</h2>'
    return f"<section>{heading}{words}{charts}{tables}</section>"


def _figure_html(chart: Chart) -> str:
    swatches = "".join(
        f'<li><i class="s{n % SERIES}"></i>{escape(name)}</li>'
        for n, name in enumerate(chart.legend)
    )
    legend = f'<ul class="legend">{swatches}</ul>' if swatches else ""
    caption = f"<b>{escape(chart.title)}</b>{escape(chart.description)}"
    return f"<figure><figcaption>{caption}</figcaption>{legend}{chart.svg}</figure>"


def _table_html(table: Table) -> str:
    numeric = [dtype.is_numeric() for dtype in table.frame.dtypes]
    style = ["" if n else ' class="text"' for n in numeric]
    head = "".join(
        f'<th scope="col"{s}>{escape(name)}</th>'
        for name, s in zip(table.frame.columns, style, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{s}>{escape(_cell_text(v))}</td>"
            for v, s in zip(row, style, strict=True)
        )
        + "</tr>"
        for row in table.frame.iter_rows()
    )
    return (
        f'<div class="table"><table><caption>{escape(table.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
