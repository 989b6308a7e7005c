"""A log from the columns of a table, each value checked."""

import re
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import polars as pl

from tidegraph.data.context import RESERVED
from tidegraph.data.features import features_in_log
from tidegraph.data.ids.id_column import Coded, IdColumn, MissingIdError, missing_error
from tidegraph.data.ids.missing import rows_with_ids
from tidegraph.data.interactions import Interactions, from_codes, untimed
from tidegraph.data.invisible import stripped
from tidegraph.data.origin import Origin, Rows, as_array, concatenated
from tidegraph.data.reading import Reading
from tidegraph.data.tables.impressions import LABEL, exploded, refuse_impressions
from tidegraph.data.tables.table import Table
from tidegraph.data.tables.values import in_plain_types, stacked, without_objects
from tidegraph.data.text.columns import typed
from tidegraph.data.times.clocks import Clock
from tidegraph.data.times.ticks import Ticks, TimeColumn
from tidegraph.errors import DataError

PART = "split"
"""What a log calls the column that names the part of each event."""
_SEVERAL = ("context", "user_features", "item_features")
_TRUTH = {"true": 1.0, "false": 0.0}


class NoneAtLeastError(DataError):
    """Every row weighs less than what is asked for."""


@dataclass(frozen=True)
class _Columns:
    """Which column of a table means what, by the names that the table has for them."""

    user: str
    item: str
    time: str | None
    label: str | None
    weight: str | None
    split: str | None
    context: tuple[str, ...]
    user_features: tuple[str, ...]
    item_features: tuple[str, ...]

    @classmethod
    def of(cls, table: Table, reading: Reading) -> "_Columns":
        """Find the columns in a table.

        Raises:
            DataError: One is missing, or a context column has a reserved name.
        """
        wanted = reading.wanted()
        setting = {c: name for name in reversed(wanted) for c in wanted[name]}
        found = {c: table.column(c, setting[c]) for c in reading.needed}
        each = {n: tuple(dict.fromkeys(found[c] for c in wanted[n])) for n in wanted}
        several = {name: each.pop(name) for name in _SEVERAL}
        single = {name: next(iter(columns), None) for name, columns in each.items()}
        parts = single["split"]
        if parts == PART:
            several["context"] = tuple(c for c in several["context"] if c != PART)
        taken = RESERVED if parts is None else (*RESERVED, PART)
        refused = [column for column in several["context"] if column in taken]
        if parts not in (None, PART):
            features = (*several["user_features"], *several["item_features"])
            refused += [column for column in features if column == PART]
        if refused:
            raise DataError(
                f"{table.name}: a context column cannot be called {refused[0]!r}, "
                "because a log has a column of that name. Rename it."
            )
        return cls(**cast(Any, single | several))

    @property
    def impressions(self) -> bool:
        """Whether one column holds items and their labels together."""
        return self.label is not None and self.label == self.item

    @property
    def needed(self) -> list[str]:
        """Every column to read, each once."""
        columns = (self.user, self.item, self.time, self.label, self.weight, self.split)
        named = [column for column in columns if column is not None]
        features = (*self.user_features, *self.item_features)
        return list(dict.fromkeys([*named, *self.context, *features]))

    @property
    def carried(self) -> list[str]:
        """The columns that go with the events, as the log calls them."""
        return [*self.context, *(() if self.split is None else (PART,))]


def build(table: Table, reading: Reading) -> Interactions:
    """Return the log that some columns of a table hold.

    Raises:
        DataError: A column is missing, or a value is not what it should be; the message
            names the row, counted from 1.
    """
    columns = _Columns.of(table, reading)
    gathered = _Gathered(table, columns, reading)
    seen = 0
    with closing(table.batches(columns.needed)) as batches:
        for batch in batches:
            gathered.add(batch, range(seen + 1, seen + 1 + len(batch)))
            seen += len(batch)
    least = reading.format.at_least
    if gathered.weak and not gathered.rows:
        raise NoneAtLeastError(
            f"{table.name} has no row of a weight of {least:g} or more, as at_least "
            "asks for. Ask for less, or leave it out."
        )
    if not gathered.rows:
        what = "no row with ids" if seen else "column names and no row"
        raise DataError(f"{table.name} has {what}. Add events.")
    return gathered.log()


