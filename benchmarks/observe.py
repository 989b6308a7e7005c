"""What ``observe`` keeps, costs and holds up: python benchmarks/observe.py

Eight threads observe 1,000 events each while four others recommend; then one thread
observes alone. Speeds are beside those of a plain list under a lock, which keeps
events and answers nothing.
"""

import json
import platform
import resource
import threading
import time
from pathlib import Path

import numpy as np

import tidegraph as tg

OUT = Path(__file__).parent / "results" / "observe.json"


def model_of(users: int, items: int, events: int) -> tg.FittedPipeline:
    rng = np.random.default_rng(0)
    log = tg.interactions(
        rng.integers(0, users, events),
        rng.integers(0, items, events),
        np.sort(rng.integers(1_700_000_000, 1_710_000_000, events)),
    )
    return tg.Pipeline(retrieve=(tg.Repeat(), tg.Popular(half_life_days=None))).fit(log)


def held_by(model: tg.FittedPipeline) -> int:
    return len(model.graph.edges["action"])


def together(model: tg.FittedPipeline, writers: int, calls: int, readers: int) -> dict:
    now, before, done = model.graph.latest, held_by(model), threading.Event()
    answered = [0] * readers

    def observe(who: int) -> None:
        for n in range(calls):
            model.observe([(1_000_000 + calls * who + n, n % 50, now + n)])

    def recommend(who: int) -> None:
        while not done.is_set():
            model.recommend(who, k=10)
            answered[who] += 1

    reading = [
        threading.Thread(target=recommend, args=(who,)) for who in range(readers)
    ]
    writing = [threading.Thread(target=observe, args=(who,)) for who in range(writers)]
    start = time.perf_counter()
    for one in reading + writing:
        one.start()
    for one in writing:
        one.join()
    seconds = time.perf_counter() - start
    done.set()
    for one in reading:
        one.join()
    return {
        "writers": writers,
        "readers": readers,
        "reported as taken in": writers * calls,
        "kept": held_by(model) - before,
        "ms per event": 1000 * seconds / (writers * calls),
        "requests answered meanwhile": sum(answered),
    }


def alone(model: tg.FittedPipeline, calls: int) -> dict:
    now, took = model.graph.latest, np.empty(calls)
    plain, lock, beside = [], threading.Lock(), np.empty(calls)
    for n in range(calls):
        start = time.perf_counter()
        model.observe([(n % 1000, n % 50, now + n)])
        took[n] = time.perf_counter() - start
        start = time.perf_counter()
        with lock:
            plain.append((n % 1000, n % 50, now + n))
        beside[n] = time.perf_counter() - start
    ms = 1000 * took
    return {
        "p50 ms": float(np.percentile(ms, 50)),
        "p99 ms": float(np.percentile(ms, 99)),
        "longest ms after the first 10": float(ms[10:].max()),
        "first ms": float(ms[0]),
        "times a plain list": float(np.median(took) / np.median(beside)),
    }


def main(calls: int = 1000) -> None:
    small = model_of(1_000, 200, 20_000)
    result = {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "threads": together(small, 8, calls, 4),
        "alone": alone(model_of(50_000, 20_000, 500_000), 5 * calls),
        "peak MiB of the process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / 1024,
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(OUT.read_text())


if __name__ == "__main__":
    main()
