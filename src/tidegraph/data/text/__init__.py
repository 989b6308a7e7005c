"""Delimited text: its dialect, its records, and the types of its columns."""
