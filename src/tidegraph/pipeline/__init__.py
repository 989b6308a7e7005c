"""Retrieve, rank and re-rank as one object that is itself a recommender.

Names load on first use: what answers from a saved model does not load what trains one.
"""

from typing import TYPE_CHECKING

from tidegraph.lazy import Homes

if TYPE_CHECKING:
    from tidegraph.pipeline.configure import Pipeline as Pipeline
    from tidegraph.pipeline.fitted import FittedPipeline as FittedPipeline

_NAMES = Homes(
    "tidegraph.pipeline", {"configure": ("Pipeline",), "fitted": ("FittedPipeline",)}
)

__all__ = ["FittedPipeline", "Pipeline"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use."""
    if name not in _NAMES:
        raise AttributeError(f"module 'tidegraph.pipeline' has no attribute {name!r}")
    return _NAMES[name]
