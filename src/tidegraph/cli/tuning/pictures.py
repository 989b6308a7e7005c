"""The pictures of a search: how it went, and what each setting has to do with it."""

import numpy as np
import polars as pl

from tidegraph.evaluation.report.axes import around, linear
from tidegraph.evaluation.report.charts import Bar, Chart, Series, bars, lines, points
from tidegraph.evaluation.report.html import Section, Table
from tidegraph.recipe_file.search.space import Between, OneOf, Search, Values
from tidegraph.recipe_file.search.study import Found, Trial


def search_section(wanted: Search, found: Found) -> Section:
    """Return the part of a report that shows a search."""
    scores = np.array([trial.score for trial in found.trials])
    known = np.isfinite(scores)
    best, text = found.best, f"{wanted.metric} on the valid part. "
    text += f"The recipe as it is finds {found.recipe:.4f}, "
    text += f"the best of {len(scores)} trials {best.score:.4f}. "
    text += "The best of many is better on the part it was chosen by than elsewhere: "
    text += "judge it once on the test part."
    charts = [_course_chart(wanted, found, scores)]
    charts += [
        _setting_chart(place, values, wanted, found)
        for place, values in wanted.settings.items()
    ]
    rows = [
        {"trial": str(n), wanted.metric: score}
        | {place: str(value) for place, value in trial.settings.items()}
        for n, (trial, score) in enumerate(zip(found.trials, scores, strict=True), 1)
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    if len(frame):
        frame = frame.sort(wanted.metric, descending=True, nulls_last=True)
    caption = f"All trials; {int((~known).sum())} could not be fitted"
    return Section("Search", text, tuple(charts), (Table(caption, frame),))


def _course_chart(wanted: Search, found: Found, scores: np.ndarray) -> Chart:
    number = np.arange(1.0, len(scores) + 1)
    known = np.isfinite(scores)
    so_far = np.maximum.accumulate(np.where(known, scores, found.recipe))
    series = [
        Series("best so far", number, np.maximum(so_far, found.recipe)),
        Series("recipe", number, np.full(len(number), found.recipe)),
    ]
    x = linear("trial", 1.0, float(max(len(scores), 2)))
    y = around(wanted.metric, np.append(scores[known], found.recipe))
    return lines(
        "How the search went",
        f"The best {wanted.metric} after each trial, beside that of the recipe.",
        series,
        (x, y),
    )


def _setting_chart(place: str, values: Values, wanted: Search, found: Found) -> Chart:
    tried = [trial for trial in found.trials if np.isfinite(trial.score)]
    score = np.array([trial.score for trial in tried])
    if isinstance(values, Between):
        value = np.array([float(trial.settings[place]) for trial in tried])  # pyright: ignore[reportArgumentType]
        low, high = float(values.low), float(values.high)
        label = place
        if values.log:
            value, low, high = np.log10(value), np.log10(low), np.log10(high)
            label = f"{place}, as a power of ten"
        axes = linear(label, low, high), around(wanted.metric, score)
        said = f"What each trial found with its {place}."
        return points(place, said, Series(place, value, score), axes)
    return _choices_chart(place, values, wanted.metric, tried)


def _choices_chart(place: str, values: OneOf, metric: str, tried: list[Trial]) -> Chart:
    groups: list[tuple[str, list[Bar]]] = []
    for choice in values.choices:
        own = [trial.score for trial in tried if trial.settings[place] == choice]
        if own:
            bar = Bar(metric, float(np.mean(own)), min(own), max(own))
            groups.append((str(choice), [bar]))
    said = f"The mean {metric} of the trials with each {place}, worst to best."
    return bars(place, said, groups)
