"""The one line in which a fitted retriever says what it is."""


def described(
    method: str, trained_until: int | None, *parts: str, **settings: object
) -> str:
    """Return a method's name, sizes, settings that are given, and end of training."""
    told = [f"{name}={value}" for name, value in settings.items() if value is not None]
    if trained_until is not None:
        told.append(f"trained_until={trained_until}")
    return f"Fitted{method}({', '.join([*parts, *told])})"
