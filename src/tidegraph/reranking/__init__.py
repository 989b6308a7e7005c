"""Re-ranking: the list as a whole."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
