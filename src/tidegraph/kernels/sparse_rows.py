"""Compressed sparse rows in the one layout that the kernels are compiled for."""

from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float32, Int32, Int64

from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import ranges, starts


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows of few numbers among many columns.

    Attributes:
        ptr: Where each row's entries start.
        column: The column of each entry.
        weight: Its value.
        width: Number of columns.
    """

    ptr: Int64[np.ndarray, " starts"]
    column: Int32[np.ndarray, " entries"]
    weight: Float32[np.ndarray, " entries"]
    width: int

    @classmethod
    def of(cls, matrix: "scipy.sparse.csr_array") -> "SparseRows":
        """Take over a SciPy matrix, sharing memory where the types agree."""
        return cls(
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(np.int32, copy=False),
            matrix.data.astype(np.float32, copy=False),
            int(matrix.shape[1]),
        )

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def rows(self, rows: Int32[np.ndarray, " some"]) -> "SparseRows":
        """Return a copy of some rows, in the order given."""
        start = self.ptr[rows]
        ptr = starts(self.ptr[rows + 1] - start)
        at = ranges(start, ptr)
        return SparseRows(ptr, self.column[at], self.weight[at], self.width)

    def csr(self) -> "scipy.sparse.csr_array":
        """Return the rows as SciPy's, sharing memory where it can."""
        return scipy.sparse.csr_array(
            (self.weight, self.column, self.ptr), shape=(len(self), self.width)
        )


def order_and_ranks(
    row: np.ndarray, column: np.ndarray, weight: np.ndarray
) -> tuple[Int64[np.ndarray, " entries"], Int64[np.ndarray, " entries"]]:
    """Return an order of entries, and the rank of each in its row, from 0.

    Rows come one after the other, in each the largest first; ties break on the column.
    """
    order = np.lexsort((column, -weight, row))
    row = row[order]
    return order, np.arange(len(row)) - np.searchsorted(row, row)


@compiled
def find_entry(ptr: np.ndarray, column: np.ndarray, row: int, wanted: int) -> int:
    """Return the entry of a row whose column is ``wanted``, -1 if it has none.

    The row's columns increase.
    """
    low, high = int(ptr[row]), int(ptr[row + 1])
    while low < high:
        middle = (low + high) >> 1
        if column[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < ptr[row + 1] and column[low] == wanted else -1