class _Gathered:
    """The columns of a log, batch by batch."""

    def __init__(self, table: Table, columns: _Columns, reading: Reading) -> None:
        self._name, self._is_text, self._columns = table.name, table.is_text, columns
        self._reading, form = reading, reading.format
        missing = reading.missing
        self._drops = missing == "drop"
        self._who = IdColumn(columns.user, table.name, missing)
        self._what = IdColumn(columns.item, table.name, missing)
        self._clock: Clock = "order" if form.time_unit == "order" else "seconds"
        self._when = None
        if columns.time is not None:
            self._when = TimeColumn(
                columns.time, table.name, form.time_unit, form.time_format
            )
        self._labels: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []
        self._carried_columns: list[pl.DataFrame] = []
        self._origin: list[Rows] = []
        self.rows = self.weak = self._dropped = 0

    def add(self, batch: pl.DataFrame, rows: Rows) -> None:
        """Take the next rows, and the numbers that messages give to them."""
        columns, name = self._columns, self._name
        label = columns.label
        if columns.impressions:
            label = LABEL
            batch, rows = exploded(batch, columns.item, name, rows)
        elif label is None and not self.rows:
            refuse_impressions(batch[columns.item], name)
        batch, rows = self._heavy_enough(*self._with_ids(batch, rows))
        self.rows += len(batch)
        self._who.add(batch[columns.user], rows)
        self._what.add(batch[columns.item], rows)
        if self._who.lacking or self._what.lacking:
            # It will be refused; only rows without ids are still to be counted.
            return
        self._carried_columns.append(_carried_columns(batch, columns))
        batch = without_objects(batch, as_text=self._is_text)
        if self._when is not None and columns.time is not None:
            self._when.add(batch[columns.time], rows)
        if label is not None:
            self._labels.append(read_labels(batch[label], name, rows))
        if columns.weight is not None and self._reading.format.at_least is None:
            self._weights.append(_read_weights(batch[columns.weight], name, rows))
        self._origin.append(rows)

    def _with_ids(self, batch: pl.DataFrame, rows: Rows) -> tuple[pl.DataFrame, Rows]:
        """Return the rows to keep, with their numbers."""
        if not self._drops:
            return batch, rows
        kept = rows_with_ids(batch, (self._columns.user, self._columns.item))
        if kept.all():
            return batch, rows
        self._dropped += len(kept) - int(kept.sum())
        return batch.filter(kept), as_array(rows)[kept]

    def _heavy_enough(
        self, batch: pl.DataFrame, rows: Rows
    ) -> tuple[pl.DataFrame, Rows]:
        """Return the rows of at least the weight that makes an event of them."""
        least, column = self._reading.format.at_least, self._columns.weight
        if least is None or column is None:
            return batch, rows
        given = without_objects(batch.select(column), as_text=self._is_text)[column]
        kept = _read_weights(given, self._name, rows) >= least
        self.weak += len(kept) - int(kept.sum())
        return batch.filter(pl.Series(kept)), as_array(rows)[kept]

    def _ids(self) -> tuple[Coded, Coded]:
        try:
            return self._who.finish(), self._what.finish()
        except MissingIdError:
            # Of the rows of both columns.
            raise missing_error([self._who, self._what]) from None

    def log(self) -> Interactions:
        """Return the log, in time order."""
        clock, columns = self._clock, self._columns
        who, what = self._ids()
        if self._when is None:
            time, clock = untimed(self.rows, clock)
            ticks = Ticks(time, 1)
        else:
            ticks = self._when.finish()
        carried, rows = self._carried_columns_typed(), concatenated(self._origin)
        parts = columns.split or PART
        origin = Origin(self._name, columns.user, columns.item, rows, parts)
        # The codes are sorted and numbered anew in the log.
        of_users = features_in_log(who, carried, columns.user_features, "user", origin)
        of_items = features_in_log(what, carried, columns.item_features, "item", origin)
        log = from_codes(
            who,
            what,
            ticks.when,
            label=_concatenated_or_ones(self._labels, self.rows, np.int8),
            weight=_concatenated_or_ones(self._weights, self.rows, np.float32),
            context=carried.select(columns.carried),
            per_second=ticks.per_second,
            dropped=self._dropped,
            clock=clock,
            origin=origin,
        )
        return replace(
            log,
            users=of_users.added(log.users),
            items=of_items.added(log.items),
            reading=self._reading,
        )

    def _carried_columns_typed(self) -> pl.DataFrame:
        """Return what goes with the events, each column typed by all its values."""
        parts, as_text = self._carried_columns, self._is_text
        columns = [
            in_plain_types(stacked([part[name] for part in parts]), as_text=as_text)
            for name in parts[0].columns
        ]
        if self._columns.split is not None:
            columns[-1] = columns[-1].cast(pl.String)
        frame = pl.DataFrame(columns)
        return typed(frame, {PART}) if as_text else frame


