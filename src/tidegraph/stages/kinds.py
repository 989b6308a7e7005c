"""Whether a method is of the stage that it is given to: told by what it fits."""

import typing
from collections.abc import Iterable
from typing import NamedTuple

from tidegraph.errors import ConfigError
from tidegraph.lazy import example_of
from tidegraph.stages.naming import called


class Kind(NamedTuple):
    """How the methods of a stage are known and spoken of.

    Attributes:
        answers: The method of what they fit.
        does: What each of them does.
        noun: What they are for.
    """

    answers: str
    does: str
    noun: str


RETRIEVES = Kind("retrieve", "retrieves", "retrieval")
RANKS = Kind("score", "ranks", "ranking")
RERANKS = Kind("rerank", "re-ranks", "re-ranking")
KINDS = {"retrieve": RETRIEVES, "rank": RANKS, "rerank": RERANKS}
"""Of each stage, as a pipeline's settings are called."""


def check_kind(
    where: str, methods: Iterable[object], kind: Kind, like: type | None = None
) -> None:
    """Refuse a configuration whose fitted value lacks what a stage needs.

    Args:
        where: What was given them, for the error message.
        methods: The configurations.
        kind: What they must do.
        like: What else goes there, by which the one that was meant is found.

    Raises:
        ConfigError: One of them is of another stage.
    """
    for method in methods:
        fit = getattr(type(method), "fit", None)
        try:
            fitted = typing.get_type_hints(fit).get("return")
        except (NameError, TypeError, AttributeError):
            continue  # A method of one's own, which need not say what it returns.
        if fitted in (typing.Any, object):
            continue  # It says that it may return anything.
        if isinstance(fitted, type) and not hasattr(fitted, kind.answers):
            meant = "" if like is None else example_of(like, called(method))
            raise ConfigError(
                f"{where} has {called(method)}, which "
                f"{_what_method_is(fitted, kind, meant)}."
            )


def _what_method_is(fitted: type, kind: Kind, meant: str) -> str:
    """Return what a method does instead, and which one was probably meant."""
    for other in KINDS.values():
        if hasattr(fitted, other.answers):
            # What retrieves and what re-ranks are told apart by what they fit alone.
            like = f"; the {kind.noun} method is {meant}" if meant else ""
            return f"{other.does}{like}"
    return f"is not made for it: what it fits has no {kind.answers}()"
