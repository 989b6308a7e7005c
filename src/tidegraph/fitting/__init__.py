"""What stages are fitted on: examples of past requests."""
