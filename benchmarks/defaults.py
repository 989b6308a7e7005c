"""Every retriever's default settings against its tuned self, on the public data sets.

Claim: no default is more than 5 % of NDCG@10 behind the tuned self, without half-lives.
A default that is left to the log is fitted as a user would, on the training part, by
whose own newest part it chooses; what it then costs is told beside a fit as written.
Judged on validation only (``default_tasks.py``). The tuned self is chosen on one half
of the users and judged on the other, and the other way round, so that its luck does not
count; ``best`` says which settings are best on all. Half-lives are tried with the best
of the other settings; tuned with them is the tuned self among these. Intervals of a
ratio, 95 %, are by drawing users anew, each with all their requests. ``Popular`` gives
everybody one list, so it is fitted, and chooses, anew before each tenth of requests,
and tenths are halved and drawn in place of users. At most 10,000 users of a set, about
150,000 events and 10,000 requests, drawn evenly. Left out for their time: MovieLens-1M;
EASE where it takes over 0.15 GB. A set can tell where the method finds at least .005,
and more than Popular fitted once.
Run: TIDEGRAPH_DATA=folder python benchmarks/defaults.py [set ...] [method ...], which
keeps what is known of other methods; --table prints what docs/retrieval.md has.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from default_tasks import TIMED, UNTIMED, Task, load

from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.evaluation.metrics.ranking import hits, ndcg
from tidegraph.graph.proximity.series import spectral_radius
from tidegraph.graph.static import StaticGraph
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.filters import Hop, LowPass
from tidegraph.retrieval.from_log import Fades
from tidegraph.retrieval.graph_filter import GraphFilter
from tidegraph.retrieval.heuristics.proximity import (
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

OUT = Path(__file__).parent / "results" / "defaults"
K, MOMENTS = 10, 10
DAYS = (None, 1.0, 7.0, 30.0, 90.0, 365.0)
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
    GraphFilter: {
        "filters": (
            *(
                (Hop(item, user, target),)
                for item in (0.3, 0.5, 0.8, 1.0)
                for user in (0.3, 0.75, 1.0)
                for target in (0.0, 0.2, 0.4)
            ),
            *((LowPass(r, p),) for r in (16, 64, 128, 256) for p in (0.2, 0.5)),
        )
    },
    EASE: {"l2": (5.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0)},
    CommonNeighbors: {"neighbors": (50, 100, 200)},
    AdamicAdar: {"neighbors": (50, 100, 200)},
    Katz: {"share": (0.1, 0.5, 0.8), "neighbors": (100,)},
    PersonalizedPageRank: {"restart": (0.9, 0.8, 0.7, 0.5), "neighbors": (100,)},
}
LEFT = (Popular, ItemKNN, UserKNN, RP3beta, SLIM, EASE, GraphFilter)
"""Methods that leave settings to the log."""
FIXED: dict[type, dict[str, Any]] = {
    SLIM: {"tolerance": 1e-3, "candidates": 500},
    EASE: {"single_precision": True, "memory_limit_gb": 0.15},
}
"""What is the same for all: speed, and how many items (6,000) EASE takes on here."""


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
        ageless = {"half_life_days": None} if method in LEFT else {}
        return method(**FIXED.get(method, {}), **(ageless | point))
    bound = spectral_radius(StaticGraph.bipartite(Matrix.of(task.train)))
    return Katz(beta=point["share"] / bound, neighbors=point["neighbors"])


def fits_of(configured: Any, task: Task) -> list[Any]:
    return [configured.fit(part.train) for part in task.parts]


def judged(fits: Sequence[Any], task: Task) -> np.ndarray:
    """NDCG of each request; 0 where nothing was answered."""
    found: list[np.ndarray] = []
    for fitted, part in zip(fits, task.parts, strict=True):
        hit = hits(fitted.retrieve(part.requests, K).item, part.relevant)
        found.append(np.nan_to_num(ndcg(hit, part.relevant.count, K)))
    return np.concatenate(found)


def with_half_life(fitted: Any, days: float | None) -> Any:
    if isinstance(fitted, Fades):
        return fitted.faded(days)
    return replace(fitted, half_life_days=days)


def crossed(values: np.ndarray, half: np.ndarray) -> np.ndarray:
    """What is best on one half, as it does on the other, both ways, by request."""
    found = np.empty(values.shape[1])
    for part in (half, ~half):
        found[~part] = values[values[:, part].mean(axis=1).argmax(), ~part]
    return found


def drawn_anew(
    own: np.ndarray, tuned: np.ndarray, unit: np.ndarray
) -> tuple[float, float]:
    """The 95 % interval of the ratio of two means, drawing units 2,000 times."""
    _, unit = np.unique(unit, return_inverse=True)
    sums = [np.bincount(unit, values) for values in (own, tuned)]
    rng, count = np.random.default_rng(2), len(sums[0])
    ratio = np.empty(2_000)
    for draw in range(len(ratio)):
        times = np.bincount(rng.integers(0, count, count), minlength=count)
        above, below = (total @ times for total in sums)
        ratio[draw] = above / max(below, 1e-9)
    low, high = np.quantile(ratio, (0.025, 0.975))
    return round(float(low), 3), round(float(high), 3)


def by_itself(
    method: type, task: Task, tuned: np.ndarray, aged: np.ndarray | None, best: Any
) -> dict[str, Any]:
    """How the default does, which the log may complete, and what choosing costs."""
    default, written = method(**FIXED.get(method, {})), made(method, best, task)
    written.fit(task.train)
    started = time.process_time()
    written.fit(task.train)
    plain = time.process_time() - started
    started = time.process_time()
    fits = fits_of(default, task)
    choosing = (time.process_time() - started) / len(fits)
    own = judged(fits, task)
    answer: dict[str, Any] = {
        "chosen": chosen_by(fits) if method in LEFT else {},
        "ndcg": round(float(own.mean()), 5),
        "ratio": round(float(own.mean() / tuned.mean()), 3),
        "interval": drawn_anew(own, tuned, task.unit),
        "fit_cpu_seconds": [round(plain, 2), round(choosing, 2)],
    }
    if aged is not None:
        with_age = round(float(own.mean() / aged.mean()), 3)
        answer["ratio_to_tuned_with_half_life"] = with_age
    return answer


def chosen_by(fits: Sequence[Any]) -> dict[str, Any]:
    """What the log chose most often, a setting at a time."""
    every = [dict(fitted.chosen) for fitted in fits]
    return {
        name: Counter(one[name] for one in every).most_common(1)[0][0]
        for name in every[0]
    }


def study(method: type, task: Task) -> dict[str, Any] | None:
    """Try the grid of a method and its default on a set; None where it has no place."""
    ages = "half_life_days" in GRID[method]
    grid = [
        point
        for point in points(method)
        if not ages or task.timed or point["half_life_days"] is None
    ]
    if method is Repeat and not task.repeats:
        return None
    started = time.process_time()
    try:
        table = np.stack(
            [judged(fits_of(made(method, point, task), task), task) for point in grid]
        )
    except ConfigError as error:
        return {"refused": str(error)}
    best = int(table.mean(axis=1).argmax())
    tuned = crossed(table, task.half)
    answer: dict[str, Any] = {
        "grid": [{k: str(v) for k, v in point.items()} for point in grid],
        "ndcg": np.round(table.mean(axis=1), 5).tolist(),
        "tuned": round(float(tuned.mean()), 5),
        "best": {k: str(v) for k, v in grid[best].items()},
    }
    aged = None
    if task.timed and not ages:
        faded = with_ages(fits_of(made(method, grid[best], task), task), task)
        aged = crossed(np.stack(list(faded.values())), task.half)
        answer["half_life"] = {d: round(float(v.mean()), 5) for d, v in faded.items()}
    answer["cpu_seconds"] = round(time.process_time() - started, 1)
    answer["default"] = by_itself(method, task, tuned, aged, grid[best])
    return answer


def best_popular(task: Task) -> float:
    """What Popular finds at best, fitted once."""
    every = [Popular(days) for days in (DAYS if task.timed else (None,))]
    return max(float(judged(fits_of(one, task), task).mean()) for one in every)


def with_ages(fits: Sequence[Any], task: Task) -> dict[str, np.ndarray]:
    """What each half-life finds, where the method takes it."""
    found: dict[str, np.ndarray] = {}
    for days in DAYS:
        try:
            faded = [with_half_life(fitted, days) for fitted in fits]
            found[str(days)] = judged(faded, task)
        except ConfigError:
            continue
    return found


def cells(method: type, found: dict[str, Any]) -> dict[str, Any]:
    """What is known of the default on each set that can tell."""
    kept: dict[str, Any] = {}
    for name, results in found.items():
        own = results.get(method.__name__, {})
        floor = 0.0 if method is Popular else results["popular_once"]
        if max(own.get("ndcg", [0.0])) >= max(0.005, floor):
            kept[name] = own["default"]
    return kept


def table() -> None:
    """Print the tables of the documents."""
    found = {p.stem: json.loads(p.read_text()) for p in sorted(OUT.glob("*.json"))}
    known = {method: cells(method, found) for method in GRID}
    print("| method |", " | ".join(found), "| mean | worst |")
    print("|---|" + "---|" * (len(found) + 2))
    for method, each in known.items():
        row = [spelt(each.get(name)) for name in found]
        ratios = [own["ratio"] for own in each.values()]
        row += [f"{np.mean(ratios):.2f}", f"{min(ratios):.2f}"]
        print(f"| `{method.__name__}` |", " | ".join(row), "|")
    print("\n| method | set | chosen | to tuned with half-life | fit |")
    print("|---|---|---|---|---|")
    for method in LEFT:
        for name, own in known[method].items():
            said = ", ".join(f"{k}={v}" for k, v in own["chosen"].items())
            aged = own.get("ratio_to_tuned_with_half_life", "")
            plain, choosing = own["fit_cpu_seconds"]
            row = [f"`{method.__name__}`", name, said, str(aged)]
            print(f"| {' | '.join(row)} | {plain} s, {choosing} s |")


def spelt(own: dict[str, Any] | None) -> str:
    if own is None:
        return ""
    low, high = own["interval"]
    return f"{own['ratio']:.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    if sys.argv[1:] == ["--table"]:
        table()
        return
    OUT.mkdir(parents=True, exist_ok=True)
    named = {method.__name__: method for method in GRID}
    sets = [word for word in sys.argv[1:] if word not in named]
    methods = [named[word] for word in sys.argv[1:] if word in named]
    for name in sets or (*TIMED, *UNTIMED):
        file = OUT / f"{name}.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        task = load(name)
        found |= {
            "events": len(task.train),
            "users": len(np.unique(task.train.user)),
            "items": len(np.unique(task.train.item)),
            "requests": sum(len(part.requests) for part in task.parts),
            "popular_once": best_popular(task),
        }
        for method in methods or GRID:
            answer = study(method, load(name, MOMENTS) if method is Popular else task)
            if answer is not None:
                found[method.__name__] = answer
                print(name, method.__name__, answer.get("tuned"), answer.get("default"))
                sys.stdout.flush()
            file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
