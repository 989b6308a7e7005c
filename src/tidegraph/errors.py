"""What can go wrong, as a tree.

TidegraphError
    ConfigError         a setting or recipe says something we do not understand
    DataError           the data are not what their schema says
        LeakageError    a split, query or feature would let the future in
    RequestError        a request for recommendations cannot be answered as it is
    ArtifactError       a saved model cannot be written, or read back and trusted
    RefusedError        what a device sent is not what it must be
    MissingExtraError   an optional package is needed and not installed

Every message says where, what was found, what was expected and what to do, in one
sentence or two; the command line prints it alone and exits with 2.
"""

import difflib
from collections.abc import Iterable


class TidegraphError(Exception):
    """Base of every error raised on purpose."""


class ConfigError(TidegraphError):
    """A setting or recipe says something we do not understand."""


class DataError(TidegraphError):
    """The data are not what their schema says."""


class LeakageError(DataError):
    """A split, query or feature would let the future in."""


class RequestError(TidegraphError):
    """A request for recommendations cannot be answered as it is."""


class ArtifactError(TidegraphError):
    """A saved model cannot be written, or cannot be read back and trusted."""


class RefusedError(TidegraphError):
    """What a device sent is not what it must be.

    Attributes:
        reason: One word for the check that it failed.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class MissingExtraError(TidegraphError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Run: pip install 'tidegraph[{extra}]'"
        )


class TidegraphWarning(UserWarning):
    """Base of every warning: the work is done, and something about it must be said."""


class UnknownIdWarning(TidegraphWarning):
    """An id that was passed is not in the model."""


class RoundedIdWarning(TidegraphWarning):
    """Ids read like long numbers that a spreadsheet has rounded."""


class GuessedColumnWarning(TidegraphWarning):
    """A column that nothing names was taken for one that is needed."""


class LeftOutColumnWarning(TidegraphWarning):
    """New edges have a column that the edges of their type do not have."""


class NoHistoryWarning(TidegraphWarning):
    """A user that the model holds has done nothing before the time of the request."""


class NoAnswerWarning(TidegraphWarning):
    """A requested user has no list."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` if ``word`` is close to a known one, else blank.

    Capitals do not matter.
    """
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""


def no_setting(what: str, name: str, known: Iterable[str]) -> str:
    """Return what is said of a setting that there is not, and which there are."""
    known = sorted(known)
    return (
        f"{what} has no setting {name!r}.{did_you_mean(name, known)} "
        f"It knows: {', '.join(known) or 'none'}."
    )


def type_of(value: object) -> str:
    """Return the type of a value in words, such as ``an Embedding``."""
    return with_article(type(value).__name__)


def with_article(name: str) -> str:
    """Return the name of a type after its article."""
    # That of ndarray is spelt, and in a User the U is no vowel to the ear.
    vowel = name[:1] in "AEIOaeio" or name == "ndarray"
    return f"{'an' if vowel else 'a'} {name}"
