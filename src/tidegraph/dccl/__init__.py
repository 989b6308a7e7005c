"""Device-cloud collaborative learning over a log, round by round."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
