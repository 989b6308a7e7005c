"""DSGL answers live: 200 candidates of one user, a millisecond after an event.

    python benchmarks/dsgl_live.py [--events 400000] [--requests 400]

Claim: at depth (2, 1), with every input, the 99th percentile is below 20 ms on one
core. A pipeline of `Popular` and DSGL answers users and anonymous histories in turn,
each after an event of the same user was observed. What was known of an event is read
once: the first requests read more, and are reported apart. Processor time of one
thread, everything included: retrieval, ranking, ids to items.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from load import log_of

import tidegraph as tg
from tidegraph.kernels.jit import use_threads
from tidegraph.nn.click.dsgl_layer import SequenceLayer

OUT = Path(__file__).parent / "results" / "dsgl_live.json"
FIRST = 50
"""Requests that read what was known of most events."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args()
    torch.set_num_threads(1)
    log = log_of(options.events // 50, options.events // 20, options.events)
    model = tg.DSGL(products=True, layer=SequenceLayer(residual=True))
    rank = tg.NeuralRanker(
        model, tg.FeatureSet(ids=False), training=tg.Training(epochs=1)
    )
    held = 2_000 / options.events
    train, valid, _ = log.split(fractions=(1 - 2 * held, held))
    pipeline = tg.Pipeline(tg.Popular(), rank, windows=tg.Windows(1))
    fitted = pipeline.fit(train, valid, rng=np.random.default_rng(0))
    rng, now = np.random.default_rng(1), int(log.time[-1])
    users, items = log.users.ids.to_list(), log.items.ids.to_list()
    took: dict[str, list[float]] = {"user": [], "history": []}
    with use_threads(threads=1, grain=1 << 30):
        for number in range(options.requests):
            user, item = rng.choice(users), rng.choice(items)
            fitted.observe([(user, item, now + number)])
            began = time.process_time()
            if number % 2:
                fitted.recommend(user, k=10)
            else:
                past = [item, *rng.choice(items, 9)]
                fitted.recommend(history=past, k=10)
            kind = "history" if number % 2 == 0 else "user"
            took[kind].append(1e3 * (time.process_time() - began))
    found = {}
    for kind, each in took.items():
        warm = each[FIRST // 2 :]
        found[kind] = {
            "p50 ms": round(float(np.median(warm)), 1),
            "p99 ms": round(float(np.quantile(warm, 0.99)), 1),
            "p50 ms of the first": round(float(np.median(each[: FIRST // 2])), 1),
        }
        print(kind, found[kind], flush=True)
    OUT.write_text(json.dumps({**vars(options), **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
