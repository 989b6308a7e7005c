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
items. ``dccl_market.py`` has the simulated logs, and what nobody can beat on them;
``--seed`` draws others like them.
``--models`` are further models trained as ``DIN, all`` was. What was done is kept in
``--work``, so that a killed run goes on.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from dccl_judged import groups, judged, newcomers, table
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
    requests_of,
)
from dccl_market import KEEP, MARKETS, ceilings
from dccl_rivals import GROUPS

import tidegraph as tg
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.graph.snapshot import Snapshot


def read(name: str, data: Path, most: int, seed: int) -> Interactions:
    if name in MARKETS:
        world = MARKETS[name].simulate(rng=np.random.default_rng(seed))
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


def told_apart(log: Interactions) -> Interactions:
    """The rows of lists in which something was acted on and something was not."""
    if log.label.all():
        return log
    rows = pl.DataFrame({"user": log.user, "time": log.time, "label": log.label})
    both = pl.col("label").n_unique().over("user", "time") == 2
    return log.take(rows.select(both).to_series().to_numpy().nonzero()[0])


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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="*", default=[], choices=list(MODELS))
    return parser.parse_args()


def main() -> None:
    options = asked()
    label = f"{options.name}-{options.days:g}"
    label += "" if options.inputs == "all" else f"-{options.inputs.replace(' ', '-')}"
    label += "" if options.learns == "network" else f"-{options.learns}"
    label += "" if options.seed == 0 else f"-seed-{options.seed}"
    work, known_of = options.work / label, INPUTS[options.inputs]
    work.mkdir(parents=True, exist_ok=True)
    log = read(options.name, options.data, options.users, options.seed)
    half, end = (int(np.quantile(log.time, q)) for q in (0.5, 0.9))
    start = int(np.quantile(log.time, 0.1))
    graph = Snapshot.of(log)
    rng = np.random.default_rng(9)
    test = requests_of(graph, told_apart(log.since(end)), 100, rng)
    rows = np.bincount(log.since(half).before(end).user, minlength=len(log.users))

    def of_part(part, known, start, cut, net=MODEL):
        part = part.since(start).before(cut)
        stop = int(np.quantile(part.time, 0.9))
        return ranker(known, part.before(stop), part.since(stop), known_of, net)

    def first():
        pipeline = tg.Pipeline(tg.Popular()).fit(log.before(half))
        known = pipeline.graph
        part = pipeline.graph.numbered(log.before(half))
        return replace(pipeline, ranker=of_part(part, known, start, half))

    base = kept(work / "half", first)

    def all_of_it(net=MODEL):
        return replace(base, ranker=of_part(log, graph, start, end, net))

    cloud_log, keep = log.before(end), KEEP.get(options.name, 440)
    ways = {name: WAYS[name] for name in options.ways}
    if options.learns == "tower":
        ways = {name: replace(way, learns="tower") for name, way in ways.items()}
    clouds = learnt_clouds(ways, options.days, keep, base, cloud_log, work)
    contenders = {
        "DIN, half": (base, base.ranker),
        "DIN, all": (None, kept(work / "all", all_of_it).ranker),
    }
    for name in options.models:
        made = kept(work / f"all {name}", lambda name=name: all_of_it(MODELS[name]))
        contenders[f"{name}, all"] = (None, made.ranker)
    personal, aside = personalities(clouds, base, keep, cloud_log)
    contenders |= personal
    for name, one in ceilings(options.name, end, options.seed).items():
        contenders[name] = (None, one)
    ranks = {}
    for name, (pipeline, one) in contenders.items():
        some = test if pipeline is None else Numbers.of(pipeline, log).renumbered(test)
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


if __name__ == "__main__":
    main()
