"""How a log is read: one set of settings for every door, recipe and saved model."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, cast

from tidegraph.arguments import settings
from tidegraph.config import build_each
from tidegraph.data.ids.identity import Missing
from tidegraph.data.text.dialect import TextForm
from tidegraph.data.times.spellings import given_layout
from tidegraph.data.times.ticks import LogUnit
from tidegraph.errors import ConfigError

Reference = str | int
"""A column by its name, or by its place from 1 in a file without a header."""
NO_TIMES = "none"
"""The word for a log without times; TOML and shells have no None."""


@settings
class Columns:
    """Which column of a log means what.

    Attributes:
        user: Column of the user id: its name, or its place from 1 in a file without
            header.
        item: Column of the item id.
        time: Column of the time; none for data without times.
        label: Column of 1 (action) and 0 (impression only); every row is an action if
            left out.
        weight: Column of the strength of an event; 1 if left out.
        split: Column that says train, valid or test.
        context: Further columns to carry along.
    """

    user: Reference = "user"
    item: Reference = "item"
    time: Reference | None = "time"
    label: Reference | None = None
    weight: Reference | None = None
    split: Reference | None = None
    context: tuple[Reference, ...] = ()


@settings
class FeatureColumns:
    """Which columns of a log are features, and which of those are categories.

    Attributes:
        user_features: Columns that say of each user one thing for all time.
        item_features: Columns that say of each item one thing for all time, such as a
            category.
        categorical: Columns of features and context, such as item.brand and
            event.device, whose whole numbers are codes and no amounts.
    """

    user_features: tuple[Reference, ...] = ()
    item_features: tuple[Reference, ...] = ()
    categorical: tuple[str, ...] = ()


@settings
class LogFormat:
    """How a log is written; what is left out is found by looking at the file.

    Attributes:
        sep: What stands between two fields: a character, text such as ::, or tab,
            space.
        header: Does the first row name the columns?
        names: Names of the columns of a file without header.
        encoding: Encoding of the text, such as latin-1.
        time_format: How times are written, such as %d.%m.%Y %H:%M.
        time_unit: Unit of times that are numbers; order for positions that only say
            what came first.
        missing: What becomes of a row whose user or item is missing; keep takes words
            such as NULL for ids.
        at_least: Only rows of at least this weight are events, such as ratings from 4,
            and all count alike.

    Raises:
        ConfigError: A format does not say how to read a time, or ``at_least`` is no
            finite number.
        DataError: What is said of the text is no separator or encoding.
    """

    sep: str | None = None
    header: bool | None = None
    names: tuple[str, ...] | None = None
    encoding: str | None = None
    time_format: str | None = None
    time_unit: LogUnit | None = None
    missing: Missing | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        self.text()
        if self.at_least is not None and not math.isfinite(self.at_least):
            raise ConfigError(
                f"at_least is {self.at_least}, and weights are finite. Give a number, "
                "or leave it out."
            )
        if self.time_format is not None:
            given_layout(self.time_format)

    def text(self) -> TextForm:
        """Return what it says of a text file."""
        return TextForm(self.sep, self.header, self.names, self.encoding)


@settings
class Reading:
    """How a log is read.

    Attributes:
        columns: Which column means what.
        format: How the log is written.
        features: Which columns are features.

    Raises:
        ConfigError: ``at_least`` is said of weights, and no column is one.
    """

    columns: Columns = Columns()
    format: LogFormat = LogFormat()
    features: FeatureColumns = FeatureColumns()

    def __post_init__(self) -> None:
        if self.format.at_least is not None and self.columns.weight is None:
            raise ConfigError(
                f"at_least={self.format.at_least:g} is said of the weight, and no "
                "column is. Name it too, such as weight='rating'."
            )

    @classmethod
    def of(cls, table: Mapping[str, Any], where: str = "reading") -> "Reading":
        """Build from settings of all kinds side by side, as in ``[data]``.

        Args:
            table: The settings by name; ``"none"`` is the time of a log without times.
            where: The table's file and dotted name, for the error message.

        Raises:
            ConfigError: A setting is unknown, or a value has the wrong type.
        """
        if table.get("time") == NO_TIMES:
            table = {**table, "time": None}
        return cls(*build_each(_PARTS, table, where))

    def table(self) -> dict[str, Any]:
        """Return the settings that are not left out, as TOML and JSON can hold them.

        Features are none of them, since users and items that a model knows have them.
        """
        both = asdict(self.columns) | asdict(self.format)
        if not self.timed:
            both["time"] = NO_TIMES
        return {name: value for name, value in both.items() if value not in (None, ())}

    def given(self, table: Mapping[str, Any], where: str) -> "Reading":
        """Return the reading with some settings replaced."""
        return Reading.of({**self.table(), **table}, where)

    def without_split(self) -> "Reading":
        """Return the reading of a log that has no column of parts."""
        return replace(self, columns=replace(self.columns, split=None))

    def of_events(self) -> "Reading":
        """Return the reading of what happens later: events, and nothing beside them."""
        columns = replace(self.columns, split=None, context=())
        return replace(self, columns=columns, features=FeatureColumns())

    @property
    def missing(self) -> Missing:
        """What becomes of a row whose user or item is missing."""
        return self.format.missing or "refuse"

    @property
    def timed(self) -> bool:
        """Does a column hold times, or positions?"""
        return self.columns.time is not None

    @property
    def clockless(self) -> bool:
        """Is nothing known of what came first, neither by times nor by positions?"""
        return not self.timed and self.format.time_unit != "order"

    @property
    def roles(self) -> tuple[str, ...]:
        """What the columns of an event mean: a label and a weight if they are read."""
        further = (("label", self.columns.label), ("weight", self.columns.weight))
        return ("user", "item", "time", *(r for r, at in further if at is not None))

    def wanted(self) -> dict[str, tuple[str, ...]]:
        """Return the columns by what they mean; a place is the name of one without."""
        said: dict[str, Any] = asdict(self.columns) | asdict(self.features)
        del said["categorical"]  # Names of columns that are read in any case.
        found: dict[str, tuple[str, ...]] = {}
        for name, value in said.items():
            several: tuple[Reference, ...] = (value,)
            if value is None or isinstance(value, tuple):
                several = cast("tuple[Reference, ...]", value or ())
            found[name] = tuple(str(column) for column in several)
        return found

    @property
    def needed(self) -> list[str]:
        """Every column to read, each once."""
        return list(dict.fromkeys(c for each in self.wanted().values() for c in each))


_PARTS = (Columns, LogFormat, FeatureColumns)


def setting_names() -> list[str]:
    """Return the names of every setting of a ``Reading``, side by side."""
    return [field.name for cls in _PARTS for field in fields(cls)]
