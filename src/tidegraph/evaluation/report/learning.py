"""The part of a report that shows how training went."""

from collections.abc import Mapping

import numpy as np

from tidegraph.evaluation.report.axes import around, linear
from tidegraph.evaluation.report.charts import Chart, Series, lines
from tidegraph.evaluation.report.html import Section
from tidegraph.run import Curve


def learning_section(
    curves: Mapping[str, Curve], title: str = "Training"
) -> Section | None:
    """Return a section with the curves of each part that trained, None without any.

    Args:
        curves: The curve of each part, by its name.
        title: Its heading.
    """
    if not curves:
        return None
    text = "\n\n".join(f"{name}: {curve.text()}." for name, curve in curves.items())
    charts: list[Chart] = []
    for name, curve in curves.items():
        what = "Mean loss on training after each epoch; the lower, the better."
        charts.append(_epoch_chart(f"{name}: loss", what, "loss", curve.loss))
        if not np.isnan(curve.metric).all():
            what = (
                "What validation found after each epoch; the higher, the better. "
                f"Epoch {curve.best_epoch + 1} was kept."
            )
            charts.append(
                _epoch_chart(f"{name}: validation", what, "validation", curve.metric)
            )
    return Section(title, text, tuple(charts))


def _epoch_chart(
    title: str, description: str, label: str, values: tuple[float, ...]
) -> Chart:
    y = np.array(values, np.float64)
    x, known = np.arange(1.0, len(y) + 1), np.isfinite(y)
    return lines(
        title,
        description,
        [Series(label, x[known], y[known])],
        (linear("epoch", 1.0, float(max(len(y), 2))), around(label, y[known])),
    )
