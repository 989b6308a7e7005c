import numpy as np
import polars as pl
import pytest
from hypothesis import settings

from annotations import checked_by_need

checked_by_need()

from tidegraph.data.interactions import Interactions, interactions  # noqa: E402

# The first call of a kernel compiles it, which no deadline should count.
settings.register_profile("tidegraph", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=10_000)
settings.load_profile("tidegraph")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def draw_log(seed: int = 0, events: int = 600, users: int = 30, items: int = 40):
    """A small log with ties, repeats, a heavy head, and item and user features."""
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, events)
    item = np.minimum(rng.geometric(0.08, events) - 1 + (user % 3) * 5, items - 1)
    time = np.sort(rng.integers(0, 40 * 86_400, events) // 600 * 600)
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


@pytest.fixture
def log() -> Interactions:
    return draw_log()
