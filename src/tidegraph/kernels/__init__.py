"""Compiled building blocks: random draws by key, searches, top-k, sparse rows."""
