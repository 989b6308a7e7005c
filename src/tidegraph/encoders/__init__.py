"""Encoders: features and neighbourhoods to vectors."""
