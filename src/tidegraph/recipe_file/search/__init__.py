"""The search of settings of a recipe."""
