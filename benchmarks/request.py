"""What one request costs a whole pipeline that takes in an event before each.

    python benchmarks/request.py [--items 50000 1000000] [--requests 500]
        [--events 10] [--users 1000000] [--folder models/] [--stage DSGL DPP ...]

Three channels, DIN and MMR answer one user at a time, after an event of another has
been observed; a new user or item comes with every hundredth. Between requests runs a
fixed piece of computing, 5 ms on a quiet processor: the ratio to it holds on others.
Processor time is that of the answering thread, which on a busy machine says more than
the clock on the wall. With a folder, models are fitted once and kept there. With
stages, pipelines of ``Popular``, ``Repeat`` and one of them answer instead.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
from load import log_of

import tidegraph as tg
from tidegraph.retrieval.knn.similarity import Cosine
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "request.json"
WARM = 100
"""So many requests come first, until kernels and pages are warm."""


FEATURES = tg.FeatureSet(category="category")
SHORT = Training(epochs=1)
STAGES: dict[str, Callable[[], dict[str, object]]] = {
    "no further stage": dict,
    "RecencyLogit": lambda: {"rank": tg.RecencyLogit()},
    "BoostedTrees": lambda: {"rank": tg.BoostedTrees()},
    "DIN": lambda: {"rank": tg.NeuralRanker(features=FEATURES, training=SHORT)},
    "DSGL": lambda: {"rank": tg.NeuralRanker(tg.DSGL(), FEATURES, training=SHORT)},
    "MMR": lambda: {"rerank": tg.MMR(by="category")},
    "DPP": lambda: {"rerank": tg.DPP(by="category")},
}
WHOLE = "whole"


def pipeline_of(stage: str, events: int) -> tg.Pipeline:
    """Return the whole pipeline, or two channels and one stage; little is learnt."""
    channels = (tg.Popular(half_life_days=None), tg.Repeat())
    if stage != WHOLE:
        windows = tg.Windows(1, 1_440_000 / events)
        return tg.Pipeline(channels, windows=windows, **STAGES[stage]())
    return tg.Pipeline(
        (*channels, tg.ItemKNN(20, Cosine(), 0.0, half_life_days=None)),
        rank=tg.NeuralRanker(features=FEATURES, training=SHORT),
        rerank=tg.MMR(),
        windows=tg.Windows(1, 360_000 / events),
    )


def saved(folder: Path, stage: str, items: int, events: int, users: int) -> float:
    """Fit and save a pipeline; return the seconds."""
    log = log_of(items, users, events)
    held = min(0.0025, 2_000 / events)
    train, valid, _ = log.split(fractions=(1 - 2 * held, held))
    began = time.perf_counter()
    pipeline_of(stage, events).fit(train, valid).save(folder)
    return time.perf_counter() - began


@dataclass
class Clocks:
    """Seconds on the wall and of the processor, by what took them."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    def time(self, what: str, work: Callable[..., object], *given: object) -> None:
        wall, processor = time.perf_counter(), time.thread_time()
        work(*given)
        self.processor.setdefault(what, []).append(time.thread_time() - processor)
        self.wall.setdefault(what, []).append(time.perf_counter() - wall)

    def table(self) -> dict[str, dict[str, dict[str, float]]]:
        kinds = {"processor ms": self.processor, "wall ms": self.wall}
        return {
            what: {
                kind: milliseconds(took[what][WARM:]) for kind, took in kinds.items()
            }
            for what in self.wall
        }


def milliseconds(seconds: list[float]) -> dict[str, float]:
    taken = 1000 * np.array(seconds)
    found = {f"p{p}": round(float(np.percentile(taken, p)), 2) for p in (50, 99)}
    return found | {"most": round(float(taken.max()), 2)}


def computed(numbers: np.ndarray) -> None:
    """Do a fixed piece of computing in one thread."""
    np.sort(numbers, kind="stable")


def timed(model: tg.FittedPipeline, requests: int) -> Clocks:
    rng, now = np.random.default_rng(1), model.graph.latest
    users, items = len(model.graph.users), len(model.graph.items)
    numbers, clocks = rng.random(70_000), Clocks()
    for n in range(requests + WARM):
        user, item = f"user{rng.integers(users):07d}", f"item{rng.integers(items):07d}"
        if n % 100 == 99:
            user, item = f"new user {n}", f"new item {n}"
        asks = f"user{rng.integers(users):07d}"
        clocks.time("observe", model.observe, [(user, item, now + n)])
        clocks.time("recommend", model.recommend, asks)
        clocks.time("compute", computed, numbers)
    for n in range(requests + WARM):
        event = (f"user{rng.integers(users):07d}", "item0000001", now + requests + n)
        clocks.time("observe alone", model.observe, [event])
    return clocks


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--events", type=int, default=10, help="for each item")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--stage", nargs="+", default=[WHOLE], choices=STAGES)
    given = parser.parse_args()
    found: dict[str, object] = json.loads(OUT.read_text()) if OUT.exists() else {}
    found["processor"] = platform.processor() or platform.machine()
    with tempfile.TemporaryDirectory() as aside:
        for items, stage in product(given.items, given.stage):
            events, users = given.events * items, min(given.users, given.events * items)
            name = f"{items} items, {events} events, {users} users"
            if stage != WHOLE:
                name += f", {stage}"
            folder = name.replace(", ", "-").replace(" ", "-")
            place = (given.folder or Path(aside)) / folder
            took: dict[str, object] = {}
            if not place.exists():
                seconds = saved(place, stage, items, events, users)
                took["fit and save s"] = round(seconds, 1)
            took |= timed(tg.load(place), given.requests).table()
            found[name] = took
            print(name, json.dumps(took, indent=1), flush=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
