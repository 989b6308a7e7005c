"""Pictures of what ``benchmarks/dccl.py`` measured, from its results.

Claim: they show how far DCCL, its stages, junctions and rivals are from DIN on all, how
it goes with the interval of rounds, and what groups of users have of it. Nothing is
trained.
Run: python benchmarks/dccl_pictures.py
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tidegraph.evaluation.report.axes import linear
from tidegraph.evaluation.report.charts import Bar, Chart, Series, bars, lines
from tidegraph.evaluation.report.html import write_picture

RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
BASE, GAP, INTERVAL = "DIN, all", "NDCG@10 by user over DIN, all", "95 % interval"
DAYS = (2, 5, 10)
"""Intervals that were measured when bases were learnt by gradients."""
OF_GROUPS = "by 20 groups of users"


def ahead(title: str, rows: dict[str, dict[str, Any]]) -> Chart:
    """How far contenders are ahead of DIN on all, with intervals."""
    groups = [
        (
            name.replace(", model of all", ", all"),
            [Bar("gap", row[GAP], *row[INTERVAL])],
        )
        for name, row in rows.items()
        if name != BASE
    ]
    return bars(
        title,
        "NDCG@10 by user over DIN on all; 95 % intervals over users.",
        groups,
    )


def by_group(
    data: str,
    of_groups: dict[str, list[float]],
    said: str = "Twenty groups of as many actions, by the rows of a user's device.",
    what: str = "rows",
) -> Chart:
    """NDCG@10 of 20 groups of users, those with the fewest rows first."""
    names = [name for name in (BASE, "DCCL", "DIN, half") if name in of_groups]
    y = {name: np.array(of_groups[name]) for name in names}
    every = np.concatenate(list(y.values()))
    return lines(
        f"NDCG@10 by group of users: {data}",
        said,
        [Series(name, np.arange(1.0, len(y[name]) + 1), y[name]) for name in names],
        (
            linear(f"group, fewest {what} first", 1, 20),
            linear("NDCG@10", float(every.min()), float(every.max())),
        ),
    )


def drawn() -> Iterator[tuple[str, Chart]]:
    """Yield the pictures that the results have."""
    learnable = RESULTS / "dccl-kinds-3-kinds-of-items.json"
    if learnable.exists():
        result = json.loads(learnable.read_text())
        rows = {n: row for n, row in result["table"].items() if "the " not in n}
        yield "dccl-stages", ahead("Stages and rivals of DCCL: kinds", rows)
        yield "dccl-groups", by_group(result["data"], result[OF_GROUPS])
    last = RESULTS / "dccl-last-movielens_1m_rebuilt-keep-4400.json"
    if last.exists():
        result = json.loads(last.read_text())["among 100"]
        said = "Last actions among 100 items; twenty groups of as many users."
        yield (
            "dccl-last-groups",
            by_group("MovieLens-1M", result[OF_GROUPS], said, "actions"),
        )
    found = {
        days: json.loads(path.read_text())
        for days in DAYS
        if (path := RESULTS / f"dccl-gradients-drift-{days}-ids.json").exists()
    }
    if len(found) == len(DAYS):
        rows = {
            f"every {days} days": one["table"]["DCCL"] for days, one in found.items()
        }
        yield "dccl-days", ahead("DCCL by the interval of rounds: drift", rows)


def main() -> None:
    for name, chart in drawn():
        print(write_picture(PICTURES / f"{name}.svg", chart))


if __name__ == "__main__":
    main()
