"""Times of any spelling."""
