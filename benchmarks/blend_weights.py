"""Weights of channels that a log teaches, beside the best channel and sums.

Four channels whose settings are left to the log, three where there are more than 5,000
items, so that no dense matrix of them is needed; the last five events of a user of
MovieLens-100K and -1M, the last one of other logs, and the newest tenth of the events,
of users whom training knows. "Learnt" weighs ranks, scores or what of the two
does better by a valid part that is cut as the test part is: the channels learn from
what is left, and their weights are taken over by channels that know it too. "By itself"
has no valid part, so that training alone says what weighs the channels; "alike" does
not weigh. A lead is the mean of paired differences of users to the channel that is best
on the test part, which no blend knows.
Claims: learnt weights, with a valid part or by itself, are behind no channel by more
than their 95 % interval, but on the newest tenth of MovieLens-1M, where another channel
is best than on the tenth before, by a hundredth of it on the last events there, and by
itself on the last event of grocery.
A run that was stopped goes on.
Run: OPENBLAS_NUM_THREADS=1 TIDEGRAPH_DATA=folder python benchmarks/blend_weights.py
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from losses import Data

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.data.public import load
from tidegraph.stages import FittedRetriever, Fold

OUT = Path(__file__).parent / "results" / "blend_weights.json"
K = 20
MANY = 5_000
CHANNELS = tg.Popular(), tg.ItemKNN(), tg.RP3beta(), tg.EASE(l2=300.0)
FEW = CHANNELS[:3]
LEARNT: dict[str, dict[str, Any]] = {
    "ranks or scores, learnt": {},
    "ranks, learnt": {"by": "ranks"},
    "scores, learnt": {"by": "scores"},
    "scores, learnt, no places kept": {"at_least": 0.0, "by": "scores"},
}
BY_ITSELF = "ranks or scores, by itself"
REST: dict[str, dict[str, Any]] = {
    BY_ITSELF: {},
    "ranks, alike": {"quotas": (), "by": "ranks"},
    "scores, alike": {"quotas": (), "by": "scores"},
}


Split = Callable[[Interactions], tuple[Interactions, Interactions]]


def last(count: int) -> Split:
    """Hold out so many last events of each user."""
    return lambda log: log.leave_last(count)


def newest(log: Interactions) -> tuple[Interactions, Interactions]:
    """Hold out the newest tenth of the events."""
    train, test = log.split(fractions=(0.9,))
    return train, test


def read(name: str) -> Interactions:
    if name == "complete-journey":
        return load(name)
    file = Path(os.environ["TIDEGRAPH_DATA"]) / name / "interactions.parquet"
    if "timestamp" in pl.read_parquet_schema(file):
        return tg.read(file, user="user", item="item", time="timestamp")
    rows = pl.read_parquet(file)
    return tg.interactions(rows["user"], rows["item"], rows["position"])


DATA: dict[str, tuple[str, Split]] = {
    "movielens": ("movielens_100k", last(5)),
    "music": ("amazon_tlsan_digital_music", last(1)),
    "office": ("amazon_tlsan_office", last(1)),
    "music, newest": ("amazon_tlsan_digital_music", newest),
    "office, newest": ("amazon_tlsan_office", newest),
    "beauty": ("amazon_tlsan_beauty", last(1)),
    "beauty, newest": ("amazon_tlsan_beauty", newest),
    "movielens, newest": ("movielens_100k", newest),
    "beauty, positions": ("s3rec_beauty", last(1)),
    "grocery": ("amazon_grocery_rechorus", last(1)),
    "grocery, newest": ("amazon_grocery_rechorus", newest),
    "taobao, positions": ("taobao_seq", last(1)),
    "journey, newest": ("complete-journey", newest),
    "movielens 1m": ("movielens_1m_rebuilt", last(5)),
    "movielens 1m, newest": ("movielens_1m_rebuilt", newest),
}
"""A log, and what of it is to be found."""
BEHIND = {
    *(("movielens 1m, newest", row) for row in (*LEARNT, BY_ITSELF)),
    ("movielens 1m", "ranks or scores, learnt"),
    ("movielens 1m", "ranks, learnt"),
    ("grocery", BY_ITSELF),
}
"""Where the claim does not hold."""


def found(data: Data, fitted: FittedRetriever) -> np.ndarray:
    return data.judged(fitted.retrieve(data.requests, K).item)["ndcg"]


def interval(value: np.ndarray) -> list[float]:
    half = 1.96 * value.std() / np.sqrt(len(value))
    return [round(float(value.mean()), 4), round(float(half), 4)]


def study(log: Interactions, split: Split) -> dict[str, Any]:
    """Measure every channel and every blend, all fitted on the same log."""
    data = Data.of(*split(log))
    channels = CHANNELS if len(log.items) <= MANY else FEW
    methods = tg.Blend(channels).methods
    fitted = {name: method.fit(data.train) for name, method in methods.items()}
    alone = {name: found(data, one) for name, one in fitted.items()}
    best = max(alone, key=lambda name: float(alone[name].mean()))
    rows: dict[str, Any] = {name: {"ndcg": interval(x)} for name, x in alone.items()}
    before, valid = split(data.train)
    known = Fold(before)
    for name, settings in (LEARNT | REST).items():
        blend = tg.Blend(channels, **settings)
        started, weighed = time.process_time(), None
        if name in LEARNT:
            weighed = blend.fit(known, valid, repeat=False)
        whole = blend.fit(data.train, given=fitted, like=weighed, repeat=False)
        spent, own = time.process_time() - started, found(data, whole)
        rows[name] = {
            "ndcg": interval(own),
            "lead": interval(own - alone[best]),
            "weights": np.round(whole.quotas, 3).tolist(),
            "by": whole.by,
            "seconds": round(spent, 1),
        }
        print(name, rows[name], flush=True)
    return rows | {"best": best}


def main() -> None:
    """Measure each log that was not measured yet."""
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name, (folder, split) in DATA.items():
        if name not in results:
            results[name] = study(read(folder), split)
            OUT.write_text(json.dumps(results, indent=1) + "\n")
        table = results[name]
        for row in (*LEARNT, BY_ITSELF):
            lead, half = table[row]["lead"]
            assert (name, row) in BEHIND or lead + half >= 0, (name, row, lead, half)


if __name__ == "__main__":
    main()
