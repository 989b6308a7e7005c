"""What device-cloud collaborative learning gains over a model that is trained on all.

    python benchmarks/dccl.py DATA [--data shared/data] [--work FOLDER] [--days 2]

DATA is ``marketplace`` (simulated, users of their own taste), ``shown`` (the same with
tastes further apart, and with what was shown in vain: each action is judged among what
was shown beside it), ``steady`` (that, with a quarter of the users, who do four times
as much and whose tastes, further apart still, stay as they are), ``kinds`` (that, with
tastes of kinds of items, and every place looked at), ``drift`` (all users again, with
tastes that come and go within weeks), ``busy`` (that, with a quarter of the users, who
do four times as much), or a folder of DATA with ``interactions.parquet``. The log is
cut in time: DIN learns from the first half; rounds go on from there until the last
tenth, on which all are judged: each action among 100 items drawn uniformly from those
alive then and not acted on in that second (a sampled protocol, comparable only within
the table). ``DIN, all`` is trained on everything before the last tenth, from the same
kind of examples. ``alone`` is devices without distillation, ``model of all`` what
DCCL's cloud answers without devices, ``tower`` a cloud of whose network the tower alone
learns, and ``same rows`` the network trained on the same rows without teachers or
devices. ``hypernetwork`` is a rival: theta is what U says of the user's latest rows and
no device takes a step (after Lv et al., "DUET", WWW 2023); ``theta of 20 groups``
another: users of like rows share one theta; ``adapters of 20 groups`` a third: they
share patches; ``regression of each user`` a fourth. ``--learns tower`` makes all of
them clouds of whose network the tower alone learns. ``first junction`` and ``last
junction`` are DCCL with one patch in place of two, ``hidden layers`` with patches
behind the hidden layers alone, ``wide`` with 32 numbers for 16, and ``no prior`` with
devices that nothing holds to the model of all. ``--inputs ids`` leaves models what was
chosen, as the chapter's have it, and none of the numbers that the graph tells of users,
items and pairs; ``items`` leaves users no vectors either, so that a theta is all that a
device has for itself; ``kinds`` and ``kinds of items`` are these with the category of
items. ``dccl_market.py`` has the simulated logs, and what nobody can beat on them.
``--models`` are further models trained as ``DIN, all`` was. What was done is kept in
``--work``, so that a killed run goes on.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from dccl_market import KEEP, MARKETS, ceilings
from dccl_regression import regressions_of_users
from dccl_rivals import (
    GROUPS,
    SEED,
    Grouped,
    adapters_of_groups,
    everybody,
    theta_of_groups,
)

import tidegraph as tg
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.dccl.fitted import FittedDCCL
from tidegraph.device.patch import LAST
from tidegraph.device.trust import Trust
from tidegraph.fitting.actions import actions_or_shown
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click import FM, MF, DeepFM, NeuMF, SASRec
from tidegraph.nn.dense import ENTRY
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run

MODEL = tg.DIN(8, (32, 16))
INPUTS = {
    "all": tg.FeatureSet(history=10),
    "ids": tg.FeatureSet(groups=(), history=10),
    "kinds": tg.FeatureSet(groups=(), category="category", history=10),
    "kinds of items": tg.FeatureSet(
        groups=(), category="category", history=10, ids="item"
    ),
    "items": tg.FeatureSet(groups=(), history=10, ids="item"),
}
TRAINING = tg.Training(epochs=6, patience=2)
WAYS = {
    "DCCL": tg.MoMoDistill(),
    "tower": tg.MoMoDistill(learns="tower"),
    "alone": tg.MoMoDistill(model=None),
    "same rows": tg.MoMoDistill(beta=0.0),
    "hypernetwork": tg.MoMoDistill(),
    "wide": tg.MoMoDistill(),
    "no prior": tg.MoMoDistill(),
    "hidden layers": tg.MoMoDistill(),
    "first junction": tg.MoMoDistill(),
    "last junction": tg.MoMoDistill(),
}
STEPS = {
    "hypernetwork": tg.LocalSteps(steps=0),
    "no prior": tg.LocalSteps(prior=0.0),
}
PATCHES = {
    "wide": tg.MetaPatch(rank=32, theta=32),
    "hidden layers": tg.MetaPatch(("hidden0", LAST)),
    "first junction": tg.MetaPatch((ENTRY,)),
    "last junction": tg.MetaPatch((LAST,)),
}
MODELS = {"MF": MF(), "FM": FM(), "NeuMF": NeuMF(), "DeepFM": DeepFM()}
MODELS["SASRec"] = SASRec()


def read(name: str, data: Path, most: int) -> Interactions:
    if name in MARKETS:
        world = MARKETS[name].simulate(rng=np.random.default_rng(0))
        items, kind = world.log.items, world.truth.goods.category
        kinds = pl.DataFrame({"item": items.ids, "category": kind[: len(items)]})
        log = replace(world.log, items=items.with_features(kinds, "item"))
        return log.actions() if name == "marketplace" else log
    frame = pl.read_parquet(data / name / "interactions.parquet")
    if "rating" in frame.columns:
        frame = frame.filter(pl.col("rating") >= 4)
    busy = frame.group_by("user").len().sort("len", "user", descending=True)
    frame = frame.join(busy.head(most), on="user").sort("timestamp")
    return interactions(frame["user"], frame["item"], frame["timestamp"].to_numpy())


def requests_of(graph, log, negatives, rng, power=0.0):
    """What was shown, where the log knows; else actions among others alive then."""
    return actions_or_shown(graph, log, negatives, power=power, rng=rng)


def told_apart(log: Interactions) -> Interactions:
    """The rows of lists in which something was acted on and something was not."""
    if log.label.all():
        return log
    rows = pl.DataFrame({"user": log.user, "time": log.time, "label": log.label})
    both = pl.col("label").n_unique().over("user", "time") == 2
    return log.take(rows.select(both).to_series().to_numpy().nonzero()[0])


def ranker(log, graph, start, cut, features, model=MODEL):
    """A model of the events between two moments, the last tenth of them to stop by."""
    part = log.since(start).before(cut)
    stop = int(np.quantile(part.time, 0.9))

    def learnt(some, seed):
        return requests_of(graph, some, 10, np.random.default_rng(seed), 0.5)

    train, valid = learnt(part.before(stop), 1), learnt(part.since(stop), 2)
    method = NeuralRanker(model, features, training=TRAINING)
    return method.fit(train, valid, run=Run(np.random.default_rng(3)))


def judged(model, test) -> np.ndarray:
    """Rank of each action among its items, from 0; ties count half."""
    score = model.score(test.requests, test.candidates)
    present = test.candidates.present
    own = np.where(test.label > 0, score, -np.inf).max(axis=1, keepdims=True)
    above = ((score > own) & present).sum(axis=1)
    ties = ((score == own) & present).sum(axis=1) - 1
    return above + ties / 2


def table(ranks: dict[str, np.ndarray], user: np.ndarray, others: np.ndarray) -> dict:
    """Metrics of each contender, and how sure each is apart from DIN on all."""
    out, rng = {}, np.random.default_rng(0)
    ndcg = {
        name: np.where(rank < 10, 1 / np.log2(rank + 2), 0)
        for name, rank in ranks.items()
    }

    def by_user(values):
        return pl.DataFrame({"u": user, "v": values}).group_by("u").mean().sort("u")

    base = by_user(ndcg["DIN, all"])["v"].to_numpy()
    for name, rank in ranks.items():
        gap = by_user(ndcg[name])["v"].to_numpy() - base
        flips = rng.choice([-1.0, 1.0], (2000, len(gap))) @ gap / len(gap)
        means = gap[rng.integers(0, len(gap), (2000, len(gap)))].mean(axis=1)
        out[name] = {
            "HR@10": float((rank < 10).mean()),
            "NDCG@10": float(ndcg[name].mean()),
            "AUC": float(by_user(1 - rank / others)["v"].mean()),
            "NDCG@10 by user over DIN, all": float(gap.mean()),
            "95 % interval": np.quantile(means, [0.025, 0.975]).tolist(),
            "p": float((np.abs(flips) >= abs(gap.mean())).mean()),
        }
    return out


def groups(ranks, user, rows, count=4):
    """NDCG@10 by how many rows a user's device has, fewest first."""
    out = {}
    held = rows[user]
    edges = np.quantile(held, np.linspace(0, 1, count + 1)[1:-1])
    group = np.searchsorted(edges, held, side="right")
    for name, rank in ranks.items():
        value = np.where(rank < 10, 1 / np.log2(rank + 2), 0)
        out[name] = [float(value[group == g].mean()) for g in range(count)]
    return out


