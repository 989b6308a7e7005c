"""A log as a matrix of users and items, which forgets time and order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float32, Int32, Int64

from tidegraph.arguments import checked
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import interactions
from tidegraph.data.log import Interactions
from tidegraph.data.times.clocks import refuse_without_seconds
from tidegraph.errors import DataError
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import owners


@dataclass(frozen=True, eq=False)
class Matrix:
    """How much each user interacted with each item; time and order are forgotten.

    Attributes:
        ptr: Where each user's entries start.
        item: Items each user acted on, increasing within a user, each once.
        weight: Sum of the weights of the user's actions on the item; 0 where they
            cancel but for rounding.
        users: The user vocabulary.
        items: The item vocabulary.
    """

    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " entries"]
    weight: Float32[np.ndarray, " entries"]
    users: Vocabulary
    items: Vocabulary

    def __repr__(self) -> str:
        users, items = self.shape
        said = f"{users:,} users, {items:,} items, {len(self.item):,} entries"
        return f"{type(self).__name__}({said})"

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and number of items."""
        return len(self.users), len(self.items)

    def csr(self) -> "scipy.sparse.csr_array":
        """Return the matrix as SciPy's compressed rows, sharing memory."""
        return scipy.sparse.csr_array(
            (self.weight, self.item, self.ptr), shape=self.shape
        )

    def log(self, part: int = 0) -> Interactions:
        """Return the same as a log without times, an event for each entry.

        Args:
            part: The time of every event: 0 of what is known, 1 of what is to be found,
                so that it comes strictly after.
        """
        rows = len(self.item)
        user = owners(self.ptr)
        return Interactions(
            user=user.astype(np.int32),
            item=self.item.copy(),
            time=np.full(rows, part, np.int64),
            label=np.ones(rows, np.int8),
            weight=self.weight.copy(),
            users=self.users,
            items=self.items,
            clock="none",
        )

    @classmethod
    @checked(DataError)
    def of(cls, log: Interactions) -> "Matrix":
        """Add up the actions of a log."""
        acted = log.actions()
        return cls._sum_pairs(
            acted.user, acted.item, acted.weight, log.users, log.items
        )

    @classmethod
    def from_pairs(cls, user: Any, item: Any, weight: Any = None) -> "Matrix":
        """Build from columns of raw ids that have no time.

        Args:
            user: Raw user ids, one per pair.
            item: Raw item ids.
            weight: Strength of each pair; all 1 if left out.

        Raises:
            DataError: Columns differ in length, or a value can be no id or no weight.
        """
        return cls.of(interactions(user, item, weight=weight))

    @classmethod
    def _sum_pairs(
        cls,
        user: Int32[np.ndarray, " n"],
        item: Int32[np.ndarray, " n"],
        weight: Float32[np.ndarray, " n"],
        users: Vocabulary,
        items: Vocabulary,
    ) -> "Matrix":
        shape = len(users), len(items)

        def added(worth: np.ndarray) -> "scipy.sparse.csr_array":
            rows = scipy.sparse.coo_array((worth, (user, item)), shape=shape).tocsr()
            rows.sum_duplicates()
            return rows

        if bool((weight > 0).all()):
            rows = added(weight)  # Above 0 however it is rounded.
        else:
            rows = added(weight.astype(np.float64))
            size = added(np.abs(weight.astype(np.float64))).data
            rows.data[~exceeds_rounding(np.abs(rows.data), size)] = 0
        return cls(
            rows.indptr.astype(np.int64),
            rows.indices.astype(np.int32, copy=False),
            rows.data.astype(np.float32, copy=False),
            users,
            items,
        )


_ROUNDING = 1e-6


@compiled
def exceeds_rounding(total: Any, size: Any) -> Any:
    """Return whether a sum of weights is above what rounding leaves of one of 0.

    Money that was paid and paid back adds up to 0 in cents, and not in binary.

    Args:
        total: The sum, in 64 bits, of weights of 32; or several.
        size: The sum of what the weights are without their signs.
    """
    return total > _ROUNDING * size


def as_matrix(train: object, method: str) -> Matrix:
    """Return ``train`` as a matrix, for a method that needs no time.

    Raises:
        DataError: ``train`` is neither a log nor a matrix, or it holds no action.
    """
    if isinstance(train, Interactions):
        train = Matrix.of(train)
    if not isinstance(train, Matrix):
        raise DataError(
            f"{method} learns from Interactions or a Matrix, not from "
            f"{type(train).__name__}. Pass the log itself."
        )
    if len(train.item) == 0:
        raise DataError(f"{method} has nothing to learn from: the log has no action.")
    return train


def as_log(train: object, method: str) -> Interactions:
    """Return ``train`` as a log with actions; of a matrix, a log without times.

    Raises:
        DataError: ``train`` is neither a log nor a matrix, or it holds no action.
    """
    if isinstance(train, Matrix):
        train = train.log()
    if not isinstance(train, Interactions):
        raise DataError(
            f"{method} learns from Interactions or a Matrix, not from "
            f"{type(train).__name__}. Pass the log itself."
        )
    if not bool(train.label.any()):
        raise DataError(f"{method} has nothing to learn from: the log has no action.")
    return train


def as_seconds_log(train: object, method: str) -> Interactions:
    """Return ``train`` if it is a log with actions whose times count in seconds.

    It is for what counts in days, such as a half-life.

    Raises:
        DataError: ``train`` has no times or only positions, or it holds no action.
    """
    log = as_log(train, method)
    refuse_without_seconds(log.clock, method)
    return log
