"""Tables from files, frames, databases and Arrow, in batches."""