def newcomers(ranks, test, early):
    """NDCG@10 of actions of users and on items the first half has, or has not."""
    new_user = ~np.isin(test.requests.user, early.user)
    new_item = ~np.isin(test.candidates.item, early.item) & (test.label > 0)
    new_item = new_item.any(axis=1)
    parts = {
        "neither": ~new_user & ~new_item,
        "new user": new_user,
        "new item": new_item,
    }
    out = {"actions": {part: int(some.sum()) for part, some in parts.items()}}
    for name, rank in ranks.items():
        value = np.where(rank < 10, 1 / np.log2(rank + 2), 0)
        out[name] = {
            part: float(value[some].mean())
            for part, some in parts.items()
            if some.any()
        }
    return out


def rivals(cloud: FittedDCCL, fleet: tg.Fleet, grouped: Grouped) -> dict:
    """What is learnt of the same rows otherwise, on top of the cloud's model of all."""
    return {
        f"theta of {GROUPS} groups": theta_of_groups(cloud, fleet, grouped),
        f"adapters of {GROUPS} groups": adapters_of_groups(cloud, fleet, grouped),
        "regression of each user": regressions_of_users(cloud, grouped.users),
    }


def plain(cloud: FittedDCCL):
    """The cloud's model, without devices."""
    personal = cloud.personal
    after = personal.after
    nobody = Trust.none(len(after.learnt))
    return replace(personal, after=replace(after, trust=nobody))


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, default=Path("shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/dccl"))
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--days", type=float, default=2.0)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--learns", default="network", choices=["network", "tower"])
    parser.add_argument("--inputs", default="all", choices=list(INPUTS))
    parser.add_argument("--models", nargs="*", default=[], choices=list(MODELS))
    return parser.parse_args()


