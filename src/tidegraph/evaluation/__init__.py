"""Evaluation: judges any recommender, ours or not; imports no model."""
