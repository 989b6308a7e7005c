"""Bench: which click model is worth having on a log, by one protocol for all."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
