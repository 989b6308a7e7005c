"""Ranking: the probability of an action on each of a few hundred candidates."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
