"""What methods are called: by their class, by a name of their own, or by the caller."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar, cast

from tidegraph.errors import ConfigError, did_you_mean

M = TypeVar("M")
V = TypeVar("V")


def called(method: object) -> str:
    """Return what a method is called: the name it has, else that of its class."""
    name = getattr(method, "name", None)
    return name if isinstance(name, str) else type(method).__name__


def by_name(methods: Mapping[str, M] | Iterable[M], where: str) -> dict[str, M]:
    """Return methods by their names, in their order.

    Args:
        methods: Methods, which are ``called`` something, or a mapping of names to them.
        where: What holds them, for the error message.

    Raises:
        ConfigError: Two have one name, or a name cannot be one.
    """
    if isinstance(methods, Mapping):
        given = cast(Mapping[str, M], methods)
        return {checked_name(name, where): one for name, one in given.items()}
    found: dict[str, M] = {}
    for method in methods:
        name = checked_name(called(method), where)
        if name in found:
            kind = type(method).__name__
            raise ConfigError(
                f"{where} has two channels called {name!r}. Name them: "
                f'{{"one": {kind}(...), "two": {kind}(...)}}, and in a recipe '
                'name = "one" below model.'
            )
        found[name] = method
    return found


def ordered(
    values: Mapping[str, V], names: Collection[str], where: str, what: str
) -> tuple[V, ...]:
    """Return what is said of each channel, in the order of their names.

    Args:
        values: What is said, by name.
        names: All channels.
        where: What holds them, for the error message.
        what: What is said, in one word.

    Raises:
        ConfigError: A name is no channel's, or a channel is left out.
    """
    for name in values:
        if name not in names:
            raise ConfigError(
                f"{where} has a {what} for {name!r}, and there is no such channel."
                f"{did_you_mean(name, names)} There are: {', '.join(names)}."
            )
    for name in names:
        if name not in values:
            raise ConfigError(f"{where} has no {what} for {name!r}. Give one each.")
    return tuple(values[name] for name in names)


def checked_name(name: Any, where: str) -> str:
    """Return the name of a channel.

    It stands in a column with others, joined by ``+``, and names a folder of
    checkpoints.

    Raises:
        ConfigError: It cannot do both.
    """
    plain = isinstance(name, str) and name == name.strip() and name.isprintable()
    if not plain or not name.strip(".") or any(sign in name for sign in "+/\\"):
        raise ConfigError(
            f"{where} has a channel called {name!r}. A name is text without +, / and "
            "\\, and without blanks at its ends."
        )
    return name
