"""Two groups of users and items that share nothing, their rows in any order."""

import numpy as np

from tidegraph.data.interactions import Interactions
from tidegraph.stages import Candidates, Retriever
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import permuted, requests_at


def two_groups(events: int = 900) -> Interactions:
    """Users of a group act on its items only, and never on all of them."""
    log = draw_log(events=events)
    item = (log.item // 2 * 2 + log.user % 2) % len(log.items)
    log = type(log)(**{**vars(log), "item": item.astype(np.int32)})
    return permuted(log, _shuffled(len(log.users)), _shuffled(len(log.items)))


def groups(rows: int) -> np.ndarray:
    """The group, 0 or 1, of each of so many users or items of ``two_groups``."""
    return np.argsort(_shuffled(rows)) % 2


def _shuffled(rows: int) -> np.ndarray:
    # A method that mixed up rows by an even number would pass if rows told the group.
    return np.random.default_rng(rows).permutation(rows)


def share_of_own_group(answer: Candidates, log: Interactions) -> float:
    """How much of what every user of ``two_groups`` is answered is of their group."""
    own = groups(len(log.users))[:, None]
    right = groups(len(log.items))[answer.item] == own
    return float(right[answer.present].mean())


def assert_tells_two_groups_apart(
    method: Retriever, *, repeat: bool = True, least: float = 0.9
) -> Candidates:
    """At least a share of what users are answered is of their own group."""
    log = two_groups()

    answer = method.fit(log).retrieve(requests_at(log, repeat=repeat), 5)

    assert answer.present.any()
    assert share_of_own_group(answer, log) > least
    return answer
