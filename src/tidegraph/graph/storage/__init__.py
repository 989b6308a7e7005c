"""How edges lie in memory: rows sorted by time that grow at their ends."""
