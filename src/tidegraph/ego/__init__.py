"""EGO: the receptive field of a node at a time (section 19.1.1, 19.2.1)."""
