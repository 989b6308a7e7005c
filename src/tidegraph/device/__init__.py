"""A model on devices: what each learns stays with it, but for a small vector."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
