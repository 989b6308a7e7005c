"""Recommendations from a live interaction graph."""
