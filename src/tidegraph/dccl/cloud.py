"""DCCL: devices learn from their events, and a cloud from its devices, over a log."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path

import numpy as np

from tidegraph.arguments import checked, settings
from tidegraph.artifact.in_use import used_alone
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.matrix import as_seconds_log
from tidegraph.dccl.cloud_state import CloudState, Round
from tidegraph.dccl.fitted import FittedDCCL
from tidegraph.dccl.fleet import Fleet
from tidegraph.dccl.intervals import EveryDays
from tidegraph.dccl.personal import FittedPersonal
from tidegraph.dccl.rounds import Rounds
from tidegraph.device.distill import MoMoDistill
from tidegraph.device.rows import FleetRows
from tidegraph.errors import DataError
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.pipeline import FittedPipeline
from tidegraph.progress import track
from tidegraph.ranges import below_1
from tidegraph.ranking.new_rows import with_rows
from tidegraph.rng import Seed, generator
from tidegraph.run import Curve, Run
from tidegraph.training.checkpoint import Checkpoint, newest_checkpoint
from tidegraph.training.fingerprint import fingerprint
from tidegraph.training.weights import restore_weights, weights_of

RANKER = "ranker/"
"""Begins the names of the ranker's weights in a checkpoint."""


@settings
class DCCL:
    """Device-cloud collaborative learning.

    Round after round, devices learn theta from what their users did; the cloud learns
    a better model and better metapatches from the devices, publishes them, and devices
    start again from there.

    Attributes:
        rounds: When rounds are.
        distill: How the cloud learns.
        aside: Share of the users by whom the cloud judges what it has learnt. Bases and
            U learn nothing of them, and the network nothing of the later third of their
            rows.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", section 19.3
        and algorithm 3; Yao et al., "Device-Cloud Collaborative Learning for
        Recommendation", KDD 2021.
    """

    rounds: EveryDays = field(default_factory=EveryDays)
    distill: MoMoDistill = field(default_factory=MoMoDistill)
    aside: float = 0.1

    def __post_init__(self) -> None:
        below_1("DCCL", aside=self.aside)

    def check(self, log: Interactions, known: int) -> None:
        """Refuse a log of which nothing is left for devices, before a pipeline learns.

        Args:
            log: All events.
            known: Unix seconds of the last that the pipeline is to learn from.

        Raises:
            DataError: It has no action after that, or no times.
        """
        _events_after(known, log)

    @checked(DataError)
    def fit(
        self,
        log: Interactions,
        model: FittedPipeline,
        fleet: Fleet | None = None,
        *,
        rng: Seed | None = None,
        run: Run | None = None,
    ) -> FittedDCCL:
        """Let devices and cloud learn from what happened after the pipeline's training.

        Args:
            log: A log that goes on after the last event that the pipeline knows; what
                it knows already is passed over.
            model: The pipeline.
            fleet: Its users' devices; as ``Fleet()`` says if left out.
            rng: Seed or generator of everything random, where no run is given. If left
                out it is 0; with noise (``distill.private``), which whoever has the
                seed can take off, what the operating system draws.
            run: Checkpoints and generator, if they matter. With checkpoints, a fit that
                was killed goes on after its last whole round, and ends with the same
                bits.

        Raises:
            DataError: Nothing happened after what the pipeline knows, or the log has
                no times, or no user or no item that the pipeline knows.
            ConfigError: The pipeline has no ranker that can be patched so, or the
                checkpoints are of another fit, or in use by one.
        """
        if run is None:
            run = Run(self.distill.generator() if rng is None else generator(rng))
        with used_alone(run.checkpoints, "fit", "for checkpoints"):
            return self._fit_alone(log, model, fleet or Fleet(), run)

    def _fit_alone(
        self, log: Interactions, model: FittedPipeline, fleet: Fleet, run: Run
    ) -> FittedDCCL:
        """Fit, being the only one to write checkpoints there."""
        ranker = fleet.ranker(model)
        later = _events_after(model.graph.latest, log)
        _check_same_vocabularies(model.graph, log)
        live = Graph(model.graph.in_order(), late_seconds=None).observe(later)
        graph = live.snapshot()
        later = graph.numbered(later)
        inputs = fleet.inputs(model, graph, later, rng=run.drawing("rows"))
        users = len(graph.users)
        aside = run.drawing("aside").random(users) < self.aside
        first = CloudState.first(ranker, fleet.patch, users, run.drawing("patch"))
        how = fleet.local, self.distill, fleet.keep, fleet.processes
        rounds = Rounds(inputs, aside, *how, first.head)
        clocks = self.rounds.clocks(int(later.time[0]), int(later.time[-1]))
        kept = _Kept.of(run, self, fleet, first, rounds.rows(first))
        state, told = kept.resumed()
        for number in track(range(len(told), len(clocks)), "rounds of devices"):
            last = clocks[number - 1] if number else int(later.time[0])
            own = Run(run.drawing(f"round {number}"))
            state, said = rounds.run(state, last, clocks[number], own)
            told = (*told, said)
            kept.keep(state, told)
        personal = FittedPersonal(fleet.patch, fleet.local, state, told)
        serving = replace(model.serving, trained_until=int(later.time[-1]))
        return FittedDCCL(replace(model, live=live, ranker=personal, serving=serving))


