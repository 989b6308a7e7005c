"""The report of a comparison: a page with the table and pictures, and files of both."""

import json
from collections.abc import Sequence
from pathlib import Path

from tidegraph.arguments import checked
from tidegraph.artifact.writing import replaced
from tidegraph.bench.activity import held_by_activity, some_impressions
from tidegraph.bench.scores import Scores, markdown_table
from tidegraph.errors import ConfigError
from tidegraph.evaluation.report.charts import Bar, Chart, bars
from tidegraph.evaluation.report.html import Section, Table, write_report
from tidegraph.evaluation.report.pictures import reliability_curves
from tidegraph.evaluation.resampling import measured_metrics

PAGE, TABLE, WORDS = "report.html", "table.json", "table.md"
CHANCE = 0.5
"""The AUC of a ranker that knows nothing, where bars begin."""
SHOWN = 6
"""At most so many models are drawn beside each other."""


@checked(ConfigError)
def write_comparison(
    scores: Scores, folder: Path, title: str, further: Sequence[Section] = ()
) -> Path:
    """Write the page, and the table as JSON and as Markdown; return the page.

    Args:
        scores: What to show.
        folder: Where to.
        title: Heading of the page.
        further: Parts of the page after its own.

    Raises:
        ArtifactError: It cannot be written there.
    """
    files = {
        TABLE: json.dumps(scores.table().to_dicts(), indent=1) + "\n",
        WORDS: f"# {title}\n\n{scores.text()}\n\n{markdown_table(scores.readable())}\n",
    }
    for name, content in files.items():
        with replaced(folder / name) as aside:
            aside.write_text(content, encoding="utf-8")
    return write_report(folder / PAGE, title, [*sections(scores), *further])


def sections(scores: Scores) -> list[Section]:
    """Return the parts of the page."""
    table = Table(
        "Means over seeds [95 % intervals over users]; paired tests, Holm-corrected",
        scores.readable(),
    )
    charts = [
        auc_bars(scores, scores.table()["model"].to_list()),
        activity_bars(scores),
        reliability_curves(scores.evaluation),
    ]
    about = scores.text()
    return [Section("Which model is worth having here", about, charts, (table,))]


@checked(ConfigError)
def auc_bars(
    scores: Scores, names: Sequence[str], title: str = "AUC of every model"
) -> Chart:
    """Return the AUC of some models, such as the depths or ablations of one.

    Args:
        scores: What to show.
        names: Which models, in this order.
        title: What the picture shows.
    """
    rows = (
        scores.evaluation.table().filter(metric="auc").rows_by_key("model", named=True)
    )
    groups = [
        (name, [Bar("AUC", row["mean"], row["low"], row["high"])])
        for name in names
        for row in rows[name]
    ]
    said = "Means over seeds with 95 % intervals over users; .5 is chance."
    return bars(title, said, groups, start=CHANCE)


def activity_bars(scores: Scores) -> Chart:
    """Return the AUC among users by how much they had done, of the best models."""
    rows, runs = scores.comparison.rows(), scores.comparison.runs()
    best = scores.table()["model"].to_list()[: SHOWN - 1]
    shown = list(dict.fromkeys([*best, scores.subject]))
    drawn: list[tuple[str, list[Bar]]] = []
    for name, held in held_by_activity(scores).items():
        part = some_impressions(rows, held)
        found = [
            Bar(
                model,
                float(measured_metrics(part, [run[held] for run in runs[model]])[0]),
            )
            for model in shown
        ]
        drawn.append((name, found))
    return bars(
        "AUC by activity",
        "Users by how many events they had before their first request of the test; "
        ".5 is chance.",
        drawn,
        start=CHANCE,
    )
