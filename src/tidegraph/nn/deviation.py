"""How far apart the numbers of first vectors are."""

DEVIATION = 0.05
"""Of drawn vectors; others that stand in for them have it too, so that a learning rate
means the same for all."""
