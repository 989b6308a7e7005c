"""Spans of time in seconds, in which logs count."""

DAY = 86_400


def whole_seconds(days: int | float) -> int:
    """Return a span in whole seconds, at least one."""
    return max(1, round(days * DAY))
