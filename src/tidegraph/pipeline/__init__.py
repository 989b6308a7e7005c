"""Retrieve, rank and re-rank as one object that is itself a recommender.

Names load on first use: what answers from a saved model does not load what trains one.
"""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
