"""Nodes that were not chosen, drawn from those active at a clock."""
