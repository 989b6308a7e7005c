"""The simplifications of Table 19.1 as types: matrix, impressions, sequences.

Each forgets something of the log, and a stage says by its argument's type which one it
learns from: a matrix forgets time and order, impressions forget nothing but features,
sequences forget what was shown and not chosen.
"""
