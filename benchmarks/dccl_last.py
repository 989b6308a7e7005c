"""Device-cloud collaborative learning by the literature's protocol: leave last out.

    python benchmarks/dccl_last.py DATA [--data shared/data] [--users 1000] [--rounds 6]

DATA is a folder of ``--data`` with ``interactions.parquet``. An action is a rating of 4
or more; of MovieLens-1M, whose ratings are known in part, one of 3 or more, which is
known of all. Of a fixed random sample of users, and with each user and item of at least
five actions, the last action of each user is judged and all others are learnt from,
those of other users that happened later among them: so the protocol has it. It is
judged (a) among 100 items drawn uniformly from those the user has not acted on (a
sampled protocol, comparable only within the table) and (b) among all items that the
user has not acted on, of a random sample of users where there are more than ``--pairs``
pairs.

``DIN, half`` learns from the first half of the actions in time, and is what rounds go
on from; ``DIN, all`` and the other models learn from all. Each is stopped by the last
action of each user that it is given. All know ids and ten events of history, as the
chapter's models do. ``DCCL, model of all`` is the chapter's DCCL-m, and ``alone``,
devices whose cloud learns patches and no model, its DCCL-e. ``dccl.py`` says what the
rivals are.

``--clock place`` takes how far users are in their own sequence for the time, so that
all have one half of their actions before the rounds and one in them; a log without
times knows no other clock. ``--keep`` is how many rows a device keeps, eleven an
action, of which the cloud learns, too; ``--thorough`` lets it learn as long and as fast
as ``DIN, all``. ``--ways`` are the clouds. What was done is kept in ``--work``, so that
a killed run goes on.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from dccl_judged import BASE, apart, by_activity, gain, judged, table
from dccl_learnt import (
    INPUTS,
    MODEL,
    MODELS,
    WAYS,
    Numbers,
    kept,
    learnt_clouds,
    personalities,
    ranker,
)
from dccl_rivals import GROUPS

import tidegraph as tg
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.durations import DAY
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import NO_ITEM, Candidates, Examples, Requests

LEAST = 5
"""Fewest actions of a user, and of an item, in the sample."""
DRAWN = 100
TRAINING = tg.Training(epochs=12, patience=2)
OURS = "DCCL", "alone", "hypernetwork"
THOROUGH = {"cap": None, "model": replace(TRAINING, batch_size=704)}
"""A cloud learns as ``DIN, all`` does: 64 requests, of eleven rows, a batch."""
PLACES = 100 * DAY
"""How long the sequence of each user is where its places are the clock."""
BLOCK = 60_000
"""Pairs of user and item that are scored at once."""


def actions(folder: Path, users: int) -> pl.DataFrame:
    """Return user, item and order of the actions of a random sample of users."""
    frame = pl.read_parquet(folder / "interactions.parquet")
    if "known_ge4" in frame.columns:
        frame = frame.filter(pl.col("label") == 1)
    elif "rating" in frame.columns:
        frame = frame.filter(pl.col("rating") >= 4)
    order = [name for name in ("timestamp", "position") if name in frame.columns]
    frame = frame.select("user", "item", *order).sort("user", *order)
    every = frame["user"].unique().sort().to_numpy()
    some = np.random.default_rng(0).permutation(every)[:users]
    frame, count = frame.filter(pl.col("user").is_in(some.tolist())), -1
    while count != len(frame):
        count = len(frame)
        for side in ("item", "user"):
            frame = frame.filter(pl.len().over(side) >= LEAST)
    return frame


def timed(frame: pl.DataFrame, clock: str) -> pl.DataFrame:
    """Add the time, in seconds, of each action of users' sequences."""
    if clock == "time":
        return frame.rename({"timestamp": "time"})
    done = pl.int_range(1, pl.len() + 1).over("user") / pl.len().over("user")
    return frame.with_columns(time=(done * PLACES).cast(pl.Int64))


def lasts(log: Interactions) -> np.ndarray:
    """Return which rows of a log are the last of their user."""
    last = np.unique(log.user[::-1], return_index=True)[1]
    return len(log) - 1 - last


