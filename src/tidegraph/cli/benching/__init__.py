"""The commands that compare models on a log."""
