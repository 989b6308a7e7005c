"""Click models that read the history of a user in its order, or by attention."""
