"""Who visits a simulated marketplace and what it sells, drawn at random."""

import math

import numpy as np
from jaxtyping import Int64

from tidegraph.data.synthetic.attraction import START, Goods, People
from tidegraph.data.synthetic.settings import Clicks, Lifecycle, Tastes
from tidegraph.durations import DAY

FOREVER = int(np.iinfo(np.int64).max)
"""When an item goes that never does."""


def draw_people(users: int, tastes: Tastes, *, rng: np.random.Generator) -> People:
    """Return users around the centres of their profiles, each with her own waves."""
    size = (users, tastes.dimensions)
    centre = rng.standard_normal((tastes.profiles, tastes.dimensions))
    profile = rng.integers(tastes.profiles, size=users, dtype=np.int32)
    taste = centre[profile] + tastes.spread * rng.standard_normal(size)
    period = tastes.period_days * 2 ** rng.uniform(-1, 1, size)
    return People(
        profile,
        taste.astype(np.float32),
        period.astype(np.float32),
        rng.random(size, np.float32),
    )


def draw_goods(
    items: int,
    days: int,
    tastes: Tastes,
    lifecycle: Lifecycle,
    clicks: Clicks,
    *,
    rng: np.random.Generator,
) -> Goods:
    """Return the items on offer on the first day, then those that come each midnight.

    Every day has its own generator, so that a longer marketplace has the same items and
    further ones.
    """
    first, *each_day = rng.spawn(days + 1)
    centre = first.standard_normal((tastes.categories, tastes.dimensions))
    # Arrivals make up for 1 in lifetime_days that goes, so the offer keeps its size.
    due = np.floor(np.arange(days) * (items / lifecycle.lifetime_days) + 1e-9)
    arrivals = np.diff(due, prepend=-items).astype(np.int64)
    cohorts = [
        _draw_goods(
            int(count), day, centre, tastes.spread, lifecycle, clicks, rng=child
        )
        for day, (count, child) in enumerate(zip(arrivals, each_day, strict=True))
    ]
    return Goods(*(np.concatenate(column) for column in zip(*cohorts, strict=True)))


def _draw_goods(
    count: int,
    day: int,
    centre: np.ndarray,
    spread: float,
    lifecycle: Lifecycle,
    clicks: Clicks,
    *,
    rng: np.random.Generator,
) -> Goods:
    category = rng.integers(len(centre), size=count, dtype=np.int32)
    own = rng.standard_normal((count, centre.shape[1]))
    goodness = rng.standard_normal(count)
    dearness = 0.4 * goodness + 0.5 * rng.standard_normal(count)
    born, retired = _draw_lifetimes(count, day, lifecycle.lifetime_days, rng=rng)
    return Goods(
        category,
        (centre[category] + spread * own).astype(np.float32),
        (clicks.quality * goodness).astype(np.float32),
        np.round(10 * np.exp(dearness), 2),
        born,
        retired,
    )


def _draw_lifetimes(
    count: int, day: int, lifetime_days: float, *, rng: np.random.Generator
) -> tuple[Int64[np.ndarray, " items"], Int64[np.ndarray, " items"]]:
    """Return the midnights at which items come and go.

    A geometric lifetime has no memory, so those on offer on the first day have a
    geometric age and the same lifetime still before them.
    """
    midnight = START + day * DAY
    if math.isinf(lifetime_days):
        return np.full(count, midnight - 365 * DAY), np.full(count, FOREVER)
    age = rng.geometric(1 / lifetime_days, count) - 1
    left = rng.geometric(1 / lifetime_days, count)
    if day > 0:
        age = np.zeros(count, np.int64)
    return midnight - age * DAY, midnight + left * DAY
