"""Sequence models as retrievers: an encoded history finds what comes next."""
