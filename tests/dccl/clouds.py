"""A small pipeline, its users' devices, and a log that goes on after its training."""

import hashlib
import os
import signal
from functools import cache
from pathlib import Path

import numpy as np

from tidegraph.data.interactions import Interactions
from tidegraph.dccl.cloud import DCCL
from tidegraph.dccl.cloud_state import CloudState
from tidegraph.dccl.fleet import Fleet
from tidegraph.dccl.intervals import EveryDays
from tidegraph.dccl.rounds import Rounds
from tidegraph.device.distill import MoMoDistill
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.rows import FleetRows
from tidegraph.device.split import split
from tidegraph.features.columns import FeatureSet
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.click import DIN
from tidegraph.pipeline import Pipeline
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.run import Run
from tidegraph.testing.logs import draw_log
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training
from tidegraph.training.weights import weights_of

DAY = 86_400
PATCH = MetaPatch(rank=2, theta=4)
SEED = 1
"""Of a cloud that publishes a network and bases, and refuses some of either."""
SHORT = Training(epochs=2, batch_size=64, optimizer=AdamW(1e-2, 0.0))


def digest(state: CloudState) -> str:
    """What tells the network and the bases of one state from those of another."""
    total = hashlib.sha256()
    for module in (state.head, split(state.ranker.network).trunk):
        for name, array in sorted(weights_of(module).items()):
            total.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def parts() -> tuple[Interactions, Interactions]:
    """What the pipeline is fitted on, and all."""
    log = draw_log(events=1200)
    cut = int(np.quantile(log.time, 0.6))
    return log.before(cut), log


def pipeline() -> Pipeline:
    ranker = NeuralRanker(
        DIN(4, (8, 4)), FeatureSet(category="category", history=4), training=SHORT
    )
    return Pipeline((ItemKNN(neighbors=10), Popular()), rank=ranker, candidates=20)


@cache
def model():
    return pipeline().fit(parts()[0])


@cache
def model_with_untrained_items():
    """One that knows items which none of its examples has, and the log that goes on."""
    known, log = parts()
    first, half = (int(np.quantile(log.time, share)) for share in (0.45, 0.5))
    log = log.take(np.flatnonzero((log.item < 20) | (log.time >= first)))
    valid = log.before(int(known.time[-1]) + 1).since(half)
    return pipeline().fit(log.before(half), valid), log


def fleet(**settings) -> Fleet:
    settings = {"patch": PATCH, "local": LocalSteps(steps=3), "negatives": 4} | settings
    return Fleet(**settings)


def rows_on_devices(graph: Snapshot, log: Interactions, **settings) -> FleetRows:
    """What the events of a log leave on the devices, for the tower of the model."""
    rng = np.random.default_rng(0)
    return fleet(**settings).inputs(model(), graph, log, rng=rng).rows(model().ranker)


def method(rounds=3, **settings) -> DCCL:
    known, log = parts()
    days = (int(log.time[-1]) - int(known.time[-1])) / DAY / (rounds - 0.5)
    distill = MoMoDistill(model=SHORT, patches=SHORT)
    return DCCL(
        **{"rounds": EveryDays(days), "distill": distill, "aside": 0.2} | settings
    )


def killed_at(place: str, number: int, folder: Path) -> None:
    """Fit, and die without a word as the ``number``-th round from here gets there."""
    inner, calls = getattr(Rounds, place), 0

    def deadly(self, *given):
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(self, *given)

    setattr(Rounds, place, deadly)
    run = Run(np.random.default_rng(SEED), checkpoints=folder)
    method().fit(parts()[1], model(), fleet(), run=run)


def killed_twice(folder: Path) -> None:
    """Fit in two processes, each of which is killed in the middle of a round.

    Run in a process that has done nothing but import, which is what both share.
    """
    # Before the cloud has learnt anything in the second round; then, a round on, when
    # it has published, and no device has learnt under that.
    for place in ("_learn_in_cloud", "_teach_devices"):
        before = {path.name for path in folder.iterdir()}
        child = os.fork()
        if not child:
            killed_at(place, 2, folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        assert {path.name for path in folder.iterdir()} != before
