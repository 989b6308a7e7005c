"""Encoders of embeddings: of a graph (``nn.conv``), of histories (``nn.sequence``)."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