def _concatenated_or_ones(
    parts: list[np.ndarray], rows: int, kind: type[np.generic]
) -> np.ndarray:
    return np.concatenate(parts) if parts else np.ones(rows, dtype=kind)


def _carried_columns(batch: pl.DataFrame, columns: _Columns) -> pl.DataFrame:
    """Return what goes with the events as it came; the part is called ``split``."""
    features = (*columns.user_features, *columns.item_features)
    names = dict.fromkeys((*columns.context, *features))
    if columns.split is None:
        return batch.select(*names)
    names.pop(PART, None)
    return batch.select(*names, pl.col(columns.split).alias(PART))


def read_labels(values: pl.Series, where: str, rows: Rows) -> np.ndarray:
    """Return labels of some rows, 1 or 0.

    Raises:
        DataError: A value is neither; the message names the row.
    """
    numbers = _numbers_of_column(
        values, where, "a label is 1 (action) or 0 (impression only)"
    )
    if numbers.null_count():
        spelt = stripped(values.cast(pl.String)).str.to_lowercase()
        truths = spelt.replace_strict(_TRUTH, default=None, return_dtype=pl.Float64)
        numbers = numbers.fill_null(truths)
    labels = numbers.set(~numbers.is_in([0.0, 1.0]), None).cast(pl.Int8)
    if labels.null_count():
        row = int(labels.is_null().arg_true()[0])
        raise DataError(
            f"{where}, row {rows[row]}: the label in column {values.name!r} is "
            f"{values[row]!r}, not 1 (action) or 0 (impression without action). "
            "Turn it into one of them, for example by rating >= 4."
        )
    return labels.to_numpy()


def _read_weights(values: pl.Series, where: str, rows: Rows) -> np.ndarray:
    weights = _numbers_of_column(values, where, "a weight is a number").cast(pl.Float32)
    bad = ~weights.is_finite().fill_null(False)
    if bad.any():
        row = int(bad.arg_true()[0])
        mend = "Mend or drop the row."
        if re.fullmatch(r"\s*[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+\s*", str(values[row])):
            mend = "Write its decimals behind a point."
        raise DataError(
            f"{where}, row {rows[row]}: the weight in column {values.name!r} is "
            f"{values[row]!r}, not a finite number. {mend}"
        )
    return weights.to_numpy()


def _numbers_of_column(values: pl.Series, where: str, what: str) -> pl.Series:
    """Return numbers, also those in text, and null where there is none.

    Raises:
        DataError: The column is of a type that has none.
    """
    kind = values.dtype
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        values = stripped(values.cast(pl.String))
    elif not (kind.is_numeric() or isinstance(kind, pl.Boolean | pl.Null)):
        raise DataError(
            f"{where}: column {values.name!r} holds {kind}, and {what}. Turn it into "
            "numbers, or name another column."
        )
    return values.cast(pl.Float64, strict=False)
