"""What the columns beside the events hold: numbers, words or something else."""

from dataclasses import dataclass

import polars as pl

from tidegraph.data.log import Interactions
from tidegraph.data.views.feature_column import has_fractions

_COMMA = r"^\s*[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?\s*$"
"""A number whose decimals are behind a comma, perhaps with dots between thousands."""

_WHOLE = "whole numbers"


@dataclass(frozen=True)
class ColumnKind:
    """What one column of features or of context holds.

    Attributes:
        name: ``item.price`` of a feature of items, ``price`` of a column of events.
        holds: ``numbers``, ``whole numbers``, ``words``, ``truths``, ``times``,
            ``lists`` or ``nothing``.
        comma: A value with a decimal comma, if all values read like such numbers.
    """

    name: str
    holds: str
    comma: str | None = None

    def text(self) -> str:
        """Return how a column that reads like numbers becomes one."""
        return (
            f"column {self.name!r} holds words that read like numbers with a decimal "
            f"comma, such as {self.comma!r}: write a point to make numbers of them"
        )


def kinds(log: Interactions) -> tuple[ColumnKind, ...]:
    """Return what the features and the context of a log hold."""
    sides = (("user.", log.users.features), ("item.", log.items.features))
    tables = (*sides, ("", log.context))
    return tuple(
        _kind_of(f"{side}{column.name}", column)
        for side, table in tables
        for column in table.iter_columns()
    )


def kinds_text(found: tuple[ColumnKind, ...]) -> str:
    """Return in a line which columns hold what."""
    held = dict.fromkeys(kind.holds for kind in found)
    return "; ".join(
        f"columns of {holds}: {', '.join(k.name for k in found if k.holds == holds)}"
        + (" (if codes and no amounts, name them in categorical)" * (holds == _WHOLE))
        for holds in held
    )


def _kind_of(name: str, values: pl.Series) -> ColumnKind:
    kind, there = values.dtype, values.drop_nulls()
    if not len(there):
        return ColumnKind(name, "nothing")
    if kind.is_numeric():
        return ColumnKind(name, "numbers" if has_fractions(values) else _WHOLE)
    if kind.is_temporal():
        return ColumnKind(name, "times")
    if kind == pl.Boolean:
        return ColumnKind(name, "truths")
    if kind.is_nested():
        return ColumnKind(name, "lists")
    if kind != pl.String:
        return ColumnKind(name, "words")
    with_comma = there.filter(there.str.contains(",", literal=True))
    if len(with_comma) and bool(there.str.contains(_COMMA).all()):
        return ColumnKind(name, "words", str(with_comma[0]))
    return ColumnKind(name, "words")
