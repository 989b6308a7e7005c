"""Does counting rare showings more bring a ranker closer to what users like?

    [TIDEGRAPH_DATA=folder] python benchmarks/propensities.py [--seeds 5]

Rankers learn from impressions that count alike, or one over their propensity, capped.
On simulated marketplaces, whose policy shows what was clicked, they are judged by the
true attraction of items drawn alike from those on offer, of which no log tells: by the
rank correlation over all pairs and within a request, and by the log loss of the truth.
On the Open Bandit sample they learn from rows of the policy that follows clicks, and
are judged by later rows of the policy that draws alike (AUC, standard error of rows).
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.data.synthetic.truth import Truth
from tidegraph.fitting.shown import from_log
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import NO_ITEM, Candidates, FittedRanker, Ranker, Requests

OUT = Path(__file__).parent / "results" / "propensities.json"
DATA = Path(os.environ.get("TIDEGRAPH_DATA", "."))
DAY = 86_400
CAPS = {"alike": None, "at most 10": 10.0, "at most 100": 100.0}
TRAINING = tg.Training(epochs=15, batch_size=256)


def rankers(category: str) -> dict[str, Ranker]:
    features = tg.FeatureSet(category=category)
    return {
        "RecencyLogit": tg.RecencyLogit(category=category),
        "DeepFM": tg.NeuralRanker(tg.DeepFM(), features, training=TRAINING),
    }


def learnt(
    ranker: Ranker, log: Interactions, cut: int, cap: float | None, seed: int
) -> FittedRanker:
    """Learn from what came before a cut, and stop by what came after it."""
    graph, parts = Snapshot.of(log), (log.before(cut), log.since(cut))
    weights = {} if cap is None else {"propensity": "propensity", "most": cap}
    train = from_log(parts[0], graph, **weights)
    valid = from_log(parts[1], graph, **weights)
    return ranker.fit(train, valid, run=tg.Run(np.random.default_rng(seed)))


def uniform(log: Interactions, truth: Truth, rng: np.random.Generator):
    """Return requests of the last days, and items drawn alike from what is on offer."""
    day = int(log.time[-1]) - 2 * DAY
    user = rng.choice(log.user, 2_000).astype(np.int32)
    time = rng.integers(day, int(log.time[-1]), len(user))
    item = rng.integers(0, len(log.items), (len(user), 60)).astype(np.int32)
    on_offer = truth.alive(item, time[:, None])
    first = np.argsort(~on_offer, axis=1, kind="stable")[:, :10]
    item = np.take_along_axis(np.where(on_offer, item, NO_ITEM), first, axis=1)
    requests = Requests.of_users(Snapshot.of(log), user, time)
    return requests, Candidates(item, np.zeros(item.shape, np.float32))


def simulated(seed: int) -> list[dict[str, object]]:
    world = tg.Marketplace(users=1_500, items=300, days=24, visits=1_500).simulate(
        rng=np.random.default_rng(seed)
    )
    log, rows = world.log, []
    last, end = int(log.time[-1]) - 2 * DAY, int(log.time[-1]) - 4 * DAY
    known = log.before(last)
    requests, candidates = uniform(log, world.truth, np.random.default_rng(seed))
    requests = replace(requests, graph=Snapshot.of(known))
    requests = Requests.of_users(requests.graph, requests.user, requests.time)
    there = candidates.present
    likes = world.truth.attraction(
        requests.user[:, None], candidates.item, requests.time[:, None]
    )
    for name, ranker in rankers("category").items():
        for cap, most in CAPS.items():
            model = learnt(ranker, known, end, most, seed)
            score = model.score(requests, candidates).astype(np.float64)
            chance = np.clip(score[there], 1e-7, 1 - 1e-7)
            truth = likes[there]
            loss = -(truth * np.log(chance) + (1 - truth) * np.log(1 - chance)).mean()
            within = [
                spearmanr(score[b][there[b]], likes[b][there[b]]).statistic
                for b in range(len(score))
                if there[b].sum() > 2
            ]
            row = {
                "log": "marketplace",
                "seed": seed,
                "ranker": name,
                "weights": cap,
                "correlation": float(spearmanr(score[there], truth).statistic),
                "within a request": float(np.nanmean(within)),
                "log loss": float(loss),
            }
            print(row, flush=True)
            rows.append(row)
    return rows


def bandit() -> list[dict[str, object]]:
    folder = DATA / "open_bandit_small"
    if not folder.exists():
        print("open_bandit_small is not there, so it is left out")
        return []
    table = pl.read_parquet(folder / "interactions.parquet").sort("timestamp")
    items = pl.read_parquet(folder / "items.parquet").with_columns(
        kind=pl.col("item_feature_1").cast(pl.String)
    )
    rows: list[dict[str, object]] = []
    cut, stop = np.quantile(table["timestamp"].to_numpy(), [0.7, 0.6])
    taught = table.filter((pl.col("policy") == "bts") & (pl.col("timestamp") < cut))
    asked = table.filter((pl.col("policy") == "random") & (pl.col("timestamp") >= cut))
    log = tg.interactions(
        taught["user"],
        taught["item"],
        taught["timestamp"].to_numpy(),
        label=taught["label"].to_numpy(),
        context=taught.select("propensity"),
    )
    log = replace(log, items=log.items.with_features(items, "item"))
    user, item = log.users.encode(asked["user"]), log.items.encode(asked["item"])
    known = (user >= 0) & (item >= 0)
    label = asked["label"].to_numpy()[known]
    requests = Requests.of_users(
        Snapshot.of(log), user[known], asked["timestamp"].to_numpy()[known]
    )
    shown = item[known][:, None]
    candidates = Candidates(shown, np.zeros(shown.shape, np.float32))
    rng = np.random.default_rng(0)
    again = rng.integers(0, len(label), (300, len(label)))
    for name, ranker in rankers("kind").items():
        for cap, most in CAPS.items():
            model = learnt(ranker, log, int(stop), most, 0)
            score = model.score(requests, candidates)[:, 0]
            drawn = [roc_auc_score(label[a], score[a]) for a in again]
            row = {
                "log": "open bandit",
                "ranker": name,
                "weights": cap,
                "clicks judged by": int(label.sum()),
                "auc": float(roc_auc_score(label, score)),
                "standard error": float(np.std(drawn)),
            }
            print(row, flush=True)
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    rows = bandit()
    for seed in range(options.seeds):
        rows += simulated(seed)
        OUT.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
