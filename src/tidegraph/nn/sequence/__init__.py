"""Layers over the events of a history."""
