"""The one line in which a fitted retriever says what it is."""

from collections.abc import Mapping


def describe_retriever(
    method: str, trained_until: int | None, *parts: str, **settings: object
) -> str:
    """Return a method's name, sizes, settings that are given, and end of training."""
    if trained_until is not None:
        settings["trained_until"] = trained_until
    given = {name: value for name, value in settings.items() if value is not None}
    told = [*parts, settings_text(given)] if given else parts
    return f"Fitted{method}({', '.join(told)})"


def settings_text(settings: Mapping[str, object]) -> str:
    """Return settings as they are written in Python."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())
