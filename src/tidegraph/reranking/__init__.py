"""Re-ranking: the list as a whole."""
