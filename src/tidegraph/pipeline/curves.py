"""How the parts of a pipeline that train have learnt."""

from tidegraph.pipeline.fitted import FittedPipeline
from tidegraph.run import Curve
from tidegraph.stages import called, curve_of


def curves_of(model: FittedPipeline) -> dict[str, Curve]:
    """Return the curve of each channel and of the ranker, of those that have one."""
    parts: dict[str, object] = dict(model.channels())
    if model.ranker is not None:
        parts[called(model.ranker).removeprefix("Fitted")] = model.ranker
    curves = {name: curve_of(part) for name, part in parts.items()}
    return {name: curve for name, curve in curves.items() if curve.loss}
