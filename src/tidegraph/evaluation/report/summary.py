"""Evaluations in words: means with their intervals, gains and p-values."""

import math
import textwrap
from typing import Any

import polars as pl

from tidegraph.evaluation.pvalues import p_text

WIDTH = 100
"""Text for reading is no wider where nobody says how wide it may be."""


def table_headings(models: list[str]) -> list[str]:
    """Return the columns of a table in words: a few per model."""
    first, *others = models
    return [first, *(c for m in others for c in (m, f"gain over {m}", f"p ({m})"))]


def by_metric(table: pl.DataFrame) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the rows of each metric by model."""
    parts = table.partition_by("metric", as_dict=True, maintain_order=True)
    return {
        str(metric): part.rows_by_key("model", named=True)
        for (metric,), part in parts.items()
    }


def metric_cells(rows: list[dict[str, Any]]) -> list[str]:
    """Return what stands under the headings for one metric, the first model first."""
    first, *others = rows
    cells = [_interval_text(first["mean"], first["low"], first["high"])]
    for row in others:
        cells.append(_interval_text(row["mean"], row["low"], row["high"]))
        cells.append(
            _interval_text(row["gain"], row["gain_low"], row["gain_high"], "+")
        )
        cells.append(p_text(row["p_holm"], row["p_holm_is_bound"]))
    return cells


def summary_table(table: pl.DataFrame, models: list[str], k: int) -> list[list[str]]:
    """Return headings, and a row of words per model with the first at the end.

    Each column has as many digits as its narrowest interval needs. A model that is
    alone gains over nobody.
    """
    rows = table.rows_by_key(("model", "metric"), named=True, unique=True)
    order = [*models[1:], models[0]]
    gained = f"ndcg@{k}"
    shown = [f"recall@{k}", gained, f"diversity@{k}"]
    shown = [metric for metric in shown if (models[0], metric) in rows]
    columns = [
        [metric, *_column_text([_mean_and_ends(rows[name, metric]) for name in order])]
        for metric in shown
    ]
    if len(order) > 1:
        judged = [rows[name, gained] for name in order]
        gains = _column_text(
            [_mean_and_ends(row, "gain", "gain_") for row in judged], "+"
        )
        chance = [p_text(row["p_holm"], row["p_holm_is_bound"]) for row in judged]
        columns += [["gain", *gains], ["p", *chance]]
    return [list(row) for row in zip(["", *order], *columns, strict=True)]


Ended = tuple[float | None, float | None, float | None]
"""A mean, and the two ends of its interval."""


def _mean_and_ends(row: dict[str, Any], mean: str = "mean", ends: str = "") -> Ended:
    return row[mean], row[f"{ends}low"], row[f"{ends}high"]


def _column_text(values: list[Ended], sign: str = "") -> list[str]:
    """Return means with half their intervals, all with equally many digits."""
    halves = [
        (high - low) / 2
        for _, low, high in values
        if low is not None and high is not None
    ]
    digits = digits_of_interval(
        min((half for half in halves if half > 1e-9), default=None)
    )
    words: list[str] = []
    for mean, low, high in values:
        word = "" if mean is None else f"{mean:{sign}.{digits}f}"
        if mean is not None and low is not None and high is not None:
            word += f" ±{(high - low) / 2:.{digits}f}"
        words.append(word)
    return words


def digits_of_interval(half: float | None) -> int:
    """Return how many decimals show two digits of half an interval, from 3 to 7.

    Args:
        half: Half the interval's width; 4 decimals are shown where there is none.
    """
    if half is None:
        return 4
    return min(7, max(3, 1 - math.floor(math.log10(half))))


def wrap_parts(parts: list[str], width: int = WIDTH) -> list[str]:
    """Return parts joined by bars, in lines that fit."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" | {part}"
        else:
            lines += textwrap.wrap(
                part, width, break_long_words=False, break_on_hyphens=False
            )
    return lines


def _interval_text(
    mean: float | None, low: float | None, high: float | None, sign: str = ""
) -> str:
    if mean is None:
        return ""
    if low is None or high is None:
        return format(mean, f"{sign}.{'4f' if abs(mean) < 10 else '1f'}")
    half = (high - low) / 2
    digits = digits_of_interval(half if half > 1e-9 else None) if abs(mean) < 10 else 1
    style = f"{sign}.{digits}f"
    return f"{mean:{style}} [{low:{style}}, {high:{style}}]"


def align_rows(rows: list[list[str]], width: int = WIDTH) -> list[str]:
    """Return rows of words as lines with columns of one width.

    Where they do not fit, what begins a row stands on a line of its own; it is a name,
    and a name is never cut.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_padded_row(row, widths) for row in rows]
    if max(map(len, lines)) <= width:
        return lines
    apart = [(row[0], f"  {_padded_row(row[1:], widths[1:])}") for row in rows]
    return [line for pair in apart for line in pair if line]


def _padded_row(row: list[str], widths: list[int]) -> str:
    pairs = zip(row, widths, strict=True)
    return "  ".join(cell.ljust(width) for cell, width in pairs).rstrip()
