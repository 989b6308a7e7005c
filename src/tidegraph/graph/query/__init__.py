"""Questions to the graph: traversals, their filters, and batches of edges."""