@dataclass(frozen=True)
class Study:
    """What is learnt from, and the last action of each user.

    Attributes:
        learn: All actions but these.
        graph: Those of ``learn``.
        user: Rows of users whose last action is on an item that others acted on.
        item: Its row.
        time: Its time.
        left_out: How many last actions are on an item that nobody else acted on.
    """

    learn: Interactions
    graph: Snapshot
    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    left_out: int

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "Study":
        last = pl.int_range(pl.len()).over("user") == pl.len().over("user") - 1
        test, rest = frame.filter(last), frame.filter(~last)
        learn = interactions(rest["user"], rest["item"], rest["time"].to_numpy())
        graph = Snapshot.of(learn)
        user = graph.users.encode(test["user"])
        item = graph.items.encode(test["item"])
        known = item >= 0
        of = (part[known] for part in (user, item, test["time"].to_numpy()))
        return cls(learn, graph, *of, int((~known).sum()))

    def free(self, user: np.ndarray) -> np.ndarray:
        """Return which items each of some users did not act on, but for the last."""
        out = np.ones((len(user), len(self.graph.items)), bool)
        row = np.full(len(self.graph.users), -1)
        row[user] = np.arange(len(user))
        there = row[self.learn.user] >= 0
        out[row[self.learn.user[there]], self.learn.item[there]] = False
        return out

    def among(self, which: np.ndarray, item: np.ndarray) -> Examples:
        """Return some last actions among items; -1 where there is none."""
        requests = Requests.of_users(self.graph, self.user[which], self.time[which])
        candidates = Candidates(item, np.zeros(item.shape, np.float32))
        label = (item == self.item[which, None]).astype(np.float32)
        return Examples(requests, candidates, label)

    def drawn(self, rng: np.random.Generator) -> Examples:
        """Return each last action among items that its user did not act on."""
        out = np.full((len(self.user), DRAWN + 1), NO_ITEM, np.int32)
        for row, free in enumerate(self.free(self.user)):
            free[self.item[row]] = False
            others = np.flatnonzero(free)
            others = rng.choice(others, min(DRAWN, len(others)), replace=False)
            out[row, : len(others) + 1] = [self.item[row], *others]
        return self.among(np.arange(len(self.user)), out)

    def whole(self, which: np.ndarray):
        """Yield some last actions in blocks, among all items not acted on before."""
        count = len(self.graph.items)
        for block in np.array_split(which, max(1, len(which) * count // BLOCK)):
            free = self.free(self.user[block])
            free[np.arange(len(block)), self.item[block]] = True
            item = np.where(free, np.arange(count, dtype=np.int32), NO_ITEM)
            yield self.among(block, item.astype(np.int32))


def learnt_from(log: Interactions, graph: Snapshot, model=MODEL):
    """A model of all actions, stopped by the last that each user has there."""
    last = lasts(log)
    rest = np.delete(np.arange(len(log)), last)
    parts = log.take(rest), log.take(np.sort(last))
    return ranker(graph, *parts, INPUTS["ids"], model, TRAINING)


def contenders(study: Study, options: argparse.Namespace, work: Path):
    """Return whom to compare, each with its pipeline; the clouds; users set aside."""
    learn = study.learn
    half = int(np.quantile(learn.time, 0.5))

    def first():
        pipeline = tg.Pipeline(tg.Popular()).fit(learn.before(half))
        known = pipeline.graph
        part = learnt_from(known.numbered(learn.before(half)), known)
        return replace(pipeline, ranker=part)

    base = kept(work / "half", first)
    out = {"DIN, half": (base, base.ranker)}
    for name, model in {"DIN": MODEL, **MODELS}.items():

        def whole(model=model):
            return replace(base, ranker=learnt_from(learn, study.graph, model))

        out[f"{name}, all"] = (None, kept(work / f"all {name}", whole).ranker)
        print(name, f"{time.process_time():.0f} s", flush=True)
    days = (int(learn.time[-1]) - half) / DAY / options.rounds + 1 / DAY
    ways = {name: WAYS[name] for name in options.ways}
    if options.thorough:
        ways = {name: replace(way, **THOROUGH) for name, way in ways.items()}
    clouds = learnt_clouds(ways, days, options.keep, base, learn, work)
    print("clouds", f"{time.process_time():.0f} s", flush=True)
    personal, aside = personalities(clouds, base, options.keep, learn)
    return out | personal, clouds, aside


def ranks_of(study: Study, contenders, which: np.ndarray, work: Path):
    """Return the rank of each last action by each contender, among few and among all.

    Args:
        study: What is judged.
        contenders: By whom.
        which: Which last actions are judged among all items.
        work: Keeps what was found.
    """
    few, out = study.drawn(np.random.default_rng(9)), {}
    (work / "ranks").mkdir(exist_ok=True)
    for name, (pipeline, one) in contenders.items():
        path = work / "ranks" / f"{name}.npz"
        if not path.exists():
            own = None if pipeline is None else Numbers.of(pipeline, study.learn)

            def rank(test, own=own, one=one):
                return judged(one, test if own is None else own.renumbered(test))

            among_all = np.concatenate([rank(test) for test in study.whole(which)])
            np.savez(path, few=rank(few), all=among_all)
            print(name, f"{time.process_time():.0f} s", flush=True)
        with np.load(path) as held:
            out[name] = held["few"], held["all"]
    return out, few.candidates.present.sum(axis=1) - 1


def told(ranks, user, others, done, held) -> dict:
    """Everything that is said of one protocol.

    Args:
        ranks: Of each contender, one for each user.
        user: Rows of the users.
        others: How many items each action is among.
        done: How many actions of each user are learnt from.
        held: How many of them fall into the rounds.
    """
    out = {"judged": len(user), "table": table(ranks, user, others)}
    for name, rank in ranks.items():
        rng = np.random.default_rng(0)
        hits = (rank < 10) * 1.0 - (ranks[BASE] < 10)
        found = zip(("mean", "95 % interval", "p"), apart(hits, rng), strict=True)
        out["table"][name]["HR@10 by user over DIN, all"] = dict(found)
    rng, plain = np.random.default_rng(0), "DCCL, model of all"
    for title, one, other in (
        ("DCCL over its model of all", "DCCL", plain),
        ("its model of all over DIN, half", plain, "DIN, half"),
    ):
        out[title] = apart(gain(ranks[one]) - gain(ranks[other]), rng)
    out["by 20 groups of users"] = by_activity(ranks, done, GROUPS)
    out["by actions in the rounds"] = {
        part: {
            "users": int(some.sum()),
            **{name: float(gain(rank[some]).mean()) for name, rank in ranks.items()},
            "DCCL over DIN, all": apart(
                gain(ranks["DCCL"][some]) - gain(ranks[BASE][some]), rng
            ),
        }
        for part, some in (("none", held == 0), ("some", held > 0))
        if some.any()
    }
    return out


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, default=Path("shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/dccl-last"))
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=8_000_000)
    parser.add_argument("--keep", type=int, default=440)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--ways", nargs="+", default=OURS, choices=OURS)
    parser.add_argument("--clock", choices=["time", "place"])
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results"
    )
    return parser.parse_args()


