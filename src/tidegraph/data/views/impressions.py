"""A log as impressions: what was shown, and whether it was chosen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8, Int32, Int64

from tidegraph.arguments import checked
from tidegraph.data.log import Interactions
from tidegraph.errors import DataError


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
