"""Kernels that train tables of vectors, row by row, the same on any threads."""
