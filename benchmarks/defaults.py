"""Every retriever's default settings against its tuned self, on the public data sets.

Claim: no default is more than 5 % of NDCG@10 behind the tuned self, without half-lives.
A default that is left to the log is fitted as a user would, on the training part, by
whose own newest part it chooses; what it then costs is told beside a fit as written.
Judged on validation only. Where a set has times, the last tenth of its events is never
looked at; the tenth before asks for each of its events, at its time and with all that
the user did before. Where a set has none, a fifth of each user's training items is held
out. The tuned self is chosen on one half of the requests and judged on the other, and
the other way round, so that its luck does not count; ``best`` says which settings are
best on all. Half-lives are tried with the best of the other settings; tuned with them
is the tuned self among these. Intervals of a ratio, 95 %, are by drawing requests anew.
At most 2,000 users and as many requests of a set, drawn evenly. Left out for their
time: MovieLens-1M; EASE where it takes over 0.15 GB. Defaults, and what the log chooses
among, are those whose mean and worst ratio to the tuned self are best on the sets that
can tell: there the method finds at least .005, and more than Popular does. Digital
music and toys of Amazon had no part in that; only the methods of LEFT are tried there.
Run: TIDEGRAPH_DATA=folder python benchmarks/defaults.py [set ...] [method ...], which
keeps what is known of other methods; --table prints what docs/retrieval.md has, and
--whole set ... what is chosen on all users of a set.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from gowalla import a_fifth_held_out

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views import Matrix
from tidegraph.errors import ConfigError
from tidegraph.evaluation.metrics.ranking import hits, ndcg
from tidegraph.graph.proximity.power_iteration import spectral_radius
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.static import StaticGraph
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.heuristics import (
    AdamicAdar,
    CommonNeighbors,
    Katz,
    PersonalizedPageRank,
)
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import BM25, TFIDF, Cosine, Jaccard
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.slim import SLIM
from tidegraph.retrieval.user_knn import UserKNN
from tidegraph.stages import ItemSets, Requests

OUT = Path(__file__).parent / "results" / "defaults"
K, USERS, REQUESTS = 10, 2_000, 2_000
DAYS = (None, 1.0, 7.0, 30.0, 90.0, 365.0)
TIMED = (
    "movielens_100k",
    "movielens_1m_rebuilt",
    "amazon_grocery_rechorus",
    "amazon_tlsan_beauty",
    "amazon_tlsan_digital_music",
    "amazon_tlsan_home_kitchen",
    "amazon_tlsan_office",
    "amazon_tlsan_toys",
    "online_retail",
    "xwines_slim",
)
UNTIMED = (
    "lightgcn_gowalla",
    "reczoo_amazoncds_m1",
    "kgcn_lastfm_music",
    "kgcn_book_crossing",
)
SIMILARITIES = (Cosine(), TFIDF(), BM25(), Jaccard())
GRID: dict[type, dict[str, tuple[Any, ...]]] = {
    Popular: {"half_life_days": DAYS},
    Repeat: {"half_life_days": DAYS},
    ItemKNN: {
        "similarity": SIMILARITIES,
        "neighbors": (50, 100, 200),
        "shrinkage": (0.0, 10.0),
    },
    UserKNN: {
        "similarity": SIMILARITIES,
        "neighbors": (100, 200),
        "shrinkage": (0.0, 10.0),
    },
    RP3beta: {
        "neighbors": (100,),
        "alpha": (0.4, 0.6, 0.8, 1.0),
        "beta": (0.0, 0.2, 0.3, 0.4, 0.6),
    },
    SLIM: {"l1": (0.2, 1.0, 3.0), "l2": (5.0, 50.0, 200.0)},
    EASE: {"l2": (5.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0)},
    CommonNeighbors: {"neighbors": (50, 100, 200)},
    AdamicAdar: {"neighbors": (50, 100, 200)},
    Katz: {"share": (0.1, 0.5, 0.8), "neighbors": (100,)},
    PersonalizedPageRank: {"restart": (0.9, 0.8, 0.7, 0.5), "neighbors": (100,)},
}
LEFT = (Popular, ItemKNN, UserKNN, RP3beta, SLIM)
"""Methods that leave settings to the log."""
FRESH = ("amazon_tlsan_digital_music", "amazon_tlsan_toys")
FIXED: dict[type, dict[str, Any]] = {
    SLIM: {"tolerance": 1e-3, "candidates": 500},
    EASE: {"single_precision": True, "memory_limit_gb": 0.15},
}
"""What is the same for all: speed, and how many items (6,000) EASE takes on here."""


@dataclass(frozen=True)
class Task:
    """Requests of a validation part, and what each is to find."""

    train: Interactions
    requests: Requests
    relevant: ItemSets
    timed: bool
    repeats: bool

    @property
    def half(self) -> np.ndarray:
        """Whether each request is of the first half of the users."""
        user = self.requests.user
        return np.random.default_rng(1).random(int(user.max()) + 1)[user] < 0.5


def load(name: str, most: int = USERS) -> Task:
    if "TIDEGRAPH_DATA" not in os.environ:
        sys.exit("skipped: set TIDEGRAPH_DATA to the folder of the public data sets.")
    file = Path(os.environ["TIDEGRAPH_DATA"]) / name / "interactions.parquet"
    rows = pl.read_parquet(file)
    if "split" in rows.columns:
        rows = rows.filter(pl.col("split").cast(pl.String) == "train")
    if "label" in rows.columns:
        rows = rows.filter(pl.col("label") == 1)
    users = rows["user"].unique().sort()
    kept = users.sample(min(most, len(users)), seed=0)
    rows = rows.filter(pl.col("user").is_in(kept.implode()))
    if "timestamp" in rows.columns:
        return next_items(interactions(rows["user"], rows["item"], rows["timestamp"]))
    return held_out(interactions(rows["user"], rows["item"]))


def next_items(log: Interactions) -> Task:
    """Ask for events of the second-last tenth, each at its time."""
    train, valid, _ = log.split(fractions=(0.8, 0.1))
    pair = log.user.astype(np.int64) * len(log.items) + log.item
    repeats = len(np.unique(pair)) < 0.9 * len(pair)
    seen = train.followed_by(valid)
    drawn = np.random.default_rng(0).permutation(len(valid))[:REQUESTS]
    asked = valid.take(np.sort(drawn))
    requests = Requests.of_users(
        Snapshot.of(seen), asked.user, asked.time, repeat=repeats
    )
    relevant = ItemSets.of_pairs(
        np.arange(len(asked), dtype=np.int32), asked.item, len(asked)
    )
    return Task(train, requests, relevant, timed=True, repeats=repeats)


def held_out(log: Interactions) -> Task:
    train, valid = a_fifth_held_out(log, np.random.default_rng(0))
    users = np.arange(len(log.users), dtype=np.int32)
    requests = Requests.of_users(
        Snapshot.of(train), users, np.ones(len(users), np.int64), repeat=False
    )
    relevant = ItemSets.of_pairs(valid.user, valid.item, len(users))
    return Task(train, requests, relevant, timed=False, repeats=False)


def points(method: type) -> Iterator[dict[str, Any]]:
    names = GRID[method]
    for values in product(*names.values()):
        point = dict(zip(names, values, strict=True))
        # The denominator of BM25 is one constant, which shrinkage only makes larger.
        if not (isinstance(point.get("similarity"), BM25) and point["shrinkage"]):
            yield point


def made(method: type, point: dict[str, Any], task: Task) -> Any:
    """The configuration of a point; Katz's beta is a share of what its graph allows."""
    if method is not Katz:
        ageless = {"half_life_days": None} if method in (*LEFT, EASE) else {}
        return method(**FIXED.get(method, {}), **(ageless | point))
    bound = spectral_radius(StaticGraph.bipartite(Matrix.of(task.train)))
    return Katz(beta=point["share"] / bound, neighbors=point["neighbors"])


