"""A recipe in TOML: which log, which split, which stages; read, fitted and searched."""
