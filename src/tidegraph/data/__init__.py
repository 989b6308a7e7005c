"""The log of interactions: reading, splitting, and seeing it in other shapes."""
