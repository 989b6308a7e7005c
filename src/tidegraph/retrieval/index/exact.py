"""The exact index: every vector is multiplied with every query."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.arguments import settings
from tidegraph.kernels.products import top_k_products
from tidegraph.stages import NO_ITEM, ItemSets


@settings
class Exact:
    """Finds the largest products, at the cost of all of them."""

    def over(self, vectors: Float32[np.ndarray, "n d"]) -> "FittedExact":
        """Return the index; nothing is copied."""
        return FittedExact(vectors)


EXACT = Exact()
"""What is taken where no index is named."""


@dataclass(frozen=True, eq=False)
class FittedExact:
    """Multiplies queries with all vectors, a few at a time, and keeps the largest.

    Ties break on the row. A query alone and in a block finds the same, to the bit.

    Attributes:
        vectors: What is searched.
    """

    vectors: Float32[np.ndarray, "n d"]

    def search(
        self, queries: Float32[np.ndarray, "b d"], k: int, excluded: ItemSets
    ) -> tuple[Int32[np.ndarray, "b k"], Float32[np.ndarray, "b k"]]:
        """Return the rows and products of the ``k`` largest products of each query."""
        shape = (len(queries), min(k, len(self.vectors)))
        item = np.full(shape, NO_ITEM, np.int32)
        score = np.full(shape, -np.inf, np.float32)
        order = np.lexsort((excluded.item, excluded.row))
        hidden = excluded.item[order]
        top_k_products(queries, self.vectors, excluded.ptr, hidden, item, score)
        return item, score
