"""Two groups of users and items that share nothing."""

import numpy as np

from tidegraph.data.interactions import Interactions
from tidegraph.testing.logs import draw_log


def two_groups(events: int = 900) -> Interactions:
    """Users of even number act on even items only, and never on all of them."""
    log = draw_log(events=events)
    item = (log.item // 2 * 2 + log.user % 2) % len(log.items)
    return type(log)(**{**vars(log), "item": item.astype(np.int32)})
