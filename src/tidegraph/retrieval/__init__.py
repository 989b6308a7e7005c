"""Retrieval: from all items to hundreds; every retriever scores an indexable space."""

from tidegraph.lazy import lifted

__getattr__, __dir__ = lifted(__name__)
