"""Click models that multiply vectors of fields; the history is one of them at most."""
