"""Losses and negatives of one embedding: accuracy, and how popular its lists are.

Matrix factorisation with each loss and each kind of negatives, on two logs and on a
simulated marketplaces whose true tastes are known. There a cell takes that of two
settings which finds more of what is held out of training, and is then judged once; the
logs try fewer cells, with one setting. Beside a mean stands half of its 95 % interval
over users. Leads are means of paired
differences of users: over sampled softmax with uniform negatives, over sampled softmax
with the same negatives, and over the same loss with uniform ones.
Claims: none of a winner; it tests what section 19.1.3 of the chapter claims.
A run that was stopped goes on, as long as the temporary folder lasts.
Run: TIDEGRAPH_DATA=folder python benchmarks/losses.py [WORLD ...], of ``WORLDS`` or
folders of ``interactions.parquet`` with user, item and timestamp or position
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.data.synthetic import Lifecycle, Marketplace, Truth
from tidegraph.evaluation.metrics.catalogue import mean_popularity, popularity_lift
from tidegraph.evaluation.metrics.ranking import hits, ndcg
from tidegraph.evaluation.report.charts import Bar, bars
from tidegraph.evaluation.report.html import write_picture
from tidegraph.graph.snapshot import Snapshot
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective.negatives import Negatives
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.run import Run
from tidegraph.stages import ItemSets, Requests
from tidegraph.training.optimizers import LazyAdam
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "losses.json"
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "losses.svg"
HELD = Path(tempfile.gettempdir()) / "tidegraph-losses"
K = 20
STILL = Lifecycle(float("inf"), freshness=0.0)
"""No item comes or goes, and none is new."""
TRAINING = Training(60, 1024, optimizer=LazyAdam(2e-2), patience=3)
HARD = tg.hard(
    tg.walk("action", "~action", "action", times=100).all_time().top(200),
    5,
    ranks=(20, 200),
    avoid="action",
)
UNIFORM = tg.Shared(256)
NEGATIVES: dict[str, Negatives] = {
    "uniform": UNIFORM,
    "in-batch": tg.InBatch(),
    "uniform + hard": tg.Mixed((UNIFORM, tg.Planned(HARD))),
    "popularity^.25": tg.Shared(256, power=0.25),
    "popularity^.75": tg.Shared(256, power=0.75),
    "uniform + in-batch": tg.Mixed((UNIFORM, tg.InBatch())),
    "popularity": tg.Shared(256, power=1.0),
    "queue": tg.Queue(1024),
}
OPTIONS = (0.1, 0.2)
"""Temperatures; of losses over products the penalties are a tenth of these."""
LOSSES: dict[str, Callable[[Negatives, float], Embedding]] = {
    "BPR": lambda n, x: bpr_mf(32, tg.BPR(n), x / 10),
    "BCE": lambda n, x: bpr_mf(32, tg.BinaryCrossEntropy(n), x / 10),
    "triplet margin": lambda n, x: bpr_mf(32, tg.TripletMargin(x * 2, n), 0.0),
    "sampled softmax": lambda n, x: bpr_mf(32, tg.SampledSoftmax(x, n), 0.0),
    "InfoNCE": lambda n, x: bpr_mf(32, tg.InfoNCE(x, n), 0.0),
    "BSL": lambda n, x: bpr_mf(32, tg.BSL(x, x / 1.5, n), 0.0),
}
REFERENCE = ("sampled softmax", "uniform")
ALL = (
    REFERENCE,
    *((loss, kind) for kind in NEGATIVES for loss in LOSSES),
    ("DirectAU", "none"),
)
FEW = (
    REFERENCE,
    ("BPR", "uniform"),
    ("BCE", "uniform"),
    ("sampled softmax", "in-batch"),
    ("InfoNCE", "in-batch"),
    ("BPR", "uniform + hard"),
    ("sampled softmax", "uniform + hard"),
    ("sampled softmax", "queue"),
    ("InfoNCE", "queue"),
    ("sampled softmax", "uniform + in-batch"),
)
"""The cells that the chapter's claims are of, a queue and a mixture."""
MOST = (
    *FEW,
    ("InfoNCE", "uniform"),
    ("BPR", "in-batch"),
    ("sampled softmax", "popularity^.75"),
    ("InfoNCE", "popularity^.25"),
    ("InfoNCE", "popularity^.75"),
)


