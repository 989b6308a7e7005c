"""Of which log a fitted retriever's rows are: it has rows, and only the log has ids.

A pipeline holds the log's ids beside what it fitted; a retriever that was fitted alone
is given its log again when it answers, and another log's rows would be other people.
What is opened from a file, copied or pickled is not known here.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.stages.fold import Fold

P = ParamSpec("P")
F = TypeVar("F")


class Ids(NamedTuple):
    """Whose the rows of users and of items are."""

    users: Vocabulary
    items: Vocabulary

    def differing(self, other: "Ids") -> str | None:
        """Return ``"user"`` or ``"item"``, whose rows are others; None if all agree.

        They are compared as far as both go, so that one log may go on from the other.
        """
        for what, ours, theirs in zip(("user", "item"), self, other, strict=True):
            if not ours.numbers_as(theirs):
                return what
        return None


_IDS: WeakKeyDictionary[object, Ids] = WeakKeyDictionary()


def remembers(fit: Callable[P, F]) -> Callable[P, F]:
    """Return a method's ``fit`` of whose answers ``ids_of`` knows the log."""

    @functools.wraps(fit)
    def remembering(*args: P.args, **kwargs: P.kwargs) -> F:
        fitted = fit(*args, **kwargs)
        train: object = args[1] if len(args) > 1 else kwargs["train"]
        log = train.log if isinstance(train, Fold) else train
        log = cast(Interactions | Matrix, log)
        _IDS[fitted] = Ids(log.users, log.items)
        return fitted

    return remembering


def ids_of(fitted: object) -> Ids | None:
    """Return whose rows a fitted value learnt from; None if that is not known."""
    try:
        return _IDS.get(fitted)
    except TypeError:  # One of somebody's own, which has no hash.
        return None
