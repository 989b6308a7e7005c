"""What a device downloads: a few graphs, their weights, and a signed manifest."""
