"""Rankers against the order of retrieval and of habit, on a year of groceries.

Claims: RecencyLogit and DIN order retrieval's candidates better than the number of
times a household bought each, and than retrieval itself. Every ranker learns from the
same three windows, stops by the same fourth and is judged on the fifth, the last 14
days; trees on the same inputs are a control. A lead in NDCG over the times bought comes
with half of its 95 % interval, from paired differences. The judged lists are
retrieval's 200 candidates; the divisor of recall is everything bought, proposed or not.
Run: python benchmarks/ranking.py
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidegraph.data.public import load
from tidegraph.evaluation.metrics.ranking import hits, ndcg, recall
from tidegraph.features.columns import (
    FeatureSet,
    _unstandardised_inputs,
    category_codes,
)
from tidegraph.features.groups import ALL, columns_of_groups
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click import DSGL
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.pipeline.past import Past, Windows, past_examples
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.trees import BoostedTrees
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.run import Run
from tidegraph.stages import Candidates, Fold, ItemSets, Requests

OUT = Path(__file__).parent / "results" / "ranking.json"
SECONDS = 14 * 86_400
CATEGORY = "product_category"
HABIT = "times bought"
BEST = DSGL(products=True, layer=SequenceLayer(residual=True))


@dataclass
class Judge:
    """Prints one line per ranking and compares it with ``HABIT``, once that is in."""

    relevant: ItemSets
    rows: list[dict]
    habit: np.ndarray | None = None

    def row(self, name: str, ranked: Candidates, took: float = 0.0) -> None:
        hit = hits(ranked.item, self.relevant)
        gain = ndcg(hit, self.relevant.count, 10)
        found = {
            "model": name,
            "recall@10": float(np.nanmean(recall(hit, self.relevant.count, 10))),
            "ndcg@10": float(np.nanmean(gain)),
            "fit_seconds": round(took, 1),
        }
        if name == HABIT:
            self.habit = gain
        if self.habit is not None:
            lead = gain - self.habit
            error = np.nanstd(lead) / np.sqrt(np.isfinite(lead).sum())
            found["lead"] = float(np.nanmean(lead))
            found["half_interval"] = float(1.96 * error)
        self.rows.append(found)
        print(*(f"{v:.4f}" if isinstance(v, float) else v for v in found.values()))


def bought(requests: Requests, candidates: Candidates) -> np.ndarray:
    codes = category_codes(requests.graph.items, None)
    column = columns_of_groups(ALL).index("pair_count")
    return _unstandardised_inputs(requests, candidates, (), codes)[:, :, column]


def main() -> None:
    log = load("complete-journey")
    end = int(log.time[-1]) + 1
    train = log.before(end - 2 * SECONDS)
    valid = log.since(end - 2 * SECONDS).before(end - SECONDS)
    test = log.since(end - SECONDS)
    graph = Snapshot.of(log)
    blend = Blend(
        (Repeat(half_life_days=90.0), RP3beta(alpha=0.8, beta=0.3), Popular(28.0))
    )
    past = Past(blend, Windows(), graph, 200, True, Run(np.random.default_rng(0)))
    learn, stop = past_examples(past, Fold(train), valid, 3, SECONDS)
    cut = end - SECONDS
    judge = past.examples(past.fit(Fold(log.before(cut)), cut), test, cut)
    shown = judge.candidates.top(200)
    requests = judge.requests
    order = np.searchsorted(requests.user, test.user)
    relevant = ItemSets.of_pairs(order, test.item, len(requests))
    shape = learn.candidates.item.shape
    print(f"{shape[0]:,} requests x {shape[1]} to learn from, {len(requests):,} judged")
    verdict = Judge(relevant, [])
    verdict.row("order of retrieval", shown)
    verdict.row(HABIT, shown.ranked(bought(requests, shown)))
    habit = Repeat(90.0).fit(log.before(end - SECONDS))
    verdict.row("Repeat(90 days)", habit.retrieve(requests, 10))
    rankers = {
        "RecencyLogit": RecencyLogit(),
        "RecencyLogit, category": RecencyLogit(category=CATEGORY),
        "BoostedTrees, category": BoostedTrees(category=CATEGORY),
        "DIN": NeuralRanker(),
        "DIN, category": NeuralRanker(features=FeatureSet(category=CATEGORY)),
        "DSGL, category": NeuralRanker(BEST, FeatureSet(category=CATEGORY)),
    }
    for name, ranker in rankers.items():
        started = time.perf_counter()
        fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))
        took = time.perf_counter() - started
        verdict.row(name, shown.ranked(fitted.score(requests, shown)), took)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(verdict.rows, indent=1))


if __name__ == "__main__":
    main()