def judged(fitted: Any, task: Task) -> np.ndarray:
    """NDCG of each request; 0 where nothing was answered."""
    answer = fitted.retrieve(task.requests, K)
    found = ndcg(hits(answer.item, task.relevant), task.relevant.count, K)
    return np.nan_to_num(found)


def with_half_life(fitted: Any, days: float | None) -> Any:
    if isinstance(getattr(fitted, "settings", None), UserKNN):
        return replace(fitted, settings=replace(fitted.settings, half_life_days=days))
    return replace(fitted, half_life_days=days)


def crossed(values: np.ndarray, half: np.ndarray) -> np.ndarray:
    """What is best on one half, as it does on the other, both ways, by request."""
    found = np.empty(values.shape[1])
    for part in (half, ~half):
        found[~part] = values[values[:, part].mean(axis=1).argmax(), ~part]
    return found


def by_itself(
    method: type, task: Task, tuned: np.ndarray, aged: np.ndarray | None, best: Any
) -> dict[str, Any]:
    """How the default does that the log completes, and what choosing costs."""
    default, written = method(**FIXED.get(method, {})), made(method, best, task)
    written.fit(task.train)
    seconds: list[float] = []
    for one in (written, default):
        started = time.process_time()
        fitted = one.fit(task.train)
        seconds.append(time.process_time() - started)
    own = judged(fitted, task)
    rng = np.random.default_rng(2)
    drawn = rng.integers(0, len(own), (2_000, len(own)))
    resampled = own[drawn].mean(axis=1) / np.maximum(tuned[drawn].mean(axis=1), 1e-9)
    answer: dict[str, Any] = {
        "chosen": dict(fitted.chosen),
        "ndcg": round(float(own.mean()), 5),
        "ratio": round(float(own.mean() / tuned.mean()), 3),
        "interval": np.quantile(resampled, (0.025, 0.975)).round(2).tolist(),
        "fit_cpu_seconds": [round(value, 2) for value in seconds],
    }
    if aged is not None:
        answer["ratio_to_tuned_with_half_life"] = round(
            float(own.mean() / aged.mean()), 3
        )
    return answer


