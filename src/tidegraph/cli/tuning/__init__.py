"""The command ``tidegraph tune``: settings of a recipe are searched on validation."""
