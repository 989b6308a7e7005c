"""How good lists, probabilities and policies are."""
