"""What methods share: evidence from a log, sums over a history, the best of scores."""
