"""Weights of channels that a valid part teaches, beside the best channel and sums.

Four channels whose settings are left to the log; the last five events of a user of
MovieLens-100K and -1M, the last one of Amazon's beauty. "Learnt" weighs ranks, scores
or what of the two does better by the last events before those: the channels learn from
what is left, and their weights are taken over by channels that know them too. "By time"
weighs by what the newest tenth of training says, "alike" does not. A lead is the mean
of paired differences of users to the channel that is best on the test part, which no
blend knows.
Claims: learnt weights are behind no channel by more than their 95 % interval.
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
from losses import Data, beauty, movielens

import tidegraph as tg
from tidegraph.stages import FittedRetriever, Fold

OUT = Path(__file__).parent / "results" / "blend_weights.json"
K = 20
CHANNELS = tg.Popular(), tg.ItemKNN(), tg.RP3beta(), tg.EASE(l2=300.0)
LEARNT = {
    "ranks or scores, learnt": tg.Blend(CHANNELS),
    "ranks, learnt": tg.Blend(CHANNELS, by="ranks"),
    "scores, learnt": tg.Blend(CHANNELS, by="scores"),
    "scores, learnt, no places kept": tg.Blend(CHANNELS, at_least=0.0, by="scores"),
}
REST = {
    "ranks or scores, learnt by time": tg.Blend(CHANNELS),
    "ranks, alike": tg.Blend(CHANNELS, quotas=(), by="ranks"),
    "scores, alike": tg.Blend(CHANNELS, quotas=(), by="scores"),
}


def movielens_1m() -> Data:
    folder = Path(os.environ["TIDEGRAPH_DATA"]) / "movielens_1m_rebuilt"
    file = folder / "interactions.parquet"
    log = tg.read(file, user="user", item="item", time="timestamp")
    return Data.of(*log.leave_last(5))


DATA: dict[str, tuple[Callable[[], Data], int]] = {
    "movielens": (movielens, 5),
    "beauty": (beauty, 1),
    "movielens 1m": (movielens_1m, 5),
}
"""A log, and how many of the last events of each user are to be found."""


def found(data: Data, fitted: FittedRetriever) -> np.ndarray:
    return data.judged(fitted.retrieve(data.requests, K).item)["ndcg"]


def interval(value: np.ndarray) -> list[float]:
    half = 1.96 * value.std() / np.sqrt(len(value))
    return [round(float(value.mean()), 4), round(float(half), 4)]


def study(data: Data, last: int) -> dict[str, Any]:
    """Measure every channel and every blend, all fitted on the same log."""
    methods = tg.Blend(CHANNELS).methods
    fitted = {name: method.fit(data.train) for name, method in methods.items()}
    alone = {name: found(data, one) for name, one in fitted.items()}
    best = max(alone, key=lambda name: float(alone[name].mean()))
    rows: dict[str, Any] = {name: {"ndcg": interval(x)} for name, x in alone.items()}
    before, valid = data.train.leave_last(last)
    known = Fold(before)
    for name, blend in (LEARNT | REST).items():
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
    for name, (data, last) in DATA.items():
        if name not in results:
            results[name] = study(data(), last)
            OUT.write_text(json.dumps(results, indent=1) + "\n")
        table = results[name]
        for row in LEARNT:
            lead, half = table[row]["lead"]
            assert lead + half >= 0, (name, row, lead, half)


if __name__ == "__main__":
    main()
