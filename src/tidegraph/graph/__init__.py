"""The typed, temporal graph: numpy in, numpy out, no tensor engine."""