def study(method: type, task: Task) -> dict[str, Any] | None:
    ages = "half_life_days" in GRID[method]
    grid = [
        point
        for point in points(method)
        if not ages or task.timed or point["half_life_days"] is None
    ]
    if method is Repeat and not task.repeats:
        return None
    values: list[np.ndarray] = []
    fits: list[Any] = []
    started = time.process_time()
    for point in grid:
        try:
            fits.append(made(method, point, task).fit(task.train))
        except ConfigError as error:
            return {"refused": str(error)}
        values.append(judged(fits[-1], task))
        if len(fits) > 1 and values[-1].mean() <= max(v.mean() for v in values[:-1]):
            fits[-1] = None
    table = np.stack(values)
    best = int(table.mean(axis=1).argmax())
    tuned = crossed(table, task.half)
    answer = {
        "grid": [{k: str(v) for k, v in point.items()} for point in grid],
        "ndcg": np.round(table.mean(axis=1), 5).tolist(),
        "tuned": round(float(tuned.mean()), 5),
        "best": {k: str(v) for k, v in grid[best].items()},
    }
    aged = None
    if task.timed and not ages:
        faded = {}
        for days in DAYS:
            try:
                faded[str(days)] = judged(with_half_life(fits[best], days), task)
            except ConfigError:
                continue
        aged = crossed(np.stack(list(faded.values())), task.half)
        answer["half_life"] = {d: round(float(v.mean()), 5) for d, v in faded.items()}
    answer["cpu_seconds"] = round(time.process_time() - started, 1)
    if method in LEFT:
        answer["default"] = by_itself(method, task, tuned, aged, grid[best])
    return answer


def tells(own: dict[str, Any], floor: float) -> bool:
    """Whether a set can tell the settings of a method apart."""
    return max(own.get("ndcg", [0.0])) >= max(0.005, floor)