def learnt_clouds(options, base, log, work) -> dict[str, FittedDCCL]:
    """Each way of learning, fitted after the base model, or as it was kept."""
    clouds = {}
    for name in options.ways:
        way = WAYS[name]
        if options.learns == "tower":
            way = replace(way, learns="tower")
        method = tg.DCCL(tg.EveryDays(options.days), way)
        patch = PATCHES.get(name, tg.MetaPatch())
        steps = STEPS.get(name, tg.LocalSteps())
        keep = KEEP.get(options.name, 440)
        fleet = tg.Fleet(patch, steps, keep=keep)
        if not (work / name / "manifest.json").exists():
            run = Run(np.random.default_rng(SEED), checkpoints=work / f"{name} rounds")
            method.fit(log, base, fleet, run=run).save(work / name)
        clouds[name] = FittedDCCL.load(work / name)
        print(name, clouds[name].history(), flush=True)
    return clouds


def main() -> None:
    options = asked()
    label = f"{options.name}-{options.days:g}"
    label += "" if options.inputs == "all" else f"-{options.inputs.replace(' ', '-')}"
    label += "" if options.learns == "network" else f"-{options.learns}"
    work, known_of = options.work / label, INPUTS[options.inputs]
    work.mkdir(parents=True, exist_ok=True)
    log = read(options.name, options.data, options.users)
    half, end = (int(np.quantile(log.time, q)) for q in (0.5, 0.9))
    start = int(np.quantile(log.time, 0.1))
    graph = Snapshot.of(log)
    rng = np.random.default_rng(9)
    test = requests_of(graph, told_apart(log.since(end)), 100, rng)
    rows = np.bincount(log.since(half).before(end).user, minlength=len(log.users))

    def first():
        pipeline = tg.Pipeline(tg.Popular()).fit(log.before(half))
        known = pipeline.graph
        part = pipeline.graph.numbered(log.before(half))
        return replace(pipeline, ranker=ranker(part, known, start, half, known_of))

    def model(name, make):
        if not (work / name / "manifest.json").exists():
            made = make()
            made.save(work / name)
        return tg.load(work / name)

    base = model("half", first)

    def all_of_it(net=MODEL):
        return replace(base, ranker=ranker(log, graph, start, end, known_of, net))

    clouds = learnt_clouds(options, base, log.before(end), work)
    contenders = {
        "DIN, half": (base, base.ranker),
        "DIN, all": (None, model("all", all_of_it).ranker),
    }
    for name in options.models:
        made = model(f"all {name}", lambda name=name: all_of_it(MODELS[name]))
        contenders[f"{name}, all"] = (None, made.ranker)
    for name, cloud in clouds.items():
        if name != "same rows":
            contenders[name] = (cloud.pipeline, cloud.personal)
            own = replace(cloud.personal, after=everybody(cloud.personal.after))
            contenders[f"{name}, theta always"] = (cloud.pipeline, own)
        if name not in ("alone", "hypernetwork"):
            contenders[f"{name}, model of all"] = (cloud.pipeline, plain(cloud))
        if name == "DCCL":
            fleet = tg.Fleet(keep=KEEP.get(options.name, 440))
            grouped = Grouped.of(cloud, base, fleet, log.before(end))
            for what, rival in rivals(cloud, fleet, grouped).items():
                contenders[what] = (cloud.pipeline, rival)
            aside = np.asarray(cloud.pipeline.graph.users.ids)[grouped.aside]
    for name, one in ceilings(options.name, end).items():
        contenders[name] = (None, one)
    ranks = {}
    for name, (pipeline, one) in contenders.items():
        some = test if pipeline is None else renumbered(pipeline, log, test)
        ranks[name] = judged(one, some)
    user, after = test.requests.user, clouds["DCCL"].personal.after
    learnt_of = ~np.isin(log.users.ids, aside)[user]
    others = test.candidates.present.sum(axis=1) - 1
    result = {
        "data": options.name,
        "days": options.days,
        "events": len(log),
        "users": len(log.users),
        "judged": len(user),
        "rounds": len(clouds["DCCL"].rounds),
        "table": table(ranks, user, others),
        "without users set aside": table(
            {name: rank[learnt_of] for name, rank in ranks.items()},
            user[learnt_of],
            others[learnt_of],
        ),
        "by rows of the device": groups(ranks, user, rows),
        f"by {GROUPS} groups of users": groups(ranks, user, rows, GROUPS),
        "by newcomers": newcomers(ranks, test, log.before(half)),
        "of this version": float(after.current.mean()),
        "trusted": float((after.current & after.trust.own()).mean()),
    }
    out = Path(__file__).parent / "results" / f"dccl-{label}.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def renumbered(pipeline, log, test):
    """The same test for a model that numbers users and items as they came to it."""
    graph = pipeline.graph
    known = tg.Graph(graph, late_seconds=None)
    later = log.since(graph.latest + 1)
    snapshot = known.observe(later).snapshot()
    user = snapshot.users.encode(log.users.ids)
    item = snapshot.items.encode(log.items.ids)
    requests = type(test.requests).of_users(
        snapshot, user[test.requests.user].astype(np.int32), test.requests.time
    )
    there = test.candidates.present
    rows = np.where(there, item[test.candidates.item], -1).astype(np.int32)
    candidates = replace(test.candidates, item=rows)
    return replace(test, requests=requests, candidates=candidates)


if __name__ == "__main__":
    main()
