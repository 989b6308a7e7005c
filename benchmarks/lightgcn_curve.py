"""LightGCN as its paper trains it, on Gowalla: recall and NDCG of 20, epoch by epoch.

Three layers, 64 numbers, BPR, batches of 2,048, Adam with .001, an l2 of 1e-4; the test
part is looked at after every epoch and decides nothing, train items are left out. A run
that was stopped goes on from its last whole epoch.
Claims: none; the paper finds .1830 / .1554 after up to 1,000 epochs.
Run: TIDEGRAPH_DATA=folder python benchmarks/lightgcn_curve.py CHECKPOINTS
"""

import json
import math
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gowalla import gowalla

from tidegraph.evaluation.metrics.ranking import hits, ndcg, recall
from tidegraph.graph.snapshot import Snapshot
from tidegraph.retrieval.embedding import _Pairs
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.run import Run
from tidegraph.stages import Fold, ItemSets, Requests
from tidegraph.training.loop import train
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "lightgcn_curve.json"
K = 20


@dataclass(frozen=True, eq=False)
class Watched:
    """Pairs to learn from, whose vectors are judged by the test part as they go."""

    pairs: _Pairs
    requests: Requests
    relevant: ItemSets
    now: dict[str, float] = field(default_factory=dict)
    unit: str = "pairs"

    @property
    def module(self) -> Any:
        return self.pairs.module

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Any]:
        self.now.update(epoch=epoch, started=time.process_time())
        return self.pairs.batches(epoch, rng)

    def loss(self, batch: Any) -> Any:
        return self.pairs.loss(batch)

    def validate(self) -> float:
        """Write what is found; return nan, so that the last weights are kept."""
        trained, epoch = time.process_time() - self.now["started"], self.now["epoch"]
        item = self.pairs.fitted().retrieve(self.requests, K).item
        hit, count = hits(item, self.relevant), self.relevant.count
        curve = json.loads(OUT.read_text())[: int(epoch)] if epoch else []
        curve.append(
            {
                "epoch": epoch + 1,
                "recall": round(float(recall(hit, count, K).mean()), 4),
                "ndcg": round(float(ndcg(hit, count, K).mean()), 4),
                "processor_seconds": round(trained),
            }
        )
        OUT.write_text(json.dumps(curve, indent=1) + "\n")
        print(curve[-1], flush=True)
        return math.nan


def main() -> None:
    checkpoints = Path(sys.argv[1])
    log, test = gowalla()
    fold, rng = Fold.of(log, "LightGCN"), np.random.default_rng(0)
    settings = Training(1000, 2048, Adam(1e-3), patience=None)
    method, run = lightgcn(3, training=settings), Run(rng, checkpoints=checkpoints)
    pairs = method.objective.pairs.of(fold, "LightGCN")
    user = np.unique(test.user).astype(np.int32)
    place = np.searchsorted(user, test.user)
    relevant = ItemSets.of_pairs(place, test.item, len(user))
    time_of = np.full(len(user), log.time[-1] + 1, np.int64)
    asked = Requests.of_users(Snapshot.of(log), user, time_of, repeat=False)
    task = Watched(_Pairs.of(method, pairs, run, None), asked, relevant)
    train(task, settings, run, (log.user, log.item))


if __name__ == "__main__":
    main()