def ratios(method: type, found: dict[str, Any]) -> dict[str, float]:
    """What the defaults find on each set that can tell, over what the tuned find."""
    kept = {}
    for name, results in found.items():
        own = results.get(method.__name__, {})
        floor = 0.0 if method is Popular else max(results["Popular"]["ndcg"])
        if not tells(own, floor):
            continue
        if method in LEFT:
            kept[name] = own["default"]["ratio"]
            continue
        point = {
            # Katz takes its share where it is given no beta.
            name: "0.1" if name == "share" else str(getattr(method(), name))
            for name in GRID[method]
        }
        kept[name] = own["ndcg"][own["grid"].index(point)] / own["tuned"]
    return kept


def table() -> None:
    found = {p.stem: json.loads(p.read_text()) for p in sorted(OUT.glob("*.json"))}
    studied = {name: own for name, own in found.items() if name not in FRESH}
    print("| method | mean | worst | sets | of each set |")
    print("|---|---|---|---|---|")
    for method in GRID:
        kept = ratios(method, studied)
        each = ", ".join(f"{name} {ratio:.2f}" for name, ratio in kept.items())
        share = f"{np.mean(list(kept.values())):.2f} | {min(kept.values()):.2f}"
        print(f"| `{method.__name__}` | {share} | {len(kept)} | {each} |")
    print("\n| method | set | chosen | ratio | to tuned with half-life | fit |")
    print("|---|---|---|---|---|---|")
    for method in LEFT:
        for name in ratios(method, found):
            own = found[name][method.__name__]["default"]
            low, high = own["interval"]
            said = ", ".join(f"{k}={v}" for k, v in own["chosen"].items())
            aged = own.get("ratio_to_tuned_with_half_life", "")
            before, after = own["fit_cpu_seconds"]
            print(
                f"| `{method.__name__}` | {name} | {said} | {own['ratio']:.2f} "
                f"({low:.2f} to {high:.2f}) | {aged} | {before} s, {after} s |"
            )


def whole(name: str) -> None:
    """Print what the log chooses of all users, beside each first alternative."""
    task = load(name, 10**9)
    some = min(5_000, len(task.requests))
    ptr = task.relevant.ptr[: some + 1]
    relevant = ItemSets(ptr, task.relevant.item[: ptr[-1]])
    task = replace(task, requests=task.requests.rows(0, some), relevant=relevant)
    for method in (Popular, ItemKNN, UserKNN, RP3beta):
        chosen = method().fit(task.train).chosen
        own = {"half_life_days": chosen["half_life_days"]}
        values: dict[str, float] = {}
        for other in sys.modules[method.__module__].QUESTIONS[0]:
            point = own | dict(other)
            if task.timed or point["half_life_days"] is None:
                fitted = method(**point).fit(task.train)
                values[str(point)] = round(float(judged(fitted, task).mean()), 4)
        print(name, method.__name__, "chose", dict(chosen), values, flush=True)


def main() -> None:
    if sys.argv[1:] == ["--table"]:
        table()
        return
    if sys.argv[1:2] == ["--whole"]:
        for name in sys.argv[2:]:
            whole(name)
        return
    OUT.mkdir(parents=True, exist_ok=True)
    named = {method.__name__: method for method in GRID}
    sets = [word for word in sys.argv[1:] if word not in named]
    methods = [named[word] for word in sys.argv[1:] if word in named]
    for name in sets or (*TIMED, *UNTIMED):
        task = load(name)
        file = OUT / f"{name}.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        found |= {
            "events": len(task.train),
            "users": len(np.unique(task.train.user)),
            "items": len(np.unique(task.train.item)),
            "requests": len(task.requests),
        }
        for method in methods or (LEFT if name in FRESH else GRID):
            answer = study(method, task)
            if answer is not None:
                found[method.__name__] = answer
                print(name, method.__name__, answer.get("tuned"), answer.get("default"))
                sys.stdout.flush()
        file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
