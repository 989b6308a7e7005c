"""What ``observe`` keeps, costs and holds up: python benchmarks/observe.py

Eight threads observe 1,000 events each while four others recommend; then one thread
observes alone, beside a plain list under a lock, which keeps events and answers
nothing; then it goes on, event by event, and each that takes long is told, by the clock
and by the time that its thread had a processor: ``--events`` of them alone and
``--read`` of them beside four threads that recommend.
"""

import argparse
import gc
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


def stream(users: int, items: int, now: int, events: int):
    """Yield events of known users and items; each hundredth has a new one of both."""
    rng = np.random.default_rng(1)
    user, item = rng.integers(0, users, events), rng.integers(0, items, events)
    user[::100] = np.arange(len(user[::100])) + 10_000_000
    item[::100] = np.arange(len(item[::100])) + 10_000_000
    when = now + np.arange(events) // 10
    yield from zip(user.tolist(), item.tolist(), when.tolist(), strict=True)


def pauses(model: tg.FittedPipeline, events: int, readers: int, warm: int) -> dict:
    """Observe event by event, and say how long the longest took and why."""
    clock, thread = np.empty(events), np.empty(events)
    collections, done, answered = [0.0], threading.Event(), [0] * readers

    def collecting(phase: str, _: dict) -> None:
        began = time.perf_counter()
        if phase == "start":
            collections.append(began)
        else:
            collections.append(began - collections.pop())

    def recommend(who: int) -> None:
        while not done.is_set():
            model.recommend(who, k=10)
            answered[who] += 1

    # As docs/pipeline.md says of a server.
    gc.collect()
    gc.freeze()
    gc.callbacks.append(collecting)
    reading = [threading.Thread(target=recommend, args=(n,)) for n in range(readers)]
    for one in reading:
        one.start()
    for n, event in enumerate(stream(50_000, 20_000, model.graph.latest, events)):
        began, had = time.perf_counter(), time.thread_time()
        model.observe([event])
        thread[n], clock[n] = time.thread_time() - had, time.perf_counter() - began
    done.set()
    for one in reading:
        one.join()
    gc.callbacks.remove(collecting)
    gc.unfreeze()
    said: dict = {"events": events, "readers": readers, "warm after": warm}
    for name, took in (("clock", 1000 * clock), ("thread", 1000 * thread)):
        took = took[warm:]
        said |= {f"{name}, p{p} ms": float(np.percentile(took, p)) for p in (50, 99)}
        said[f"{name}, longest ms"] = float(took.max())
        said[f"{name}, over 20 ms"] = int((took > 20).sum())
    slow = warm + np.flatnonzero(thread[warm:] > 0.005)
    said["over 5 ms of thread time"] = {
        int(n): round(1000 * thread[n], 1) for n in slow
    }
    said["longest garbage collection ms"] = 1000 * max(collections)
    return said | {"requests answered meanwhile": sum(answered)}


def main(calls: int, events: int, read: int) -> None:
    large = model_of(50_000, 20_000, 500_000)
    result: dict = {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }
    parts = {
        "threads": lambda: together(model_of(1_000, 200, 20_000), 8, calls, 4),
        "alone": lambda: alone(large, 5 * calls),
        "pauses beside readers": lambda: pauses(large, read, 4, min(1000, read // 10)),
        "pauses alone": lambda: pauses(large, events, 0, min(1000, events // 10)),
    }
    for name, measure in parts.items():
        result[name] = measure()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        result["peak MiB of the process"] = peak
        OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(OUT.read_text())


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description="What observe keeps and costs.")
    asked.add_argument("--calls", type=int, default=1_000)
    asked.add_argument("--events", type=int, default=1_000_000)
    asked.add_argument("--read", type=int, default=20_000)
    main(**vars(asked.parse_args()))
