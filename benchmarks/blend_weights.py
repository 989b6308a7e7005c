"""Weights of channels that the log teaches, beside the best channel and plain sums.

Four channels whose settings are left to the log; the last five events of a user of
MovieLens-100K, the last one of Amazon's beauty. "Learnt" weighs ranks or scores by what
the newest tenth of training says, "alike" does not. A lead is the mean of paired
differences of users to the channel that is best on the test part, which no blend knows.
Claims: none. A run that was stopped goes on.
Run: OPENBLAS_NUM_THREADS=1 TIDEGRAPH_DATA=folder python benchmarks/blend_weights.py
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from losses import Data, beauty, movielens

import tidegraph as tg
from tidegraph.stages import FittedRetriever

OUT = Path(__file__).parent / "results" / "blend_weights.json"
K = 20
CHANNELS = tg.Popular(), tg.ItemKNN(), tg.RP3beta(), tg.EASE(l2=300.0)
BLENDS = {
    "ranks, learnt": tg.Blend(CHANNELS),
    "scores, learnt": tg.Blend(CHANNELS, by="scores"),
    "scores, learnt, no places kept": tg.Blend(CHANNELS, at_least=0.0, by="scores"),
    "ranks, alike": tg.Blend(CHANNELS, quotas=()),
    "scores, alike": tg.Blend(CHANNELS, quotas=(), by="scores"),
}


def found(data: Data, fitted: FittedRetriever) -> np.ndarray:
    return data.judged(fitted.retrieve(data.requests, K).item)["ndcg"]


def interval(value: np.ndarray) -> list[float]:
    half = 1.96 * value.std() / np.sqrt(len(value))
    return [round(float(value.mean()), 4), round(float(half), 4)]


def study(data: Data) -> dict[str, Any]:
    """Measure every channel and every blend, all fitted on the same log."""
    methods = tg.Blend(CHANNELS).methods
    fitted = {name: method.fit(data.train) for name, method in methods.items()}
    alone = {name: found(data, one) for name, one in fitted.items()}
    best = max(alone, key=lambda name: float(alone[name].mean()))
    rows: dict[str, Any] = {name: {"ndcg": interval(x)} for name, x in alone.items()}
    for name, blend in BLENDS.items():
        started = time.process_time()
        whole = blend.fit(data.train, given=fitted)
        spent, own = time.process_time() - started, found(data, whole)
        rows[name] = {
            "ndcg": interval(own),
            "lead": interval(own - alone[best]),
            "weights": np.round(whole.quotas, 3).tolist(),
            "seconds": round(spent, 1),
        }
        print(name, rows[name], flush=True)
    return rows | {"best": best}


def main() -> None:
    """Measure each log that was not measured yet."""
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name, data in (("movielens", movielens), ("beauty", beauty)):
        if name not in results:
            results[name] = study(data())
            OUT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
