"""What default settings are judged on: validation parts of public data sets.

Where a set has times, the last tenth of its events is never looked at; the tenth before
asks for each of its events, at its time and with all that the user did before. Where a
set has none, a fifth of each user's training items is held out.
"""

import os
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from gowalla import a_fifth_held_out

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import ItemSets, Requests

USERS, EVENTS, REQUESTS = 10_000, 150_000, 10_000
TIMED = (
    "movielens_100k",
    "amazon_grocery_rechorus",
    "amazon_tlsan_beauty",
    "amazon_tlsan_digital_music",
    "amazon_tlsan_home_kitchen",
    "amazon_tlsan_office",
    "amazon_tlsan_toys",
    "online_retail",
    "xwines_slim",
)
UNTIMED = (
    "lightgcn_gowalla",
    "reczoo_amazoncds_m1",
    "kgcn_lastfm_music",
    "kgcn_book_crossing",
)


@dataclass(frozen=True)
class Part:
    """Requests, what each is to find, and all that happened before the first."""

    train: Interactions
    requests: Requests
    relevant: ItemSets


@dataclass(frozen=True)
class Task:
    """Consecutive parts; a method is fitted anew before each."""

    parts: tuple[Part, ...]
    timed: bool
    repeats: bool

    @property
    def train(self) -> Interactions:
        """What came before the first request."""
        return self.parts[0].train

    @property
    def unit(self) -> np.ndarray:
        """What is drawn anew for an interval: the user of each request, or its part."""
        if len(self.parts) == 1:
            return self.parts[0].requests.user
        sizes = [len(part.requests) for part in self.parts]
        return np.repeat(np.arange(len(sizes)), sizes)

    @property
    def half(self) -> np.ndarray:
        """Whether each request is of the first half of the users or parts."""
        unit = self.unit
        if len(self.parts) > 1:
            return unit % 2 == 0
        return np.random.default_rng(1).random(int(unit.max()) + 1)[unit] < 0.5


def load(name: str, moments: int = 1) -> Task:
    """Return the task of a set, of as many parts as ``moments`` if it has times."""
    if "TIDEGRAPH_DATA" not in os.environ:
        sys.exit("skipped: set TIDEGRAPH_DATA to the folder of the public data sets.")
    file = Path(os.environ["TIDEGRAPH_DATA"]) / name / "interactions.parquet"
    rows = pl.read_parquet(file)
    if "split" in rows.columns:
        rows = rows.filter(pl.col("split").cast(pl.String) == "train")
    if "label" in rows.columns:
        rows = rows.filter(pl.col("label") == 1)
    users = rows["user"].unique().sort()
    most = min(USERS, len(users), EVENTS * len(users) // len(rows))
    kept = users.sample(most, seed=0)
    rows = rows.filter(pl.col("user").is_in(kept.implode()))
    if "timestamp" in rows.columns:
        log = interactions(rows["user"], rows["item"], rows["timestamp"])
        return next_items(log, moments)
    return held_out(interactions(rows["user"], rows["item"]))


def next_items(log: Interactions, moments: int) -> Task:
    """Ask for events of the second-last tenth, each at its time."""
    train, valid, _ = log.split(fractions=(0.8, 0.1))
    pair = log.user.astype(np.int64) * len(log.items) + log.item
    repeats = len(np.unique(pair)) < 0.9 * len(pair)
    seen = train.followed_by(valid)
    graph = Snapshot.of(seen)
    drawn = np.random.default_rng(0).permutation(len(valid))[:REQUESTS]
    asked = valid.take(np.sort(drawn))
    starts = np.unique(valid.time[len(valid) * np.arange(moments) // moments])
    parts: list[Part] = []
    for start, stop in pairwise([*starts.tolist(), int(valid.time[-1]) + 1]):
        some = asked.since(start).before(stop)
        requests = Requests.of_users(graph, some.user, some.time, repeat=repeats)
        rows = np.arange(len(some), dtype=np.int32)
        relevant = ItemSets.of_pairs(rows, some.item, len(some))
        parts.append(Part(seen.before(start), requests, relevant))
    return Task(tuple(parts), timed=True, repeats=repeats)


def held_out(log: Interactions) -> Task:
    """Ask each user for a fifth of their items."""
    train, valid = a_fifth_held_out(log, np.random.default_rng(0))
    users = np.arange(len(log.users), dtype=np.int32)
    requests = Requests.of_users(
        Snapshot.of(train), users, np.ones(len(users), np.int64), repeat=False
    )
    relevant = ItemSets.of_pairs(valid.user, valid.item, len(users))
    return Task((Part(train, requests, relevant),), timed=False, repeats=False)
