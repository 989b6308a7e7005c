"""Retrieve, rank and re-rank as one object that is itself a recommender."""

from tidegraph.pipeline.configure import Pipeline
from tidegraph.pipeline.fitted import FittedPipeline

__all__ = ["FittedPipeline", "Pipeline"]
