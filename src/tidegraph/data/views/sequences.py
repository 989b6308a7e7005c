"""A log as the items of each user in order, which forgets what was not chosen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.arguments import checked
from tidegraph.data.log import Interactions
from tidegraph.errors import DataError
from tidegraph.kernels.ragged import starts


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