@dataclass(frozen=True)
class Data:
    """A log, and what is to be found after it.

    Attributes:
        cells: The losses and negatives that are tried on it.
        options: The settings among which each of them chooses.
        seeds: How many fits of a cell are judged.
    """

    train: Interactions
    requests: Requests
    relevant: ItemSets
    truth: Truth | None = None
    cells: tuple[tuple[str, str], ...] = FEW
    options: tuple[float, ...] = (0.2,)
    seeds: int = 1

    @classmethod
    def of(cls, train: Interactions, test: Interactions) -> "Data":
        seen = np.bincount(train.user, minlength=len(train.users)) > 0
        test = test.actions()
        users = np.unique(test.user[seen[test.user]])
        place = np.full(len(train.users), -1, np.int64)
        place[users] = np.arange(len(users))
        row = place[test.user]
        relevant = ItemSets.of_pairs(row[row >= 0], test.item[row >= 0], len(users))
        return cls(train, _requests(train, users), relevant)

    def judged(self, item: np.ndarray) -> dict[str, np.ndarray]:
        """Accuracy and mean popularity of the list of each user."""
        popularity = np.bincount(
            self.train.actions().item, minlength=len(self.train.items)
        )
        relevant = self.relevant
        found = {
            "ndcg": ndcg(hits(item, relevant), relevant.count, K),
            "popularity": mean_popularity(item, popularity, K),
        }
        if self.truth is not None:
            requests, clicks = self.requests, self.truth.expected_clicks
            best = self.truth.best(requests.user, requests.time, k=K)
            found["reached"] = clicks(requests.user, item, requests.time) / clicks(
                requests.user, best, requests.time
            )
        return found

    def own_popularity(self) -> np.ndarray:
        """Mean popularity of what each user chose; of the marketplace, would choose."""
        popularity = np.bincount(
            self.train.actions().item, minlength=len(self.train.items)
        )
        if self.truth is not None:
            best = self.truth.best(self.requests.user, self.requests.time, k=K)
            return mean_popularity(best, popularity, K)
        sums = np.add.reduceat(popularity[self.relevant.item], self.relevant.ptr[:-1])
        return sums / self.relevant.count


def _requests(train: Interactions, users: np.ndarray) -> Requests:
    time = np.full(len(users), train.time[-1] + 1, np.int64)
    graph = Snapshot.of(train)
    return Requests.of_users(graph, users.astype(np.int32), time, repeat=False)


def logged(name: str) -> Data:
    """Return what is to be found of a set: the last five events of a user, or one."""
    path = _folder() / name / "interactions.parquet"
    if "timestamp" not in pl.read_parquet_schema(path):
        rows = pl.read_parquet(path)
        log = tg.interactions(rows["user"], rows["item"], rows["position"])
        return Data.of(*log.leave_last(1))
    log = tg.read(path, user="user", item="item", time="timestamp")
    # A cut in time would leave a tenth of the users of MovieLens.
    return Data.of(*log.leave_last(5))


movielens = partial(logged, "movielens_100k")
beauty = partial(logged, "s3rec_beauty")


def marketplace() -> Data:
    data = _market(Marketplace(1000, 1000, 30, 6000, lifecycle=STILL))
    return replace(data, cells=MOST, options=OPTIONS)


def sparse_marketplace() -> Data:
    """Return a world of seven clicks a user, where popularity is most of it."""
    data = _market(Marketplace(2000, 2000, 30, 1500, lifecycle=STILL))
    return replace(data, cells=ALL, options=OPTIONS, seeds=2)


def _market(market: Marketplace) -> Data:
    world = market.simulate(rng=np.random.default_rng(0))
    train, test = world.log.split(fractions=(0.8,))
    return replace(Data.of(train, test), truth=world.truth)


def _folder() -> Path:
    if "TIDEGRAPH_DATA" not in os.environ:
        sys.exit("skipped: set TIDEGRAPH_DATA to the folder of the public data sets.")
    return Path(os.environ["TIDEGRAPH_DATA"])


