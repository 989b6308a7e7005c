"""The code of the pages runs as it is written, each page by itself.

A page goes on from the quick start, as docs/index.md says, and from what it calls a
reader's own. Those that are left out are run by tests of their subject.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tidegraph as tg

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {
    "graph.md": "tests/graph/test_docs.py",
    "device-cloud.md": "trains a fleet over a log: tests/dccl",
    "device.md": "needs a gate and a network's parts: tests/device",
    "testing.md": "a method of one's own: tests/testing/test_docs.py",
}
RECIPE = """
[data]
path = "events.csv"
user = "uid"
item = "sku"
time = "ts"

[[retrieve]]
model = "Popular"
"""
LONG = ("bench.compare(",)
"""What trains for minutes; tests/bench runs it on less."""


def blocks(page: Path) -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    return [block for block in found if not any(word in block for word in LONG)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A folder with the files of the quick start."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(1)
    first, last = 1_712_000_000, 1_716_000_000
    events = {
        "uid": [f"u{n}" for n in rng.integers(0, 100, 3000)],
        "sku": [f"sku{n}" for n in np.minimum(rng.zipf(1.4, 3000), 60)],
        "ts": np.sort(rng.integers(first, last, 3000)),
        "propensity": rng.uniform(0.1, 0.9, 3000),
    }
    items = {
        "sku": [f"sku{n}" for n in range(1, 61)],
        "title": [f"Title {n}" for n in range(1, 61)],
        "category": [f"category {n % 7}" for n in range(1, 61)],
        "brand": [f"brand {n % 5}" for n in range(1, 61)],
        "price": rng.random(60),
    }
    pl.DataFrame(events).write_csv(folder / "events.csv")
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    (folder / "may.csv").write_bytes((folder / "events.csv").read_bytes())
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "train.txt").write_text("0 1 2 3\n1 2 4\n")
    return folder


def known(shop: Path) -> dict[str, object]:
    """What a page goes on from, and what it says is a reader's own."""
    files = {"items": shop / "items.parquet", "user": "uid", "item": "sku"}
    log = tg.read(shop / "events.csv", **files, time="ts", context=["propensity"])
    train, valid, test = log.split(time=("2024-05-01", "2024-05-08"))
    users, items = log.users.ids.to_list(), log.items.ids.to_list()
    pairs = {"user": users[:4], "item": items[:4], "ts": [1, 2, 3, 4]}
    pipeline = tg.Pipeline(tg.ItemKNN(similarity=tg.Cosine(), half_life_days=None))
    return {
        "tg": tg,
        "log": log,
        "train": train,
        "valid": valid,
        "test": test,
        "pipeline": pipeline,
        "model": pipeline.fit(train, valid),
        "users": {"user": ["u42", *(user for user in users if user != "u42")]},
        "items": {"item": items},
        "brands": {"brand": ["a", "b"]},
        "made": {"item": items[:2], "brand": ["a", "b"]},
        "views": pairs,
        "follows": {"follower": users[:2], "followed": users[1:3]},
        "later": replace(test, label=np.arange(len(test), dtype=np.int8) % 2),
        "now": int(log.time[-1]) + 1,
        "rows": np.zeros(1, np.int32),
    }


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in ELSEWHERE], ids=lambda p: p.name
)
def test_the_code_of_a_page_runs_as_it_is_written(page, shop, tmp_path, monkeypatch):
    for file in shop.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    names = known(shop)

    for block in blocks(page):
        exec(block, names)
