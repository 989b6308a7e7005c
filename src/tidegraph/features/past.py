"""What a feature of one's own may read: tables of what happened before each request."""

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from tidegraph.data.ids.lookup import UNKNOWN, gathered
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import feature_of_nodes
from tidegraph.errors import DataError
from tidegraph.features.context import EVENT, context_column
from tidegraph.features.reading import PastView
from tidegraph.kernels.binary_search import lower_bounds
from tidegraph.kernels.ragged import owners, ranges, starts
from tidegraph.stages import NO_ITEM


class Past:
    """Candidates of some requests, and what happened strictly before each of these.

    Three tables of polars, which name their columns as ``fields=`` does: ``item.brand``
    and ``user.age`` are features of nodes, ``event.paid`` is a column of the log's
    context. What is not known is null. Users and items are rows of the graph, the same
    number for the same one; a user whom the graph does not hold is -1.

    A return or a dislike is no action here, as in every input.

    Args:
        view: What is read.
    """

    def __init__(self, view: PastView) -> None:
        self._view = view
        self._request, self._place = np.nonzero(view.item != NO_ITEM)

    def __len__(self) -> int:
        return len(self._request)

    def __repr__(self) -> str:
        return f"Past({len(self):,} candidates of {len(self._view.user):,} requests)"

    def candidates(self, *fields: str) -> pl.DataFrame:
        """Return who is asked about what, and when: a row for each candidate.

        Args:
            fields: Further columns, such as ``item.brand`` or ``user.age``.

        Returns:
            ``request``, ``user``, ``item``, ``time`` (Unix seconds), and the fields.

        Raises:
            DataError: There is no such field.
        """
        view, request = self._view, self._request
        user = view.user[request]
        item = self._rows_of_items(view.item[request, self._place])
        table = {
            "request": request,
            "user": user,
            "item": item,
            "time": view.clock[request] + view.base,
        }
        return self._with_fields(table, fields, "candidates", item=item, user=user)

    def history(self, *fields: str) -> pl.DataFrame:
        """Return what who asks did before: a row for each event, the oldest first.

        Args:
            fields: Further columns, such as ``item.brand`` or ``event.paid``; of a
                history in place of a user nothing is said of events.

        Returns:
            ``request``, ``item``, ``time`` (Unix seconds), and the fields.

        Raises:
            DataError: There is no such field.
        """
        rows, base = self._view.history, self._view.base
        ptr = starts(rows.stop - rows.start)
        slot = ranges(rows.start, ptr)
        item = self._rows_of_items(rows.node[slot])
        table = {"request": owners(ptr), "item": item, "time": rows.time[slot] + base}
        return self._with_fields(table, fields, "history", item=item, event=slot)

    def item_events(self, latest: int, *fields: str) -> pl.DataFrame:
        """Return the latest actions on each candidate by anybody, the oldest first.

        Args:
            latest: At most how many of each.
            fields: Further columns, such as ``user.age``.

        Returns:
            ``candidate`` (its row in ``candidates``), ``user``, ``time`` (Unix
            seconds), and the fields.

        Raises:
            DataError: There is no such field.
        """
        rows, base = self._view.items, self._view.base
        item = self._view.item[self._request, self._place]
        start, stop = np.zeros((2, len(item)), np.int64)
        held = np.flatnonzero(item < len(rows.start))
        start[held], last = rows.start[item[held]], rows.stop[item[held]]
        clock = self._view.clock[self._request[held]]
        stop[held] = lower_bounds(rows.time, 0, start[held], last, clock)
        start = np.maximum(start, stop - latest)
        ptr = starts(stop - start)
        slot = ranges(start, ptr)
        user = rows.node[slot]
        time = rows.time[slot].astype(np.int64) + base
        table = {"candidate": owners(ptr), "user": user, "time": time}
        return self._with_fields(table, fields, "item_events", user=user)

    def _rows_of_items(self, item: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
        """Return the rows in the graph of items that may be numbered anew."""
        anew = self._view.origin.item
        return item if anew is None else anew[item]

    def _with_fields(
        self,
        table: dict[str, np.ndarray],
        fields: tuple[str, ...],
        what: str,
        **rows: Int32[np.ndarray, " n"] | Int64[np.ndarray, " n"],
    ) -> pl.DataFrame:
        """Return a table with fields of what its rows are about.

        Args:
            table: The first columns.
            fields: Names of the further ones.
            what: What the table is called.
            rows: Rows of items, of users, and events by their place in the view.
        """
        found = dict[str, np.ndarray | pl.Series](table)
        for name in fields:
            kind, _, column = name.partition(".")
            if kind not in rows or not column:
                like = " or ".join(f'"{one}.name"' for one in rows)
                raise DataError(f"past.{what}() has no {name!r}. Ask it for {like}.")
            found[name] = self._field(kind, column, rows[kind])
        return pl.DataFrame(found)

    def _field(
        self,
        kind: str,
        column: str,
        rows: Int32[np.ndarray, " n"] | Int64[np.ndarray, " n"],
    ) -> pl.Series:
        origin = self._view.origin
        if kind == EVENT:
            return gathered(context_column(origin.graph, column), origin.edge[rows])
        nodes: Vocabulary = origin.graph.typed(kind).vocabulary
        held = (rows >= 0) & (rows < len(nodes))
        return gathered(
            feature_of_nodes(nodes, column, kind), np.where(held, rows, UNKNOWN)
        )
