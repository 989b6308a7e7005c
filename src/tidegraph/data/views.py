"""The simplifications of Table 19.1 as types: matrix, impressions, sequences.

Each forgets something of the log, and a stage says by its argument's type which one it
learns from: a matrix forgets time and order, impressions forget nothing but features,
sequences forget what was shown and not chosen.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float32, Int8, Int32, Int64

from tidegraph.arguments import checked
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import interactions
from tidegraph.data.log import Interactions
from tidegraph.data.times.clocks import refuse_without_seconds
from tidegraph.errors import DataError
from tidegraph.kernels.ragged import owners, starts


@dataclass(frozen=True, eq=False)
class Matrix:
    """How much each user interacted with each item; time and order are forgotten.

    Attributes:
        ptr: Where each user's entries start.
        item: Items each user acted on, increasing within a user, each once.
        weight: Sum of the weights of the user's actions on the item.
        users: The user vocabulary.
        items: The item vocabulary.
    """

    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " entries"]
    weight: Float32[np.ndarray, " entries"]
    users: Vocabulary
    items: Vocabulary

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
        return cls._summed(acted.user, acted.item, acted.weight, log.users, log.items)

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
    def _summed(
        cls,
        user: Int32[np.ndarray, " n"],
        item: Int32[np.ndarray, " n"],
        weight: Float32[np.ndarray, " n"],
        users: Vocabulary,
        items: Vocabulary,
    ) -> "Matrix":
        pairs = scipy.sparse.coo_array(
            (weight, (user, item)), shape=(len(users), len(items))
        )
        rows = pairs.tocsr()
        rows.sum_duplicates()
        return cls(
            rows.indptr.astype(np.int64),
            rows.indices.astype(np.int32, copy=False),
            rows.data.astype(np.float32, copy=False),
            users,
            items,
        )


@dataclass(frozen=True, eq=False)
class Impressions:
    """What was shown, and whether it was chosen.

    Attributes:
        user: Row of the user.
        item: Row of the item shown.
        time: Unix seconds, never decreasing.
        label: 1 chosen, 0 shown only; both occur.
    """

    user: Int32[np.ndarray, " n"]
    item: Int32[np.ndarray, " n"]
    time: Int64[np.ndarray, " n"]
    label: Int8[np.ndarray, " n"]

    @classmethod
    @checked(DataError)
    def of(cls, log: Interactions) -> "Impressions":
        """Take a log that knows what was shown in vain.

        Raises:
            DataError: Every event is an action, so there is nothing to tell apart.
        """
        if len(log) == 0 or bool(log.label.all()):
            raise DataError(
                "the log has no impression without action (label 0), so it cannot be "
                "seen as impressions. Read it with label=, or sample negatives."
            )
        return cls(log.user, log.item, log.time, log.label)


@dataclass(frozen=True, eq=False)
class Sequences:
    """Each user's actions in time order.

    Attributes:
        ptr: Where each user's actions start.
        item: Row of the item of each action, oldest first within a user.
        time: Unix seconds of each action.
    """

    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " n"]
    time: Int64[np.ndarray, " n"]

    @classmethod
    @checked(DataError)
    def of(cls, log: Interactions) -> "Sequences":
        """Group the actions of a log by user."""
        acted = log.actions()
        order = np.argsort(acted.user, kind="stable")
        ptr = starts(np.bincount(acted.user, minlength=len(log.users)))
        return cls(ptr, acted.item[order], acted.time[order])


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
