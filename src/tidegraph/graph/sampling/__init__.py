"""Which neighbours a hop takes: seeds, samplers, and what they bring."""
