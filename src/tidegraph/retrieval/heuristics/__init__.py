"""Scores of items by the walks that lead to them from a history."""
