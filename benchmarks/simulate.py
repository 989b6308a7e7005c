"""How long a simulated marketplace takes, and how much memory.

Claim: 10 million impressions in under a minute on 2 cores.
Run: python benchmarks/simulate.py
"""

import json
import os
import platform
import resource
import time
from pathlib import Path

import numpy as np

from tidegraph.data.synthetic import Marketplace
from tidegraph.kernels.jit import cpu_count

OUT = Path(__file__).parent / "results" / "simulate.json"
SIZES = {
    "0.6 M": Marketplace(),
    "1 M": Marketplace(users=10_000, items=2_000, days=20, visits=5_000),
    "10 M": Marketplace(users=50_000, items=10_000, days=50, visits=20_000),
}
REQUESTS = 2_000


def measured(market: Marketplace) -> dict[str, float | int]:
    started = time.perf_counter()
    world = market.simulate(rng=np.random.default_rng(0))
    simulated = time.perf_counter()
    log, truth = world.log, world.truth
    chance = truth.click_probability(log.user, log.item, log.time)
    judged = time.perf_counter()
    rows = np.linspace(0, len(log) - 1, REQUESTS).astype(np.int64)
    truth.best(log.user[rows], log.time[rows], 10)
    best = time.perf_counter()
    return {
        "impressions": len(log),
        "users": len(log.users),
        "catalogue": len(log.items),
        "click_rate": round(float(log.label.mean()), 4),
        "mean_click_probability_at_the_top": round(float(chance.mean()), 4),
        "simulate_seconds": round(simulated - started, 2),
        "truth_seconds": round(judged - simulated, 2),
        "best_lists_per_second": round(REQUESTS / (best - judged)),
        "log_bytes": log.nbytes + int(log.context.estimated_size()),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    Marketplace(users=10, items=10, days=2, visits=600).simulate(
        rng=np.random.default_rng(0)
    )
    results = {name: measured(market) for name, market in SIZES.items()}
    print(
        f"{'size':>6} {'simulate s':>10} {'truth s':>8} {'lists/s':>8} {'peak MB':>8}"
    )
    for name, row in results.items():
        print(
            f"{name:>6} {row['simulate_seconds']:>10} {row['truth_seconds']:>8} "
            f"{row['best_lists_per_second']:>8} {row['peak_bytes'] // 10**6:>8}"
        )
    machine = {
        "cores": cpu_count(),
        "processor": platform.machine(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"machine": machine, "sizes": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
