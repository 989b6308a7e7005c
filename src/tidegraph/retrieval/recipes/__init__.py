"""Methods of the literature: an encoder, an objective and a training by name."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
