"""Retrieval: from all items to hundreds; every retriever scores an indexable space."""
