"""Click models that read the graph around users and candidates, as of a moment."""