def _events_after(known: int, log: Interactions) -> Interactions:
    """Return what rounds learn from: the events after the last that a pipeline knows.

    Args:
        known: When that was, in Unix seconds.
        log: All events.

    Raises:
        DataError: There is no action, or the log has no times.
    """
    as_seconds_log(log, "DCCL, whose rounds are intervals of time,")
    later = log.since(known + 1)
    if not len(later.actions()):
        raise DataError(
            f"the log has no action after {known}, the last event that the pipeline "
            "knows. Pass a log that goes on after what it was fitted on."
        )
    return later


def _check_same_vocabularies(graph: Snapshot, log: Interactions) -> None:
    """Refuse a log of other people, or of other items, than those of a pipeline.

    Args:
        graph: What the pipeline knows.
        log: All events, by numbers of their own.

    Raises:
        DataError: It has no user, or no item, that the pipeline knows.
    """
    sides = (("user", graph.users, log.users), ("item", graph.items, log.items))
    for what, known, given in sides:
        if not bool((known.encode(given.ids) >= 0).any()):
            raise DataError(
                f"no {what} of the log is known to the pipeline: the log holds "
                f"{given.ids.first()!r}, the pipeline {known.ids.first()!r}. Pass a "
                "log that goes on after what it was fitted on, with ids written alike."
            )


class _Kept:
    """The rounds of a fit on disk, from which it goes on."""

    def __init__(
        self, folder: Path | None, first: CloudState, digests: Mapping[str, str]
    ) -> None:
        self.folder, self.first, self.digests = folder, first, digests

    @classmethod
    def of(
        cls, run: Run, method: DCCL, fleet: Fleet, first: CloudState, rows: FleetRows
    ) -> "_Kept":
        if run.checkpoints is None:
            return cls(None, first, {})
        plain = (fleet.patch, fleet.local, fleet.keep)
        held = [part.numpy() for part in rows.rows]
        digests = {
            "settings": fingerprint([method, *plain]),
            "seed": fingerprint([repr(run.key)]),
            "log": fingerprint([*held, rows.ptr, rows.time]),
        }
        return cls(run.checkpoints, first, digests)

    def resumed(self) -> tuple[CloudState, tuple[Round, ...]]:
        """Return the state after the last whole round, and how rounds went."""
        first = self.first
        if self.folder is None:
            return first, ()
        found = newest_checkpoint(self.folder, self.digests)
        if found is None:
            return first, ()
        held = found.more
        told = tuple(Round.from_table(one) for one in held["rounds"])
        if held["nodes"] is not None:
            ranker = with_rows(first.ranker, *held["nodes"])
            restore_weights(ranker.network, _weights_of_ranker(found.arrays))
            first = replace(first, ranker=ranker)
        return first.from_arrays(found.arrays, found.step, held["level"]), told

    def keep(self, state: CloudState, told: tuple[Round, ...]) -> None:
        """Write what is there after a round, whole or not at all."""
        if self.folder is None:
            return
        own, nodes, arrays = [one.own for one in told], None, state.arrays()
        # With rows for more nodes it is no longer the ranker that the fit began with,
        # of whose tables some rows are untrained, which those of another are not.
        if state.ranker is not self.first.ranker:
            tables = state.ranker.tables
            nodes = [tables.item.known, tables.user.known]
            network = weights_of(state.ranker.network)
            arrays |= {f"{RANKER}{name}": array for name, array in network.items()}
        held = {
            "level": state.level,
            "nodes": nodes,
            "rounds": [one.table() for one in told],
        }
        curve = Curve(tuple(own), tuple(-one for one in own))
        # Every round draws by its own name, so no generator has a state to keep.
        Checkpoint(self.digests, state.version, curve, {}, arrays, held).write(
            self.folder
        )


def _weights_of_ranker(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of the ranker among those of a checkpoint."""
    return {
        name.removeprefix(RANKER): np.array(array)
        for name, array in arrays.items()
        if name.startswith(RANKER)
    }
