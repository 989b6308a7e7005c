"""Simplifications of Table 19.1: a matrix, and sequences of actions.

Each forgets something of the log: a matrix forgets time and order, sequences forget
what was shown and not chosen. A stage takes a log or a matrix. What is known of items
is seen as columns, and as tags.
"""