def main() -> None:
    options = asked()
    frame = actions(options.data / options.name, options.users)
    clock = options.clock or ("time" if "timestamp" in frame.columns else "place")
    study = Study.of(timed(frame, clock))
    own = clock == "place" and "timestamp" in frame.columns
    label = options.name + "-place" * own
    label += "" if options.keep == 440 else f"-keep-{options.keep}"
    label += "-thorough" * options.thorough
    work = options.work / f"{label}-{options.users}-{options.rounds}"
    work.mkdir(parents=True, exist_ok=True)
    print(f"{study.learn!r}, {len(study.user)} last actions", flush=True)
    them, clouds, aside = contenders(study, options, work)
    count = len(study.graph.items)
    some = min(len(study.user), max(1, options.pairs // count))
    which = np.sort(np.random.default_rng(1).permutation(len(study.user))[:some])
    ranks, others = ranks_of(study, them, which, work)
    done = np.bincount(study.learn.user, minlength=len(study.graph.users))
    half = int(np.quantile(study.learn.time, 0.5))
    held = np.bincount(study.learn.since(half).user, minlength=len(done))
    few = {name: pair[0] for name, pair in ranks.items()}
    every = {name: pair[1] for name, pair in ranks.items()}
    user, after = study.user, clouds["DCCL"].personal.after
    free = study.free(user[which])
    left = free.sum(axis=1) - free[np.arange(some), study.item[which]]
    learnt_of = ~np.isin(np.asarray(study.graph.users.ids)[user], aside)
    result = {
        "data": options.name,
        "clock": clock,
        "users": len(done),
        "items": count,
        "learnt from": len(study.learn),
        "left out": study.left_out,
        "rounds": [one.table() for one in clouds["DCCL"].rounds],
        "trusted": float((after.current & after.trust.own()).mean()),
        "among 100": told(few, user, others, done[user], held[user]),
        "among all": told(
            every, user[which], left, done[user[which]], held[user[which]]
        ),
        "among 100, without users set aside": table(
            {name: rank[learnt_of] for name, rank in few.items()},
            user[learnt_of],
            others[learnt_of],
        ),
        "processor seconds": time.process_time(),
    }
    out = options.results / f"dccl-last-{label}.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    for protocol in ("among 100", "among all"):
        print(protocol, json.dumps(result[protocol]["table"], indent=1))


if __name__ == "__main__":
    main()
