"""Features of one's own: what they are, and the columns that they make."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Protocol, cast, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Float32

from tidegraph.config import to_table
from tidegraph.errors import ConfigError, DataError
from tidegraph.features.past import Past
from tidegraph.features.reading import PastView
from tidegraph.features.values import CELLS
from tidegraph.stages import NO_ITEM, Fold, Requests

__all__ = ["Feature", "HasValues"]

MOST_VALUES = 256
"""So many columns a category makes at most."""
_TRIED = 64
"""With how many events of a log a feature is tried before anything is learnt."""


@runtime_checkable
class Feature(Protocol):
    """An input of one's own: a frozen dataclass, so that a model can be saved with it.

    A number is standardised as every input is. A feature that has ``values``, a tuple
    of texts, is a category: it answers with the place of a value among these, or -1 for
    none, and each value is a column of zeros and ones.
    """

    @property
    def name(self) -> str:
        """What the column is called."""
        ...

    def read(self, past: Past) -> np.ndarray | pl.Series:
        """Return one number for each row of ``past.candidates()``, none of them nan.

        What it depends on is ``past`` and its settings alone: neither how many other
        candidates are read with one nor in which order.
        """
        ...


@runtime_checkable
class HasValues(Protocol):
    """A feature that is a category."""

    @property
    def values(self) -> tuple[str, ...]:
        """What it may be; up to ``MOST_VALUES``."""
        ...


def values_of(feature: Feature) -> tuple[str, ...]:
    """Return the values of a category, none of a number."""
    return feature.values if isinstance(feature, HasValues) else ()


def names_of_feature(feature: Feature) -> tuple[str, ...]:
    """Return the columns of a feature: its name, of a category one for each value."""
    values = values_of(feature)
    return tuple(f"{feature.name} {value}" for value in values) or (feature.name,)


def check_feature(feature: Feature) -> None:
    """Refuse what cannot be a setting of a model, or has no name.

    Raises:
        ConfigError: It is no frozen dataclass, or its name or its values are of no use.
    """
    kind, settings = type(feature), getattr(feature, "__dataclass_params__", None)
    if settings is None or not settings.frozen or not _can_be_kept(feature):
        raise ConfigError(
            f"the feature {kind.__name__} is no frozen dataclass of texts, numbers and "
            "tuples of them, so a model could not be saved with it. Make it one: "
            "@dataclass(frozen=True)."
        )
    name = cast(object, feature.name)
    if not isinstance(name, str) or not name:
        raise ConfigError(
            f"the name of the feature {kind.__name__} is {name!r}; it must be text."
        )
    if not _are_texts(values_of(feature)):
        raise ConfigError(
            f"the values of the feature {name!r} must be a tuple of different texts, "
            f"{MOST_VALUES} at most; of a number leave them out."
        )


def check_reads(features: Iterable[Feature], fold: Fold) -> None:
    """Try features with some events of a log, before anything is learnt.

    Args:
        features: Features of one's own.
        fold: What is to be learnt from.

    Raises:
        DataError: One answers with something else than a number for each candidate.
    """
    features, log = tuple(features), fold.events
    if not features or not len(log.time):
        return
    at = np.unique(np.linspace(0, len(log.time) - 1, _TRIED).astype(np.int64))
    # The last asks at another time, as somebody of whom nothing is known.
    user = np.append(log.user[at], np.int32(-1))
    item = np.append(log.item[at], np.int32(len(log.items)))
    time = np.append(log.time[at], log.time[-1:] + 1).astype(np.int64)
    requests = Requests.of_users(fold.graph, user, time)
    item = np.stack([item, np.roll(item, 1), np.full(len(item), NO_ITEM, np.int32)], 1)
    no_category = np.zeros(0, np.int32)
    columns_of(features, PastView.of(requests, item, no_category))


def columns_of(
    features: tuple[Feature, ...], view: PastView
) -> Float32[np.ndarray, "b k n"]:
    """Return the columns of features for each candidate; 0 where there is none.

    Args:
        features: Features of one's own.
        view: What is read, strictly before the clock of each request.

    Raises:
        DataError: One answers with something else than a number for each candidate.
    """
    return read_in_blocks(
        view,
        sum(len(names_of_feature(feature)) for feature in features),
        lambda past: np.concatenate([_columns(one, past) for one in features], axis=1),
    )


def read_in_blocks(
    view: PastView,
    width: int,
    read: Callable[[Past], Float32[np.ndarray, "n c"]],
    each: int = 1,
) -> Float32[np.ndarray, "b k _"]:
    """Return columns of each candidate, 0 where there is none, some requests at a time.

    Args:
        view: What is read, strictly before the clock of each request.
        width: How many columns there are.
        read: Reads them for each row of ``past.candidates()``.
        each: How many rows are read of a candidate; the more, the fewer at a time.
    """
    out = np.zeros((*view.item.shape, width), np.float32)
    for start, stop in _blocks(view, CELLS // each) if width else ():
        part = view.some(start, stop)
        past, there = Past(part), part.item != NO_ITEM
        if len(past):
            out[start:stop][there] = read(past)
    return out


def _blocks(view: PastView, cells: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of requests that have about so many candidates and events."""
    size = view.history.stop - view.history.start + view.item.shape[1]
    block = np.cumsum(size) // cells
    cuts = np.flatnonzero(np.diff(block)) + 1
    yield from pairwise([0, *cuts.tolist(), len(size)])


def _columns(feature: Feature, past: Past) -> Float32[np.ndarray, "n c"]:
    given = np.asarray(feature.read(past))
    what = f"the feature {feature.name!r}"
    if given.shape != (len(past),):
        raise DataError(
            f"{what} answers with an array of shape {given.shape}, and {len(past)} "
            "candidates were asked about. Return one number for each row of "
            "past.candidates()."
        )
    if given.dtype.kind not in "biuf":
        raise DataError(
            f"{what} answers with {given.dtype}, not with numbers. Of a category "
            "return the place of each value in `values`, -1 for none."
        )
    values = values_of(feature)
    if values:
        return _places(given, len(values), what)
    with np.errstate(over="ignore"):
        number = given.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(number))
    if len(wrong):
        raise DataError(
            f"{what} is {given[wrong[0]]} for {len(wrong)} of {len(past)} candidates, "
            f"the first at row {wrong[0]} of past.candidates(). Return a number that "
            "stands for what is not known, such as 0."
        )
    return number[:, None]


def _places(given: np.ndarray, count: int, what: str) -> Float32[np.ndarray, "n c"]:
    """Return a column of zeros and ones for each value of a category."""
    with np.errstate(invalid="ignore"):
        place = given.astype(np.int64)
    wrong = np.flatnonzero((place != given) | (place < -1) | (place >= count))
    if len(wrong):
        raise DataError(
            f"{what} answers {given[wrong[0]]} at row {wrong[0]} of past.candidates(), "
            f"and has {count} values. Return places from 0 to {count - 1}, or -1 for "
            "none."
        )
    return (place[:, None] == np.arange(count)).astype(np.float32)


def _are_texts(values: object) -> bool:
    """Whether these are different texts, and not too many."""
    if not isinstance(values, tuple):
        return False
    given = cast(tuple[object, ...], values)
    different = len({*given}) == len(given) <= MOST_VALUES
    return different and all(isinstance(value, str) for value in given)


def _can_be_kept(feature: object) -> bool:
    """Whether its settings can be compared and written down."""
    try:
        hash(feature)
        json.dumps(to_table(feature))
    except (TypeError, ConfigError):
        return False
    return True
