"""Nearest neighbours in a sparse space: similarities, and the search for them."""
