"""The groups of inputs that can be on or off, and the columns of each.

Beside ours stand features of one's own, which are groups of one input each.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain

import numpy as np
from jaxtyping import Float32

from tidegraph.errors import ConfigError, did_you_mean
from tidegraph.features import activity, counting, neighbors
from tidegraph.features.feature import (
    Feature,
    check_feature,
    columns_of,
    names_of_feature,
)
from tidegraph.features.reading import PastView, latest_history_items
from tidegraph.kernels.jit import over_rows

_REPEATS = "item_repeats"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "item": tuple(name for name in counting.names_of("item") if name != _REPEATS),
    "repeats": (_REPEATS,),
    "user": counting.names_of("user"),
    "pair": counting.names_of("pair"),
    "category": counting.names_of("category"),
    "co_occurrence": counting.names_of("co"),
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
COLUMNS = (*counting.NAMES, *activity.NAMES, *neighbors.NAMES)
"""Every column, in the order they are written."""
ALL = tuple(GROUPS)
OF_STEPS = ("events", "cross")
"""Groups that are about events of the history, which not every ranker looks at."""
OF_ITEMS = ("item", "item_activity")
"""Groups that say something of an item alone, whoever asks."""
OF_CANDIDATES = tuple(group for group in GROUPS if group not in OF_STEPS)


Group = str | Feature
"""One of ``GROUPS`` by its name, or a feature of one's own."""


def own_of(groups: Iterable[Group]) -> tuple[Feature, ...]:
    """Return the features of one's own among some groups."""
    return tuple(group for group in groups if not isinstance(group, str))


def called_group(group: Group) -> str:
    """Return the name of a group."""
    return group if isinstance(group, str) else group.name


def check_feature_groups(groups: Iterable[Group]) -> None:
    """Refuse a group of features that does not exist.

    Raises:
        ConfigError: There is one; the sentence names the one that was probably meant.
    """
    groups = tuple(groups)
    for name in groups:
        if isinstance(name, str) and name not in GROUPS:
            raise ConfigError(
                f"there is no group of features {name!r}.{did_you_mean(name, ALL)} "
                f"There are: {', '.join(ALL)}. A feature of one's own is given as it "
                "is, in Python."
            )
        if groups.count(name) > 1:
            raise ConfigError(
                f"the group of features {called_group(name)!r} is there twice. Leave "
                "one out."
            )
    taken = {*ALL, *columns_of_groups(ALL)}
    for feature in own_of(groups):
        check_feature(feature)
        for name in names_of_feature(feature):
            if name in taken:
                raise ConfigError(
                    f"the feature {type(feature).__name__} is called {name!r}, as "
                    "another input is. Give it a name of its own."
                )
        taken |= {*names_of_feature(feature)}


def check_of_candidates(method: str, groups: Iterable[Group]) -> None:
    """Refuse a group of features that does not exist or is about events one by one.

    Args:
        method: What looks at candidates alone.
        groups: Groups that are to be on.

    Raises:
        ConfigError: There is such a group, or no group at all.
    """
    groups = tuple(groups)
    check_feature_groups(groups)
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


def columns_of_groups(groups: Iterable[Group]) -> tuple[str, ...]:
    """Return the names of the columns of some groups, in the order they are written."""
    groups = tuple(groups)
    ours = _column_names(frozenset(g for g in groups if isinstance(g, str)))
    return (*ours, *chain.from_iterable(map(names_of_feature, own_of(groups))))


@cache
def _column_names(groups: frozenset[str]) -> tuple[str, ...]:
    on = set(chain.from_iterable(GROUPS[group] for group in groups))
    # One that no kernel writes is refused here.
    return tuple(sorted(on, key=COLUMNS.index))


def values_of_groups(
    past: PastView, groups: Iterable[Group]
) -> Float32[np.ndarray, "b k n"]:
    """Return the columns of some groups of features, as they are read.

    Args:
        past: What is read, strictly before the clock of each request.
        groups: Which groups are on.
    """
    own = own_of(groups := tuple(groups))
    ours = {group for group in groups if isinstance(group, str)}
    on = set(columns_of_groups(ours))
    parts: list[Float32[np.ndarray, "b k _"]] = []
    for names, block in (
        (counting.NAMES, lambda: _counting_columns(past, ours)),
        (activity.NAMES, lambda: _activity_columns(past)),
        (neighbors.NAMES, lambda: _knn_columns(past)),
    ):
        wanted = [n for n, name in enumerate(names) if name in on]
        if wanted:
            found = block()
            parts.append(found if len(wanted) == len(names) else found[:, :, wanted])
    if own:
        parts.append(columns_of(own, past))
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
        lambda a, b: counting.write_counting_columns(
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
        lambda a, b: activity.write_activity_columns(
            past.history, past.items, past.clock, past.item, out, a, b
        ),
        len(past.item),
        grain=64,
    )
    return out


def _knn_columns(past: PastView) -> Float32[np.ndarray, "b k 5"]:
    steps = latest_history_items(past.history, neighbors.LATEST)
    return neighbors.cross_with_history(past, steps, pairs=False).knn
