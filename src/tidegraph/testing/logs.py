"""A small log that has what breaks methods."""

import numpy as np
import polars as pl

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.durations import DAY


def draw_log(
    seed: int = 0, events: int = 600, users: int = 30, items: int = 40
) -> Interactions:
    """Return a log with ties, repeats, a heavy head, and features of items."""
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, events)
    item = np.minimum(rng.geometric(0.08, events) - 1 + (user % 3) * 5, items - 1)
    time = np.sort(rng.integers(0, 40 * DAY, events) // 600 * 600)
    log = interactions(
        [f"u{u}" for u in user], [f"i{i}" for i in item], time + 1_700_000_000
    )
    categories = pl.DataFrame(
        {
            "item": [f"i{i}" for i in range(items)],
            "category": [f"c{i % 5}" for i in range(items)],
            "price": np.linspace(1.0, 9.0, items),
        }
    )
    return Interactions(
        log.user,
        log.item,
        log.time,
        log.label,
        log.weight,
        log.users,
        log.items.with_features(categories, "item"),
    )
