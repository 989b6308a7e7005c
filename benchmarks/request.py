"""What one request costs a whole pipeline that takes in an event before each.

    python benchmarks/request.py [--items 50000 200000] [--requests 500]

Three channels, a ranker and MMR answer one user at a time, after an event of another
has been observed. Between requests runs a fixed piece of computing, 5 ms on the machine
that the numbers in docs were measured on: the ratio to it holds on others.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
from load import log_of

import tidegraph as tg

OUT = Path(__file__).parent / "results" / "request.json"
USERS, EVENTS_PER_ITEM = 100_000, 2


def model_of(items: int) -> tg.FittedPipeline:
    """A whole pipeline; little is trained, since only answers are timed."""
    log = log_of(items, USERS, max(EVENTS_PER_ITEM * items, 500_000))
    train, valid, _ = log.split(fractions=(0.995, 0.0025))
    channels = (
        tg.Popular(half_life_days=None),
        tg.Repeat(),
        tg.ItemKNN(20, tg.Cosine(), 0.0, half_life_days=None),
    )
    pipeline = tg.Pipeline(
        channels,
        rank=tg.RecencyLogit(),
        rerank=tg.MMR(),
        windows=1,
        window_days=0.25,
    )
    return pipeline.fit(train, valid)


def computed(numbers: np.ndarray) -> float:
    """Return the seconds of a fixed piece of computing in one thread."""
    start = time.perf_counter()
    np.sort(numbers, kind="stable")
    return time.perf_counter() - start


def milliseconds(seconds: list[float]) -> dict[str, float]:
    taken = 1000 * np.array(seconds)
    return {f"p{p}": round(float(np.percentile(taken, p)), 2) for p in (50, 99)}


def timed(model: tg.FittedPipeline, requests: int) -> dict[str, dict[str, float]]:
    rng, now = np.random.default_rng(1), model.graph.latest
    numbers = rng.random(70_000)
    took: dict[str, list[float]] = {"observe": [], "recommend": [], "compute": []}
    for n in range(requests + 50):
        someone, item = rng.integers(0, USERS), rng.integers(0, len(model.graph.items))
        start = time.perf_counter()
        model.observe([(f"user{someone:07d}", f"item{item:07d}", now + n)])
        observed = time.perf_counter()
        model.recommend(f"user{rng.integers(0, USERS):07d}", k=10)
        done = time.perf_counter()
        if n >= 50:  # Kernels and pages are warm by then.
            took["observe"].append(observed - start)
            took["recommend"].append(done - observed)
            took["compute"].append(computed(numbers))
    return {name: milliseconds(seconds) for name, seconds in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, nargs="+", default=[50_000, 200_000])
    parser.add_argument("--requests", type=int, default=500)
    given = parser.parse_args()
    found: dict[str, object] = {"processor": platform.processor() or platform.machine()}
    for items in given.items:
        found[f"{items} items, milliseconds"] = timed(model_of(items), given.requests)
        print(items, found[f"{items} items, milliseconds"])
    OUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
