"""What draws negatives batch by batch, and what it draws."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.retrieval.objective.pairs.positives import Positives


class Drawn(NamedTuple):
    """Negatives of a batch, shared by all its pairs or a row for each.

    Attributes:
        node: The negatives.
        log_q: Natural log of how often each is drawn on average.
        missing: Row and column of those that are no negatives: too few were found, or
            they are the target itself.
    """

    node: Int64[np.ndarray, "*rows n"]
    log_q: Float[np.ndarray, "..."]
    missing: tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]] | None = None


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
    rows = np.flatnonzero(np.isin(batch.target, node))
    row, column = np.nonzero(node[None, :] == batch.target[rows, None])
    return rows[row], column
