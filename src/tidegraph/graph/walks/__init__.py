"""Random walks along typed, timed edges, and whom they visit."""