def cell(
    data: Data, loss: Callable[[float], Embedding]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Judge the better of two settings with several seeds."""
    started, tried = time.process_time(), []
    for option in data.options:
        method = replace(loss(option), training=TRAINING)
        fitted = method.fit(data.train, run=Run(np.random.default_rng(0)))
        tried.append((max(fitted.curve.metric), option, fitted))
    _, option, fitted = max(tried, key=lambda one: one[0])
    method = replace(loss(option), training=TRAINING)
    fits = [fitted] + [
        method.fit(data.train, run=Run(np.random.default_rng(seed)))
        for seed in range(1, data.seeds)
    ]
    answers = [data.judged(fit.retrieve(data.requests, K).item) for fit in fits]
    means = {name: np.mean([a[name] for a in answers], axis=0) for name in answers[0]}
    seconds = round(time.process_time() - started, 1)
    return means, {"option": option, "seconds": seconds}


Cells = dict[tuple[str, str], tuple[dict[str, np.ndarray], dict[str, Any]]]


def row(name: tuple[str, str], cells: Cells, own: np.ndarray) -> dict[str, Any]:
    """Return what is told of a cell, beside those it is compared with."""
    (found, said), (loss, kind) = cells[name], name
    beside = {
        "lead": REFERENCE,
        "over_softmax": (REFERENCE[0], kind),
        "over_uniform": (loss, REFERENCE[1]),
    }
    out: dict[str, Any] = {"loss": loss, "negatives": kind}
    out |= summary(found, own)
    for metric in sorted(found.keys() - {"popularity"}):
        for lead, other in beside.items():
            if other in cells and other != name:
                less = cells[other][0][metric]
                out[f"{metric}_{lead}"] = _interval(found[metric] - less)
    return out | said


def summary(found: dict[str, np.ndarray], own: np.ndarray) -> dict[str, Any]:
    told: dict[str, Any] = {
        metric: _interval(found[metric])
        for metric in sorted(found.keys() - {"popularity"})
    }
    return told | {
        "popularity_lift": round(popularity_lift(found["popularity"], own), 3)
    }


def _interval(value: np.ndarray) -> list[float]:
    value = value[~np.isnan(value)]
    half = 1.96 * value.std() / np.sqrt(len(value))
    return [round(float(value.mean()), 4), round(float(half), 4)]


def run(world: str, data: Data, results: dict[str, Any]) -> None:
    """Judge every cell of a world that was not judged yet."""
    own, cells = data.own_popularity(), Cells()
    lists = tg.Popular().fit(data.train).retrieve(data.requests, K).item
    popular = summary(data.judged(lists), own)
    for name in dict.fromkeys(data.cells):
        path = HELD / f"{world}, {name[0]}, {name[1]}.npz"
        if path.exists():
            with np.load(path) as held:
                found = {key: held[key] for key in held.files}
            said = json.loads(path.with_suffix(".json").read_text())
        else:
            found, said = cell(data, _cell_of(*name))
            path.with_suffix(".json").write_text(json.dumps(said))
            np.savez(path, **found)  # pyright: ignore[reportArgumentType]
        cells[name] = found, said
        results[world] = {
            "users": len(own),
            "items": len(data.train.items),
            "events": len(data.train.actions()),
            "seeds": data.seeds,
            "popular": popular,
            "rows": [row(each, cells, own) for each in cells],
        }
        OUT.write_text(json.dumps(results, indent=1) + "\n")
        print(world, results[world]["rows"][-1], flush=True)


def _cell_of(loss: str, kind: str) -> Callable[[float], Embedding]:
    if loss == "DirectAU":
        return lambda x: bpr_mf(32, tg.DirectAU(x * 5), 0.0)
    return lambda x: LOSSES[loss](NEGATIVES[kind], x)


WORLDS = {
    "movielens": movielens,
    "beauty": beauty,
    "marketplace": marketplace,
    "sparse marketplace": sparse_marketplace,
}


def picture(table: dict[str, Any]) -> None:
    """Draw what clicks say of each cell beside what is true."""
    kinds = {"clicks found, NDCG@20": "ndcg", "true preference reached": "reached"}

    def bars_of(told: dict[str, Any]) -> list[Bar]:
        of = {name: told[metric] for name, metric in kinds.items()}
        return [Bar(name, v, v - half, v + half) for name, (v, half) in of.items()]

    groups = [("Popular", bars_of(table["popular"]))]
    short = {"sampled ": "", "uniform + ": "", "popularity": "pop", "in-": ""}
    for row in table["rows"]:
        label = f"{row['loss']}, {row['negatives']}"
        for long, instead in short.items():
            label = label.replace(long, instead)
        groups.append((label, bars_of(row)))
    title = "What a log of clicks says of a loss, and what is true"
    write_picture(PICTURE, bars(title, f"{title}, in a marketplace.", groups))


def main() -> None:
    HELD.mkdir(exist_ok=True)
    results = json.loads(OUT.read_text()) if OUT.exists() else {}
    for world in sys.argv[1:] or list(WORLDS):
        data = WORLDS[world]() if world in WORLDS else logged(world)
        run(world, data, results)
    if "marketplace" in results:
        picture(results["marketplace"])


if __name__ == "__main__":
    main()
