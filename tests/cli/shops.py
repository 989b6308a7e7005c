"""A small shop: a log, item features and a recipe."""

from pathlib import Path

import numpy as np
import polars as pl

import tidegraph as tg

RECIPE = """
[data]
path = "events.csv"
user = "uid"
item = "sku"
time = "ts"
items = "items.csv"

[pipeline]
candidates = 20
windows = { count = 1 }
names = "title"

[[retrieve]]
model = "Popular"

[[retrieve]]
model = "ItemKNN"
neighbors = 10

[rank]
model = "RecencyLogit"

[rerank]
model = "MMR"
diversity = 0.2
by = "category"
"""


def with_brands(folder: Path) -> Path:
    """Write a graph of the items' brands beside the log, and return its folder."""
    skus = pl.read_csv(folder / "items.csv")["sku"]
    graph = tg.Graph().nodes("item", {"item": skus}, key="item")
    graph.nodes("brand", {"brand": ["b0", "b1"]}, key="brand")
    made = {"item": skus, "brand": [f"b{n % 2}" for n in range(len(skus))]}
    graph.edges("made_by", made, "item -> brand").save(folder / "g")
    return folder / "g"


def opened(folder: Path) -> Path:
    """Write the files of the shop to a folder."""
    rng = np.random.default_rng(3)
    events, users, items = 1500, 40, 30
    user = rng.integers(0, users, events)
    item = np.where(
        rng.random(events) < 0.7,
        (user + rng.integers(0, 4, events)) % items,
        rng.integers(0, items, events),
    )
    pl.DataFrame(
        {
            "uid": [f"u{u}" for u in user],
            "sku": [f"s{i}" for i in item],
            "ts": 1_700_000_000 + np.sort(rng.integers(0, 60 * 86_400, events)),
        }
    ).write_csv(folder / "events.csv")
    pl.DataFrame(
        {
            "sku": [f"s{i}" for i in range(items)],
            "title": [f"Item {i}" for i in range(items)],
            "category": [f"c{i % 4}" for i in range(items)],
        }
    ).write_csv(folder / "items.csv")
    (folder / "recipe.toml").write_text(RECIPE)
    return folder
