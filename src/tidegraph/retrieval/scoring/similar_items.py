"""Items like an item, by the weights that a fitted model has between items."""

from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32

from tidegraph.stages import NO_ITEM, Candidates, ItemSets


@runtime_checkable
class FindsSimilar(Protocol):
    """A fitted retriever that has weights between items."""

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items that each item has most weight for.

        Only weights above 0 make an item similar. A row that training did not see has
        none. Raises RequestError where ``k`` is below 1.
        """
        ...


def but_itself(rows: Int32[np.ndarray, " b"]) -> ItemSets:
    """Exclude from the neighbours of each item the item itself."""
    return ItemSets(np.arange(len(rows) + 1, dtype=np.int64), rows)


def above_zero(found: Candidates) -> Candidates:
    """Return the candidates without those whose score is 0 or less."""
    kept = found.score > 0
    return replace(
        found,
        item=np.where(kept, found.item, np.int32(NO_ITEM)),
        score=np.where(kept, found.score, np.float32(-np.inf)),
        votes=np.where(kept[:, :, None], found.votes, np.float32(0)),
    )
