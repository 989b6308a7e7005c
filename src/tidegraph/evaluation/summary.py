"""Evaluations in words: means with their intervals, gains and p-values."""

from typing import Any

import polars as pl

from tidegraph.evaluation.pvalues import p_text


def headings(models: list[str]) -> list[str]:
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


def cells(rows: list[dict[str, Any]]) -> list[str]:
    """Return what stands under the headings for one metric, the first model first."""
    first, *others = rows
    cells = [_spread(first["mean"], first["low"], first["high"])]
    for row in others:
        cells.append(_spread(row["mean"], row["low"], row["high"]))
        cells.append(_spread(row["gain"], row["gain_low"], row["gain_high"], "+"))
        cells.append(p_text(row["p_holm"], row["p_holm_is_bound"]))
    return cells


def summary(table: pl.DataFrame, models: list[str], k: int) -> list[list[str]]:
    """Return headings, and a row of words per model with the first at the end."""
    gained = f"ndcg@{k}"
    shown = [f"recall@{k}", gained, f"diversity@{k}"]
    shown = [metric for metric in shown if metric in table["metric"]]
    rows = [["", *shown, "gain", "p"]]
    for name in [*models[1:], models[0]]:
        cells = table.filter(model=name).rows_by_key("metric", named=True, unique=True)
        judged = cells[gained]
        gain = "" if judged["gain"] is None else f"{judged['gain']:+.4f}"
        chance = p_text(judged["p_holm"], judged["p_holm_is_bound"])
        means = ["" if (m := cells[n]["mean"]) is None else f"{m:.4f}" for n in shown]
        means[1] += f" ±{(judged['high'] - judged['low']) / 2:.3f}"
        rows.append([name, *means, gain, chance])
    return rows


def _spread(
    mean: float | None, low: float | None, high: float | None, sign: str = ""
) -> str:
    if mean is None:
        return ""
    style = f"{sign}.{'4f' if abs(mean) < 10 else '1f'}"
    if low is None or high is None:
        return format(mean, style)
    return f"{mean:{style}} [{low:{style}}, {high:{style}}]"


def aligned(rows: list[list[str]]) -> list[str]:
    """Return rows of words as lines with columns of one width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
