"""The pictures of a report: of a log, of an evaluation, and of a ranker."""

import numpy as np
import polars as pl
from jaxtyping import Float64, Int64

from tidegraph.data.interactions import Interactions
from tidegraph.durations import DAY
from tidegraph.errors import ConfigError
from tidegraph.evaluation.metrics.catalogue import lorenz
from tidegraph.evaluation.rankers import RankerEvaluation
from tidegraph.evaluation.report.axes import calendar, linear, logarithmic
from tidegraph.evaluation.report.charts import Bar, Chart, Series, bars, columns, lines
from tidegraph.evaluation.report.html import Section, Table
from tidegraph.evaluation.results import Evaluation

WEEK = 7 * DAY
LISTED = ("ndcg", "recall", "precision", "map", "hit", "mrr")


def sections(evaluation: Evaluation, log: Interactions) -> list[Section]:
    """Return the pages of a report about one evaluation and the part it judged on."""
    return [log_section(log, "What it was judged on"), evaluation_section(evaluation)]


def log_section(log: Interactions, title: str = "The log") -> Section:
    """Return what a log looks like: events over time, and its long tails.

    Args:
        log: The log or a part of it, of which those with an event are counted.
        title: Heading of the section.
    """
    users, items = len(np.unique(log.user)), len(np.unique(log.item))
    text = f"{len(log):,} events of {users:,} users with {items:,} items."
    if not len(log):
        return Section(title, text)
    over_time = () if log.clock == "none" else (events_over_time(log),)
    return Section(title, text, (*over_time, activity_curves(log)))


