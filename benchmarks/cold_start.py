"""Items first seen after a cut: which of them does a user take, from features alone?

Methods learn from the events before the cut. Each known user who later takes items that
had no event by then is asked at the cut. ``below`` is the share of the other new items
that score below the one taken (ties count half, so .5 is chance), ``recall`` that of a
user's new items among the first 20 new ones, and ``of_all`` and ``warm`` those of new
and of known items among the first 20 of the whole catalogue; each with half a 95 %
interval over users. ``gain`` is ``below`` less that of the share of the user's events
in the item's categories, user by user. Item2vec and BGE know nothing of a new item;
"by category" they take the mean vector of known items of its categories.
Claims: none of a winner. Settings are defaults but for fewer walks (4), no end of a
session by a pause (times are days), and 15 epochs of graph networks; the step of EGES
(.002) lies between two that were tried on Beauty and X-Wines with another cut, and its
cosines were chosen after products had been seen here. Any other folder whose
``items.parquet`` has a category is measured as the products are.
A run that was stopped goes on.
Run: TIDEGRAPH_DATA=folder python benchmarks/cold_start.py [data set ...]
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.conv import GraphSAGE, PinSage
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.stages import Requests
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

OUT = Path(__file__).parent / "results" / "cold_start.json"
DATA = Path(os.environ.get("TIDEGRAPH_DATA", "."))
PRODUCTS = (0.6, ("category",))
"""The share of the events that is learnt from, and the columns that tell of items."""
SIDES = {
    "amazon_tlsan_beauty": PRODUCTS,
    "amazon_tlsan_toys": PRODUCTS,
    "amazon_tlsan_office": PRODUCTS,
    "amazon_grocery_rechorus": PRODUCTS,
    "amazon_tlsan_home_kitchen": PRODUCTS,
    "xwines_slim": (0.5, ("type", "elaborate", "body", "country", "region", "winery")),
}
K, TRAINING = 20, Training(15, 2048, optimizer=Adam(5e-3), patience=None)
Scores = Callable[[np.ndarray], np.ndarray]
"""From places of users in the task to a score of every item."""


class Task:
    """A log cut in two, and who takes which new item."""

    def __init__(self, name: str) -> None:
        share, self.sides = SIDES.get(name, PRODUCTS)
        items = pl.read_parquet(DATA / name / "items.parquet")
        items = items.select("item", *(pl.col(c).cast(pl.String) for c in self.sides))
        log = tg.read(
            DATA / name / "interactions.parquet",
            user="user",
            item="item",
            time="timestamp",
        )
        log = replace(log, items=log.items.with_features(items, "item"))
        cut = int(np.quantile(log.time, share))
        self.known: Interactions = log.before(cut)
        later, self.items = log.take(log.time >= cut), len(log.items)
        warm = np.bincount(self.known.item, minlength=self.items) > 0
        pairs = self._new(later)
        cold = ~warm[pairs[:, 1]]
        self.cold = np.setdiff1d(later.item, self.known.item)
        self.user = np.unique(pairs[cold, 0])
        place = np.searchsorted(self.user, pairs[:, 0])
        mine = np.isin(pairs[:, 0], self.user)
        self.taken = np.zeros((len(self.user), self.items), np.bool_)
        self.taken[place[mine], pairs[mine, 1]] = True
        self.warm, self.requests = warm, self._requests(cut)
        self.codes = self._codes(log)

    def _new(self, later: Interactions) -> np.ndarray:
        """Return the pairs of known users that are not before the cut."""
        before, after = (
            np.unique(part.user.astype(np.int64) * self.items + part.item)
            for part in (self.known, later)
        )
        pairs = np.stack(np.divmod(np.setdiff1d(after, before), self.items), axis=1)
        return pairs[np.isin(pairs[:, 0], self.known.user)]

    def _requests(self, cut: int) -> Requests:
        at = np.full(len(self.user), cut, np.int64)
        graph, user = Snapshot.of(self.known), self.user.astype(np.int32)
        return Requests.of_users(graph, user, at, repeat=False)

    def _codes(self, log: Interactions) -> np.ndarray:
        """Return the number of each category of each item."""
        features = log.items.features
        ranks = [features[c].rank("dense").fill_null(0) for c in self.sides]
        return np.stack([rank.to_numpy() for rank in ranks], axis=1)

    def share(self, *, of_user: bool) -> Scores:
        """Return the share of a user's events, or of all, in each item's categories."""
        user = np.searchsorted(self.user, self.known.user)
        user = np.minimum(user, len(self.user) - 1)
        mine = self.user[user] == self.known.user
        total = np.zeros((len(self.user) if of_user else 1, self.items))
        for code in self.codes.T:
            count = np.zeros((len(total), int(code.max()) + 1))
            rows = user[mine] if of_user else 0
            events = self.known.item[mine] if of_user else self.known.item
            np.add.at(count, (rows, code[events]), 1)
            total += (count / np.maximum(count.sum(axis=1, keepdims=True), 1))[:, code]
        return lambda rows: total[rows if of_user else np.zeros(len(rows), int)]

    def judged(self, scores: Scores) -> dict[str, np.ndarray]:
        """Return the measures of each user, nan where one does not apply."""
        parts = [
            self._judged(rows, np.asarray(scores(rows), np.float64))
            for rows in np.array_split(np.arange(len(self.user)), 8)
        ]
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _judged(self, rows: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
        out: dict[str, list[float]] = {n: [] for n in ("below", *RECALLS)}
        rng = np.random.default_rng(0)
        for row, own in zip(rows, score, strict=True):
            # Ties are broken by chance, and excluded items come last.
            order = np.lexsort((rng.random(len(own)), -own))
            excluded = self.requests.excluded.rows(row, row + 1).item
            first = order[~np.isin(order, excluded)][:K]
            cold = own[self.cold]
            taken = self.taken[row]
            mine = cold[taken[self.cold]]
            less = (cold < mine[:, None]).sum(axis=1)
            same = (cold == mine[:, None]).sum(axis=1) - 1
            out["below"].append(float(np.mean(less + same / 2) / (len(cold) - 1)))
            new = order[np.isin(order, self.cold)][:K]
            out["recall"].append(taken[new].sum() / len(mine))
            out["of_all"].append(taken[first[~self.warm[first]]].sum() / len(mine))
            warm = int((taken & self.warm).sum())
            found = taken[first[self.warm[first]]].sum()
            out["warm"].append(found / warm if warm else np.nan)
        return {name: np.array(values) for name, values in out.items()}


RECALLS = "recall", "of_all", "warm"


def methods(sides: tuple[str, ...]) -> dict[str, tg.Embedding]:
    """Return what learns."""
    sage, pin = (make(training=TRAINING) for make in (tg.graphsage, tg.pinsage))
    walks = {"walks": 4, "session_seconds": None}
    return {
        "item2vec": tg.item2vec(),
        "BGE": tg.bge(**walks),
        "GES": tg.ges(sides, **walks),
        "EGES": tg.eges(sides, **walks),
        "GraphSAGE": replace(sage, encoder=GraphSAGE(features=sides)),
        "GraphSAGE, no ids": replace(
            sage, encoder=GraphSAGE(ids=False, features=sides)
        ),
        "PinSage": replace(pin, encoder=PinSage(features=sides)),
        "PinSage, no ids": replace(pin, encoder=PinSage(ids=False, features=sides)),
    }


def by_category(task: Task, fitted: FittedEmbedding) -> FittedEmbedding:
    """Return the same with the mean vector of its categories for each new item."""
    item = np.zeros((task.items, fitted.item.shape[1]), np.float32)
    item[: len(fitted.item)] = fitted.item
    known = np.zeros(task.items, np.bool_)
    known[: len(fitted.item)] = fitted.item_known
    parts, counts = np.zeros_like(item), np.zeros(task.items)
    for code in task.codes.T:
        total = np.zeros((int(code.max()) + 1, item.shape[1]))
        np.add.at(total, code[known], item[known])
        count = np.bincount(code[known], minlength=len(total))
        parts += (total / np.maximum(count, 1)[:, None])[code].astype(np.float32)
        counts += count[code] > 0
    mean = parts / np.maximum(counts, 1)[:, None].astype(np.float32)
    item[~known] = mean[~known]
    given = None
    if fitted.given is not None:
        given = np.zeros_like(item)
        given[: len(fitted.given)] = fitted.given
    return replace(fitted, item=item, given=given, item_known=known | (counts > 0))


def scores_of(task: Task, fitted: FittedEmbedding) -> Scores:
    """Return scores of all items, the lowest of those it has no vector of."""
    vectors = fitted.vectors(task.requests)

    def scores(rows: np.ndarray) -> np.ndarray:
        out = np.full((len(rows), task.items), -np.inf)
        out[:, : len(fitted.item)] = np.nan_to_num(vectors[rows]) @ fitted.item.T
        out[:, : len(fitted.item)][:, ~fitted.item_known] = -np.inf
        return out

    return scores


def summary(
    found: dict[str, np.ndarray], control: np.ndarray
) -> dict[str, tuple[float, float]]:
    """Return means and half their 95 % intervals over users."""
    found = found | {"gain": found["below"] - control}
    out: dict[str, tuple[float, float]] = {}
    for name, value in found.items():
        value = value[~np.isnan(value)]
        half = 1.96 * value.std(ddof=1) / np.sqrt(len(value))
        out[name] = round(float(value.mean()), 4), round(float(half), 4)
    return out


def measure(name: str, results: dict[str, dict[str, object]]) -> None:
    """Write down what is not measured yet of a data set, as it comes."""
    task = Task(name)
    own = task.share(of_user=True)
    control = task.judged(own)["below"]
    sizes = len(task.known), len(task.user), len(task.cold), task.items
    names = "events", "users", "new_items", "items"
    table = results.setdefault(name, dict(zip(names, sizes, strict=True)))

    def write(row: str, found: Scores, **rest: float) -> None:
        table[row] = summary(task.judged(found), control) | rest
        print(name, row, table[row], flush=True)
        OUT.write_text(json.dumps(results, indent=1) + "\n")

    write("random", lambda rows: np.zeros((len(rows), task.items)))
    write("popular categories", task.share(of_user=False))
    write("share of categories", own)
    for row, method in methods(task.sides).items():
        if row in table:
            continue
        started = time.process_time()
        fitted = replace(method, seed=0).fit(task.known)
        spent = round(time.process_time() - started, 1)
        if len(fitted.item) < task.items:
            other = scores_of(task, by_category(task, fitted))
            write(f"{row}, by category", other, fit_seconds=spent)
        write(row, scores_of(task, fitted), fit_seconds=spent)


def main() -> None:
    """Measure each data set in turn."""
    results = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name in sys.argv[1:] or SIDES:
        measure(name, results)


if __name__ == "__main__":
    main()
