"""What draws negatives batch by batch, and what it draws."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.kernels.ragged import owners, starts
from tidegraph.retrieval.objective.pairs.positives import Positives


class Drawn(NamedTuple):
    """Negatives of a batch, shared by all its pairs or a row for each.

    Attributes:
        node: The negatives.
        log_q: Natural log of how often each is drawn on average.
        missing: Row and column of those that are no negatives: too few were found, or
            they are the target itself.
        common: How many of the first are the same for all pairs; those after them are
            a row for each. All are the same where there are no rows.
    """

    node: Int64[np.ndarray, "*rows n"]
    log_q: Float[np.ndarray, "..."]
    missing: tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]] | None = None
    common: int = 0


@runtime_checkable
class Drawer(Protocol):
    """Draws negatives batch by batch, and may remember earlier batches."""

    def draw(self, batch: Positives) -> Drawn:
        """Return negatives for a batch."""
        ...

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        """Return the log of how often each node is drawn for a pair on average.

        What holds for all of them need be there once.
        """
        ...


def drawn_targets(
    node: Int64[np.ndarray, " n"], batch: Positives
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """Return the pairs and the places where a shared negative is the target itself."""
    order = np.argsort(node, kind="stable")
    ordered = node[order]
    first = np.searchsorted(ordered, batch.target)
    count = np.searchsorted(ordered, batch.target, side="right") - first
    ptr = starts(count)
    row = owners(ptr)
    return row, order[np.arange(len(row)) + (first - ptr[:-1])[row]]
