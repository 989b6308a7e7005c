"""How near nodes are: shared neighbours, PageRank, local clusters."""
