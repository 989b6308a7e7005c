"""A device: it ranks, learns and uploads, and needs no tensor engine for it."""
