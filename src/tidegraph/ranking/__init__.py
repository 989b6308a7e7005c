"""Ranking: the probability of an action on each of a few hundred candidates."""
