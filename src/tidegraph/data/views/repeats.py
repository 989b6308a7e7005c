"""Whether users of a log return to items: one line for all that ask the log."""

from typing import NamedTuple

import numpy as np

from tidegraph.data.log import Interactions
from tidegraph.data.views.evidence import positive_actions

RETURNS = 0.1
"""Users return to items where more than this share of the events repeat one."""
LEAST = 100
"""Of fewer events nothing is known, so that users may return."""


class MayRepeat(NamedTuple):
    """Whether lists may hold what a user had, and why.

    Attributes:
        allowed: May they?
        share: The share of repeats of the log that it was chosen on; none where it was
            told.
    """

    allowed: bool
    share: float | None = None

    @classmethod
    def of(cls, told: bool | None, log: Interactions) -> "MayRepeat":
        """Return what was told, and what a log does where nothing was.

        Args:
            told: May lists hold items of the history? None to ask the log.
            log: What is known; of it only what somebody wanted counts.
        """
        if told is not None:
            return cls(told)
        wanted = positive_actions(log)
        share = repeated(wanted)
        return cls(len(wanted) < LEAST or share > RETURNS, share)


def repeated(log: Interactions) -> float:
    """Return the share of events that repeat an item of their user; 0 without any."""
    # Sorting takes a tenth of the time of np.unique.
    pair = np.sort(log.user.astype(np.int64) * len(log.items) + log.item)
    return float(np.count_nonzero(np.diff(pair) == 0)) / max(1, len(log))
