"""The groups of inputs that can be on or off, and the columns of each."""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain

import numpy as np
from jaxtyping import Float32

from tidegraph.errors import ConfigError, did_you_mean
from tidegraph.features import activity, counting, neighbors
from tidegraph.features.reading import PastView, latest_items
from tidegraph.kernels.jit import over_rows

GROUPS: Mapping[str, tuple[str, ...]] = {
    "item": ("item_count", "item_gap", "item_unseen", "item_recent_count"),
    "repeats": ("item_repeats",),
    "user": ("user_count", "user_gap", "user_unseen", "user_recent_count"),
    "pair": (
        "pair_count",
        "pair_gap",
        "pair_unseen",
        "pair_share",
        "pair_overdue",
        "pair_regular",
        "pair_lately",
        "pair_this_season",
    ),
    "category": ("category_share", "category_gap"),
    "co_occurrence": ("co_occurrence",),
    "item_activity": activity.ITEM_NAMES,
    "user_activity": activity.USER_NAMES,
    "item_knn": neighbors.NAMES,
    "votes": (),
    "events": (),
    "cross": (),
}
"""The columns of each group.

``votes`` has two per retrieval channel; ``events`` gives each event of the history what
was known of it just before it, and ``cross`` each candidate and event what they have in
common. Gaps are log(1 + days), counts log(1 + n).
"""
ALL = tuple(GROUPS)
OF_STEPS = ("events", "cross")
"""Groups that are about events of the history, which not every ranker looks at."""
OF_ITEMS = ("item", "item_activity")
"""Groups that say something of an item alone, whoever asks."""
OF_CANDIDATES = tuple(group for group in GROUPS if group not in OF_STEPS)


def check_groups(groups: Iterable[str]) -> None:
    """Refuse a group that does not exist.

    Raises:
        ConfigError: There is one; the sentence names the one that was probably meant.
    """
    for name in groups:
        if name not in GROUPS:
            raise ConfigError(
                f"there is no group of features {name!r}.{did_you_mean(name, ALL)} "
                f"There are: {', '.join(ALL)}."
            )


def check_of_candidates(method: str, groups: Iterable[str]) -> None:
    """Refuse a group that does not exist or is about events one by one.

    Args:
        method: What looks at candidates alone.
        groups: Groups that are to be on.

    Raises:
        ConfigError: There is such a group, or no group at all.
    """
    groups = tuple(groups)
    check_groups(groups)
    for name in groups:
        if name in OF_STEPS:
            raise ConfigError(
                f"{method} looks at no event of a history by itself, which the group "
                f"{name!r} is about. Leave it out, or take a network, such as DIN. "
                f"There are: {', '.join(OF_CANDIDATES)}."
            )
    if not groups:
        raise ConfigError(
            f"{method} has no inputs without groups. Take some of: "
            f"{', '.join(OF_CANDIDATES)}."
        )


def names_of(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of some groups, in the order in which they are written."""
    return _column_names(frozenset(groups))


@cache
def _column_names(groups: frozenset[str]) -> tuple[str, ...]:
    on = set(chain.from_iterable(GROUPS[group] for group in groups))
    every = (*counting.NAMES, *activity.NAMES, *neighbors.NAMES)
    return tuple(name for name in every if name in on)


def numbers_of(past: PastView, groups: Iterable[str]) -> Float32[np.ndarray, "b k n"]:
    """Return the columns of some groups for each candidate, as they are read.

    Args:
        past: What is read, strictly before the clock of each request.
        groups: Which groups are on.
    """
    groups = set(groups)
    on = set(names_of(groups))
    parts: list[Float32[np.ndarray, "b k _"]] = []
    for names, block in (
        (counting.NAMES, lambda: _counting_columns(past, groups)),
        (activity.NAMES, lambda: _activity_columns(past)),
        (neighbors.NAMES, lambda: _knn_columns(past)),
    ):
        wanted = [n for n, name in enumerate(names) if name in on]
        if wanted:
            found = block()
            parts.append(found if len(wanted) == len(names) else found[:, :, wanted])
    if not parts:
        return np.zeros((*past.item.shape, 0), np.float32)
    return np.ascontiguousarray(np.concatenate(parts, axis=2))


def _counting_columns(
    past: PastView, groups: set[str]
) -> Float32[np.ndarray, "b k 20"]:
    out = np.zeros((*past.item.shape, len(counting.NAMES)), np.float32)
    node = past.history.node
    highest = max(int(past.item.max(initial=-1)), int(node.max(initial=-1)))
    size = max(len(past.items.start), highest + 2)
    over_rows(
        lambda a, b: counting.fill(
            past.history,
            past.items,
            past.user,
            past.clock,
            past.item,
            past.category,
            "co_occurrence" in groups,
            "repeats" in groups,
            size,
            out,
            a,
            b,
        ),
        len(past.item),
        grain=64,
    )
    return out


def _activity_columns(past: PastView) -> Float32[np.ndarray, "b k 13"]:
    out = np.zeros((*past.item.shape, len(activity.NAMES)), np.float32)
    over_rows(
        lambda a, b: activity.fill(
            past.history, past.items, past.clock, past.item, out, a, b
        ),
        len(past.item),
        grain=64,
    )
    return out


def _knn_columns(past: PastView) -> Float32[np.ndarray, "b k 5"]:
    steps = latest_items(past.history, neighbors.LATEST)
    return neighbors.crossed(past, steps, pairs=False).knn
