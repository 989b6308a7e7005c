"""What an id is, and which row it is: one rule at every door."""
