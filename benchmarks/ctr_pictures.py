"""Pictures and the table of what ``benchmarks/ctr.py`` measured, from its results.

Claim: they show what each part of DSGL is worth, what depth is with and without the
combination of layers, and among which users DSGL is ahead. Nothing is trained.
Run: python benchmarks/ctr_pictures.py
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ctr import ABLATIONS, OUT, WHOLE

from tidegraph.evaluation.report.axes import linear
from tidegraph.evaluation.report.charts import Bar, Chart, Series, bars, lines
from tidegraph.evaluation.report.html import write_picture

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
MINUS = "\N{MINUS SIGN}"
BESIDE = ("MLP", "DIN", "GRU4Rec")
"""Who is drawn beside DSGL, by activity of users."""
DEPTHS = {
    "mean of layers": {1: "depth (1, 1)", 2: "depth (2, 2)"},
    "last layer": {1: "depth (1, 1), last layer", 2: "depth (2, 2), last layer"},
}


def name_of(result: Mapping[str, Any]) -> str:
    """Return the name of a set in words."""
    return result["set"].removeprefix("amazon_tlsan_").replace("_", " ")


def title_of(result: Mapping[str, Any]) -> str:
    """Return the name of a set in words, and how many seeds were tried."""
    return f"{name_of(result)}, {result['seeds']} seed{'s' * (result['seeds'] > 1)}"


def ablations(result: Mapping[str, Any]) -> Chart:
    """Return what is lost without each part, with intervals."""
    rows = {row["model"]: row for row in result[f"beside {WHOLE}"]}
    groups = [
        (
            name.removesuffix(" layer"),
            [Bar("lost", -row["lead"], -row["lead_high"], -row["lead_low"])],
        )
        for name in ABLATIONS
        if (row := rows.get(f"DSGL, {name}")) is not None
    ]
    return bars(
        f"AUC lost by what is left out of DSGL: {title_of(result)}",
        "Against DSGL with structure; 95 % intervals over users.",
        groups,
    )


def depths(result: Mapping[str, Any]) -> Chart:
    """Return AUC by the depth of both sides, with and without combination."""
    auc = {row["model"]: row["auc"] for row in result["lead over RecencyLogit"]}
    series = [
        Series(
            label,
            np.array(list(of), np.float64),
            np.array([auc[f"DSGL, {name}"] for name in of.values()]),
        )
        for label, of in DEPTHS.items()
    ]
    ends = np.concatenate([one.y for one in series])
    return lines(
        f"AUC by depth: {title_of(result)}",
        "Depth of both sides; layers combined, and the last one alone.",
        series,
        (
            linear("depth", 1.0, 2.0),
            linear("AUC", float(ends.min()), float(ends.max())),
        ),
    )


def activity(results: list[Mapping[str, Any]]) -> Chart:
    """Return how far DSGL is ahead, by activity of users, on every log."""
    groups: list[tuple[str, list[Bar]]] = []
    for result in results:
        of: dict[str, dict[str, Any]] = {}
        for row in result["gains by activity"]:
            of.setdefault(row["group"], {})[row["model"]] = row
        for group, rows in of.items():
            drawn = [
                Bar(name, row["gain"], row["gain_low"], row["gain_high"])
                for name in BESIDE
                if (row := rows.get(name)) is not None
            ]
            label = f"{name_of(result)}, {group.removesuffix(' activity')}"
            groups.append((label, drawn))
    return bars(
        "How far DSGL is ahead in AUC, by activity of users",
        "Thirds by events before their first request; 95 % intervals over users.",
        groups,
    )


def drawn(
    results: list[Mapping[str, Any]], ablated: list[Mapping[str, Any]]
) -> Iterator[tuple[str, Chart]]:
    """Yield the pictures that the results have, and those of the ablations."""
    lengths = [result for result in results if "gains by activity" in result]
    if lengths:
        yield "ctr-activity", activity(lengths)
    for result in ablated:
        there = {row["model"] for row in result["lead over RecencyLogit"]}
        if {f"DSGL, {name}" for name in ABLATIONS} <= there:
            name = name_of(result).replace(" ", "-")
            yield f"ctr-ablations-{name}", ablations(result)
            yield f"ctr-depth-{name}", depths(result)


def table(results: list[Mapping[str, Any]]) -> str:
    """Return test AUC by model and log, with how far DSGL is ahead, in Markdown.

    In brackets the 95 % interval of the lead; p is that of the paired test, corrected.
    """
    columns = [{row["model"]: row for row in r[f"beside {WHOLE}"]} for r in results]
    auc = [
        {row["model"]: row["auc"] for row in r["lead over RecencyLogit"]}
        for r in results
    ]
    names = dict.fromkeys(name for one in auc for name in one)
    low = {name: min(one[name] for one in auc if name in one) for name in names}
    lines = [
        f"| test AUC | {' | '.join(map(title_of, results))} |",
        "|---|" + "---|" * len(results),
    ]
    for name in sorted(names, key=lambda name: (name == WHOLE, low[name])):
        cells = [
            _cell(of.get(name), beside.get(name))
            for of, beside in zip(auc, columns, strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(auc: float | None, row: Mapping[str, Any] | None) -> str:
    if auc is None:
        return ""
    if row is None or row["lead"] is None:
        return f"**{auc:.4f}**".replace("0.", ".")
    # The rows say how far each model is ahead of DSGL.
    ends = (-row[key] for key in ("lead", "lead_high", "lead_low"))
    lead, low, high = (f"{x:+.4f}".replace("-", MINUS) for x in ends)
    chance = f"{row['p']:.3f}" if row["p"] >= 1e-3 else "< .001"
    return f"{auc:.4f} ({lead} [{low}, {high}], p {chance})".replace("0.", ".")


def read(names: str) -> list[Mapping[str, Any]]:
    """Return the results in the files of these names."""
    return [json.loads(path.read_text()) for path in sorted(OUT.glob(names))]


def main() -> None:
    for name, chart in drawn(read("time-*.json"), read("ablations-time-*.json")):
        print(write_picture(PICTURES / f"{name}.svg", chart))
    for protocol in ("time", "literature"):
        judged = [one for one in read(f"{protocol}-*.json") if f"beside {WHOLE}" in one]
        if judged:
            print(f"\n{protocol}\n\n{table(judged)}")


if __name__ == "__main__":
    main()