def events_over_time(log: Interactions) -> Chart:
    """Return how many events fell on each week, or on each day of a short log.

    Where times are positions it is on each of a hundred equal steps.
    """
    first, last = int(log.time[0]), int(log.time[-1])
    if log.clock == "order":
        step = max(1, (last - first) // 100)
        unit = "position" if step == 1 else f"{step:,} positions"
    else:
        step, unit = (WEEK, "week") if last - first > 12 * WEEK else (DAY, "day")
    bin_of = (log.time - first) // step
    counts = np.bincount(bin_of).astype(np.float64)
    start = (first + step * np.arange(len(counts))).astype(np.float64)
    end = max(last, int(start[-1]))
    when = (
        linear("position", float(first), float(max(end, first + 1)))
        if log.clock == "order"
        else calendar("", first, end)
    )
    axes = (when, linear(f"events a {unit}", 0.0, float(counts.max())))
    return lines(
        "Events over time",
        f"Events a {unit}; the busiest had {int(counts.max()):,}.",
        [Series("events", start, counts)],
        axes,
        filled=True,
    )


def activity_curves(log: Interactions) -> Chart:
    """Return how many events each user and each item has, from most to least."""
    sizes = {
        "users": _positive_descending(np.bincount(log.user)),
        "items": _positive_descending(np.bincount(log.item)),
    }
    series = [
        Series(
            name,
            np.arange(1, len(size) + 1).astype(np.float64)[
                _log_spaced_places(len(size))
            ],
            size[_log_spaced_places(len(size))],
        )
        for name, size in sizes.items()
    ]
    tenth = sizes["items"][: max(1, len(sizes["items"]) // 10)].sum() / len(log)
    return lines(
        "The long tails",
        f"Events of each user and item, by rank. A tenth of the items hold {tenth:.0%} "
        "of the events.",
        series,
        (
            logarithmic("rank", float(max(len(size) for size in sizes.values()))),
            logarithmic("events", float(max(size[0] for size in sizes.values()))),
        ),
    )


def evaluation_section(evaluation: Evaluation, title: str = "Evaluation") -> Section:
    """Return an evaluation with its pictures and tables.

    Args:
        evaluation: What to show.
        title: Heading of the section.
    """
    k = evaluation.cutoffs[0]
    metric = f"ndcg@{k}"
    charts = [metric_bars(evaluation, k)]
    charts += [
        gains_histogram(evaluation, metric, other) for other in evaluation.models[1:]
    ]
    if evaluation.exposure:
        charts.append(exposure_curves(evaluation))
    charts.append(slice_bars(evaluation, metric))
    caption = "Means [95 % intervals over users]; paired tests, Holm-corrected"
    parts = evaluation.slices().filter(metric=metric).drop("metric")
    tables = (
        Table(caption, evaluation.readable()),
        Table(f"{metric} of parts of users and items", parts),
    )
    return Section(title, str(evaluation.setup), tuple(charts), tables)


def ranker_section(evaluation: RankerEvaluation, title: str = "Ranking") -> Section:
    """Return a ranker's evaluation with its reliability diagram and table.

    Args:
        evaluation: What to show.
        title: Heading of the section.
    """
    text = f"{evaluation.dropped:,} users have one class only, and no AUC of their own."
    table = Table(
        "Every metric: mean, 95 % interval over users, gain, paired test",
        evaluation.table(),
    )
    return Section(title, text, (reliability_curves(evaluation),), (table,))


def metric_bars(evaluation: Evaluation, k: int) -> Chart:
    """Return the accuracy of every model and stage at ``k``, with intervals."""
    table = evaluation.table()
    groups = [
        (f"{name}@{k}", _metric_bars(table.filter(metric=f"{name}@{k}")))
        for name in LISTED
    ]
    return bars(
        f"Accuracy of lists of {k}",
        f"Means over users with 95 % intervals; {evaluation.setup.protocol}.",
        groups,
    )


def stage_bars(evaluation: Evaluation, metric: str) -> Chart:
    """Return one metric of every model and stage, from the worst to the best.

    Args:
        evaluation: What to show.
        metric: A column of its scores.
    """
    rows = evaluation.table().filter(metric=metric).sort("mean", maintain_order=True)
    return bars(
        f"{metric} of each stage and baseline",
        f"Means over users with 95 % intervals; {evaluation.setup}.",
        [(name, _metric_bars(rows.filter(model=name))) for name in rows["model"]],
    )


def slice_bars(evaluation: Evaluation, metric: str) -> Chart:
    """Return one metric of every model, for parts of users and items."""
    slices = evaluation.slices().filter(metric=metric)
    names = slices["slice"].unique(maintain_order=True)
    groups = [(name, _metric_bars(slices.filter(slice=name))) for name in names]
    return bars(
        f"{metric} by part",
        "Users by how much they did before, and all users' tail items; 95 % intervals.",
        groups,
    )


def gains_histogram(evaluation: Evaluation, metric: str, other: str) -> Chart:
    """Return how much each user gains by the first model over another.

    Args:
        evaluation: What to show.
        metric: A column of its scores.
        other: Name of the other model.

    Raises:
        ConfigError: There is no such model or metric.
    """
    if other not in evaluation.models or metric not in evaluation.scores.columns:
        raise ConfigError(
            f"there is no {metric!r} of {other!r} here. Models: "
            f"{', '.join(evaluation.models)}."
        )
    first = evaluation.models[0]
    scores = evaluation.scores
    ours = scores.filter(model=first)[metric].fill_null(np.nan).to_numpy()
    theirs = scores.filter(model=other)[metric].fill_null(np.nan).to_numpy()
    gain = (ours - theirs)[~np.isnan(ours - theirs)]
    same = gain == 0
    reach = float(np.abs(gain).max(initial=0.0)) or 1.0
    # An even number of bins, so that zero is an edge and no bin mixes the signs.
    height, edges = np.histogram(gain[~same], bins=40, range=(-reach, reach))
    return columns(
        f"Gain of each user over {other}",
        f"{metric} of {first} less that of {other}: {(gain > 0).mean():.0%} of users "
        f"gain, {(gain < 0).mean():.0%} lose, {same.mean():.0%} see no difference (not "
        "drawn).",
        edges,
        height.astype(np.float64),
        (
            linear(f"gain in {metric}", -reach, reach),
            linear("users", 0.0, float(max(height.max(initial=0), 1))),
        ),
    )


def exposure_curves(evaluation: Evaluation) -> Chart:
    """Return how the places in lists are shared among items: a Lorenz curve each."""
    series: list[Series] = []
    for name, exposed in evaluation.exposure.items():
        held = lorenz(exposed)
        series.append(Series(name, np.linspace(0, 1, len(held)), held))
    k = evaluation.cutoffs[-1]
    return lines(
        "Exposure of the catalogue",
        f"Share of the places in lists of {k} that the least shown of the items that "
        "training saw hold; the dashed line would be equal exposure.",
        series,
        (
            linear("share of items, least shown first", 0.0, 1.0, percent=True),
            linear("share of exposure", 0.0, 1.0, percent=True),
        ),
        diagonal=True,
    )


def reliability_curves(evaluation: RankerEvaluation) -> Chart:
    """Return what was observed against what was predicted, per ranker."""
    curves = evaluation.curves
    top = curves.select(pl.max_horizontal("predicted", "observed").max()).item()
    series = [
        Series(
            name,
            part["predicted"].to_numpy().astype(np.float64),
            part["observed"].to_numpy().astype(np.float64),
        )
        for (name,), part in curves.group_by("model", maintain_order=True)
    ]
    axes = (
        linear("predicted probability", 0.0, float(top)),
        linear("observed share of actions", 0.0, float(top)),
    )
    return lines(
        "Calibration",
        "Ten groups of equally many impressions; on the dashed line, predictions are "
        "what happens.",
        series,
        axes,
        diagonal=True,
    )


def _metric_bars(table: pl.DataFrame) -> list[Bar]:
    rows = table.select("model", pl.col("mean").fill_null(0.0), "low", "high")
    return [Bar(*row) for row in rows.iter_rows()]


def _positive_descending(counts: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " m"]:
    return np.sort(counts[counts > 0])[::-1].astype(np.float64)


def _log_spaced_places(length: int) -> Int64[np.ndarray, " points"]:
    """Return places, first and last among them, even on a logarithmic axis."""
    return np.unique(np.geomspace(1, length, 300).astype(np.int64)) - 1
