"""Two groups of users and items that share nothing."""

import numpy as np

from tidegraph.data.interactions import Interactions
from tidegraph.stages import Candidates, Retriever
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import requests_at


def two_groups(events: int = 900) -> Interactions:
    """Users of even number act on even items only, and never on all of them."""
    log = draw_log(events=events)
    item = (log.item // 2 * 2 + log.user % 2) % len(log.items)
    return type(log)(**{**vars(log), "item": item.astype(np.int32)})


def assert_tells_two_groups_apart(
    method: Retriever, *, repeat: bool = True, least: float = 0.9
) -> Candidates:
    """At least a share of what users are answered is of their own group."""
    log = two_groups()

    answer = method.fit(log).retrieve(requests_at(log, repeat=repeat), 5)

    right = answer.item % 2 == np.arange(len(log.users))[:, None] % 2
    assert answer.present.any()
    assert right[answer.present].mean() > least
    return answer
