"""What ``dccl.py`` and ``dccl_last.py`` compare: models, clouds and their rivals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
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
from tidegraph.data.interactions import Interactions
from tidegraph.dccl.fitted import FittedDCCL
from tidegraph.device.patch import LAST
from tidegraph.device.trust import Trust
from tidegraph.fitting.actions import actions_or_shown
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click import FM, MF, DeepFM, NeuMF, SASRec
from tidegraph.nn.dense import ENTRY
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.run import Run
from tidegraph.stages import Examples

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


def requests_of(graph, log, negatives, rng, power=0.0):
    """What was shown, where the log knows; else actions among others alive then."""
    return actions_or_shown(graph, log, negatives, power=power, rng=rng)


def ranker(graph, learn, stop, features, model=MODEL, training=TRAINING):
    """A model of the events of a log, which stops by those of another."""

    def learnt(some, seed):
        return requests_of(graph, some, 10, np.random.default_rng(seed), 0.5)

    method = NeuralRanker(model, features, training=training)
    run = Run(np.random.default_rng(3))
    return method.fit(learnt(learn, 1), learnt(stop, 2), run=run)


def kept(folder: Path, make: Callable[[], Any]) -> tg.FittedPipeline:
    """What a folder holds, made where it holds nothing yet."""
    if not (folder / "manifest.json").exists():
        make().save(folder)
    return tg.load(folder)


def learnt_clouds(
    ways: Mapping[str, tg.MoMoDistill],
    days: float,
    keep: int,
    base: tg.FittedPipeline,
    log: Interactions,
    work: Path,
) -> dict[str, FittedDCCL]:
    """Each way of learning, fitted after the base model, or as it was kept."""
    clouds = {}
    for name, way in ways.items():
        method = tg.DCCL(tg.EveryDays(days), way)
        patch = PATCHES.get(name, tg.MetaPatch())
        steps = STEPS.get(name, tg.LocalSteps())
        fleet = tg.Fleet(patch, steps, keep=keep)
        if not (work / name / "manifest.json").exists():
            run = Run(np.random.default_rng(SEED), checkpoints=work / f"{name} rounds")
            method.fit(log, base, fleet, run=run).save(work / name)
        clouds[name] = FittedDCCL.load(work / name)
        print(name, clouds[name].history(), flush=True)
    return clouds


def plain(cloud: FittedDCCL):
    """The cloud's model, without devices."""
    personal = cloud.personal
    after = personal.after
    nobody = Trust.none(len(after.learnt))
    return replace(personal, after=replace(after, trust=nobody))


def personalities(
    clouds: Mapping[str, FittedDCCL],
    base: tg.FittedPipeline,
    keep: int,
    log: Interactions,
) -> tuple[dict[str, tuple[tg.FittedPipeline, Any]], np.ndarray]:
    """What answers each user by their own, with the pipeline whose numbers it has.

    Second are the ids of users of whom clouds learn nothing.
    """
    out, aside = {}, np.zeros(0)
    for name, cloud in clouds.items():
        if name != "same rows":
            out[name] = (cloud.pipeline, cloud.personal)
            own = replace(cloud.personal, after=everybody(cloud.personal.after))
            out[f"{name}, theta always"] = (cloud.pipeline, own)
        if name not in ("alone", "hypernetwork"):
            out[f"{name}, model of all"] = (cloud.pipeline, plain(cloud))
        if name == "DCCL":
            fleet = tg.Fleet(keep=keep)
            grouped = Grouped.of(cloud, base, fleet, log)
            for what, rival in rivals(cloud, fleet, grouped).items():
                out[what] = (cloud.pipeline, rival)
            aside = np.asarray(cloud.pipeline.graph.users.ids)[grouped.aside]
    return out, aside


def rivals(cloud: FittedDCCL, fleet: tg.Fleet, grouped: Grouped) -> dict[str, Any]:
    """What is learnt of the same rows otherwise, on top of the cloud's model of all."""
    return {
        f"theta of {GROUPS} groups": theta_of_groups(cloud, fleet, grouped),
        f"adapters of {GROUPS} groups": adapters_of_groups(cloud, fleet, grouped),
        "regression of each user": regressions_of_users(cloud, grouped.users),
    }


@dataclass(frozen=True)
class Numbers:
    """Users and items of a log as a pipeline numbers them, to whom they came earlier.

    Attributes:
        graph: The pipeline's, with what happened later, too.
        user: Row there of each user of the log.
        item: Row of each item.
    """

    graph: Snapshot
    user: np.ndarray
    item: np.ndarray

    @classmethod
    def of(cls, pipeline: tg.FittedPipeline, log: Interactions) -> "Numbers":
        graph = pipeline.graph
        later = log.since(graph.latest + 1)
        if len(later):
            known = tg.Graph(graph, late_seconds=None)
            graph = known.observe(later).snapshot()
        sides = graph.users.encode(log.users.ids), graph.items.encode(log.items.ids)
        return cls(graph, *(side.astype(np.int32) for side in sides))

    def renumbered(self, test: Examples) -> Examples:
        """The same test for a model that numbers users and items so."""
        there, asked = test.candidates.present, test.requests
        requests = type(asked).of_users(self.graph, self.user[asked.user], asked.time)
        rows = np.where(there, self.item[test.candidates.item], -1).astype(np.int32)
        candidates = replace(test.candidates, item=rows)
        return replace(test, requests=requests, candidates=candidates)
