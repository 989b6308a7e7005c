"""Nodes that were not chosen, drawn from those active at a clock.

Plans, and examples of past requests, draw with what is here. What an embedding is
trained on is drawn elsewhere (``retrieval.objective.negatives``): its noise goes by how
often nodes are targets of pairs, be they of walks, in the training part as a whole.
"""
