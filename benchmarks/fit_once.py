"""What channels that are fitted once for all past windows cost in accuracy, and save.

``python benchmarks/fit_once.py HOUSEHOLDS PARTS`` takes every so many-th household of
Complete Journey, which makes so many disjoint samples, and prints one line per plan:
the demonstration's channels and BPR-MF, some of them fitted before the oldest window
only. Fits of one channel on one moment are shared by the plans.
"""

import json
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

import tidegraph as tg
from tidegraph.data.public import load
from tidegraph.demo import Demo
from tidegraph.stages import Retriever, called

EVERY, PARTS = (int(text) for text in (*sys.argv[1:], "12", "4")[:2])
RESULTS = Path(__file__).parent / "results" / "fit_once.json"
METRICS = ("ndcg@10", "recall@10", "ndcg@20", "recall@20")


@dataclass(frozen=True)
class Timed:
    """A channel that is fitted once for each moment, however many plans need it."""

    method: Retriever
    name: str
    fits: dict[int, Any] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)

    def fit(self, train: tg.Fold) -> Any:
        moment = int(train.events.time[-1])
        if moment not in self.fits:
            started = time.process_time()
            self.fits[moment] = self.method.fit(train)
            self.seconds[moment] = round(time.process_time() - started, 2)
        return self.fits[moment]


def rows_of(part: int) -> list[dict[str, Any]]:
    log = load("complete-journey")
    log = log.take(log.user % EVERY == part)
    train, valid, test = Demo()._split(log)
    plain = Demo()._pipeline(log, repeat=True)
    learnt = tg.bpr_mf(32, seed=part)
    learnt = replace(learnt, training=replace(learnt.training, epochs=4))
    three = tuple(Timed(channel, called(channel)) for channel in plain.retrieve)
    four = (*three, Timed(learnt, "BPR-MF"))
    rows = []
    for channels, once in (
        (three, ()),
        (three, ("RP3beta",)),
        (three, ("Repeat", "RP3beta", "Popular")),
        (four, ()),
        (four, ("BPR-MF",)),
        (four, ("RP3beta", "BPR-MF")),
    ):
        rank = tg.RecencyLogit()
        plan = replace(
            plain,
            retrieve=channels,
            rank=rank,
            windows=replace(plain.windows, fit_once=once),
        )
        model = plan.fit(train, valid, rng=part)
        result = tg.evaluate(model, test, train=model.graph, k=(10, 20), rng=0)
        means = result.table().filter(pl.col("model") == "model")
        found = dict(means.select("metric", "mean").iter_rows())
        names = [channel.name for channel in channels]
        row = {"part": part, "channels": names, "once": once}
        rows.append(row | {name: round(found[name], 5) for name in METRICS})
        print(rows[-1], flush=True)
    seconds = {channel.name: list(channel.seconds.values()) for channel in four}
    return [*rows, {"part": part, "processor_seconds": seconds}]


if __name__ == "__main__":
    found = [row for part in range(PARTS) for row in rows_of(part)]
    RESULTS.write_text(json.dumps({"every": EVERY, "rows": found}, indent=1) + "\n")
