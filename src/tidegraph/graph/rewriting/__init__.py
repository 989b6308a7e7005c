"""A graph written anew, as without some nodes or edges, beside who appends to it."""
