"""How a log is read: one set of settings for every command, recipe and saved model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from tidegraph.config import build_each
from tidegraph.data.interactions import Interactions
from tidegraph.data.sources import Missing, read
from tidegraph.data.tables.opening import dialect_of, from_table
from tidegraph.data.tables.unread import Unread, unread
from tidegraph.data.text.dialect import TextForm
from tidegraph.data.times.spellings import given_layout

NO_TIMES = "none"
"""The word for a log without times; TOML and shells have no None."""


@dataclass(frozen=True)
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

    user: str | int = "user"
    item: str | int = "item"
    time: str | int = "time"
    label: str | int | None = None
    weight: str | int | None = None
    split: str | int | None = None
    context: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class FeatureColumns:
    """Which columns of a log are features of its users and items.

    Attributes:
        user_features: Columns that say of each user one thing for all time.
        item_features: Columns that say of each item one thing for all time, such as a
            category.
    """

    user_features: tuple[str | int, ...] = ()
    item_features: tuple[str | int, ...] = ()

    @property
    def columns(self) -> tuple[str | int, ...]:
        """All of them."""
        return (*self.user_features, *self.item_features)


@dataclass(frozen=True)
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
    """

    sep: str | None = None
    header: bool | None = None
    names: tuple[str, ...] | None = None
    encoding: str | None = None
    time_format: str | None = None
    time_unit: Literal["s", "ms", "us", "ns", "order"] | None = None
    missing: Literal["refuse", "drop", "keep"] | None = None

    def __post_init__(self) -> None:
        self.text_form()
        if self.time_format is not None:
            given_layout(self.time_format)

    def text_form(self) -> TextForm:
        """Return what it says of a text file."""
        return TextForm(self.sep, self.header, self.names, self.encoding)


@dataclass(frozen=True)
class Reading:
    """Reads logs in one way.

    Attributes:
        columns: Which column means what.
        format: How the log is written.
        features: Which columns are features.
    """

    columns: Columns = Columns()
    format: LogFormat = LogFormat()
    features: FeatureColumns = FeatureColumns()

    @classmethod
    def of(cls, table: Mapping[str, Any], where: str) -> "Reading":
        """Build from settings of all kinds side by side, as in ``[data]``.

        Raises:
            ConfigError: A setting is unknown, or a value has the wrong type.
        """
        return cls(*build_each((Columns, LogFormat, FeatureColumns), table, where))

    def table(self) -> dict[str, Any]:
        """Return the settings that are not left out, as JSON can hold them.

        FeatureColumns are none of them, since what is read later needs none.
        """
        both = asdict(self.columns) | asdict(self.format)
        return {name: value for name, value in both.items() if value not in (None, ())}

    def given(self, settings: Mapping[str, Any], where: str) -> "Reading":
        """Return the reader with some settings replaced."""
        return Reading.of({**self.table(), **settings}, where)

    def without_split(self) -> "Reading":
        """Return the reader of a log that has no column of parts."""
        return replace(self, columns=replace(self.columns, split=None))

    @property
    def is_timed(self) -> bool:
        """Does the log have times?"""
        return self.columns.time != NO_TIMES

    def read(
        self,
        path: Path,
        *,
        users: Path | None = None,
        items: Path | None = None,
        missing: Missing = "refuse",
    ) -> Interactions:
        """Read a log and its feature tables.

        Args:
            path: The log.
            users: Table of user features.
            items: Table of item features.
            missing: What becomes of a row without id, if no setting says it.
        """
        settings = asdict(self.columns) | asdict(self.format) | asdict(self.features)
        if not self.is_timed:
            settings["time"] = None
        settings["missing"] = settings["missing"] or missing
        return read(path, users=users, items=items, **settings)

    def dialect(self, path: Path) -> str:
        """Return in one line how a log is written."""
        # A header shows, among others, by the columns that are asked for.
        return str(dialect_of(path, self.format.text_form(), self._wanted))

    def unread(self, path: Path) -> Unread:
        """Return the columns of a log that are not read."""
        wanted = self._wanted
        form = self.format.text_form()
        return from_table(path, lambda table: unread(table, wanted), form, wanted)

    @property
    def _wanted(self) -> list[str]:
        single = asdict(replace(self.columns, context=()))
        if not self.is_timed:
            single["time"] = None
        several = (*self.columns.context, *self.features.columns)
        return [str(name) for name in (*single.values(), *several) if name]


def setting_names() -> list[str]:
    """Return the names of every setting of a ``Reading``."""
    return [
        field.name
        for cls in (Columns, LogFormat, FeatureColumns)
        for field in fields(cls)
    ]
