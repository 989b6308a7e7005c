"""Fitted values on disk: arrays, tables and a sealed manifest; never code."""
