"""Algorithm 3: one round of devices and cloud."""

import copy
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from tidegraph.dccl.cloud_state import PLAIN, CloudState, Round
from tidegraph.dccl.judging import (
    Verdict,
    best_bases,
    is_no_worse,
    learnt_early,
    loss_of_model,
    saved_by_own_models,
    weighted_mean,
    without_patches,
)
from tidegraph.dccl.level import calibrating_shift
from tidegraph.dccl.network import TrainingData, train_network
from tidegraph.dccl.trunk import FleetInputs
from tidegraph.device.distill import (
    MoMoDistill,
    Teachers,
    capped_weights,
    distill_model,
    teach,
)
from tidegraph.device.distill_patches import distill_patches, sampling
from tidegraph.device.fleet import Losses, losses, personalised, start_thetas
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.privacy import epsilon, nothing_spent, privacy_spent
from tidegraph.device.rows import FleetRows
from tidegraph.kernels.ragged import owners
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.run import Run


class _Known(NamedTuple):
    """What the cloud learns from in a round.

    Attributes:
        kept: Which rows devices keep.
        later: Those of devices set aside by which the network is judged.
        fresh: Those since the round before, from which no theta was learnt.
        theta: The numbers of the devices, learnt before these.
        clock: The moment of the round.
        run: In what circumstances the cloud learns.
    """

    kept: Bool[np.ndarray, " rows"]
    later: Bool[np.ndarray, " rows"]
    fresh: FleetRows
    theta: Float32[np.ndarray, "d theta"]
    clock: int
    run: Run

    @property
    def learn(self) -> Bool[np.ndarray, " rows"]:
        """Which rows the network learns from."""
        return self.kept & ~self.later


@dataclass(frozen=True, eq=False)
class Rounds:
    """What every round is made of.

    Attributes:
        inputs: What is on the devices by the end.
        aside: Devices that the cloud judges itself by. Bases and U learn nothing of
            them, and the network nothing of the later third of their rows.
        local: How devices learn.
        distill: How the cloud learns.
        keep: How many of its latest rows a device keeps.
        processes: How many processes learn for the devices.
        drawn: Bases and U as they were drawn, from which they learn while none serve.
    """

    inputs: FleetInputs
    aside: Bool[np.ndarray, " d"]
    local: LocalSteps
    distill: MoMoDistill
    keep: int
    processes: int
    drawn: Patched
    _held: list[tuple[FittedNeuralRanker, FleetRows]] = field(
        default_factory=list[tuple[FittedNeuralRanker, FleetRows]]
    )

    def rows(self, state: CloudState) -> FleetRows:
        """Return all rows as they enter the tower of a state, at its level.

        Those of the last two networks are at hand: the published one's, and those of
        one that may be.
        """
        known = [rows for ranker, rows in self._held if ranker is state.ranker]
        rows = known[0] if known else self.inputs.rows(state.ranker)
        others = [one for one in self._held if one[0] is not state.ranker]
        self._held[:] = [*others[-1:], (state.ranker, rows)]
        return rows.raised(state.level)

    def run(
        self, state: CloudState, last: int, clock: int, run: Run
    ) -> tuple[CloudState, Round]:
        """Return the state after a round at a moment, and how it went.

        Everything is read strictly before the moment.

        Args:
            state: The state after the round before.
            last: When that was; for the first round, when the rows begin.
            clock: The moment.
            run: In what circumstances the cloud learns.

        Source:
            Chu et al., "Graph Neural Networks in Modern Recommender Systems",
            algorithm 3. Departs: devices send theta alone, not their models; what the
            cloud has learnt is published only if it serves devices set aside no worse,
            and it learns only where there is something new of others.
        """
        news = (self.inputs.time >= last) & (self.inputs.time < clock)
        if not news.any():
            return state, self._told(clock, state)
        if state.version == PLAIN:
            plain = self.rows(replace(state, level=0.0)).before(clock)
            state = replace(state, level=calibrating_shift(state.head, plain))
        kept, fresh = self.inputs.latest(clock, self.keep), self.rows(state).where(news)
        theta = state.theta_of(state.current)
        judged = losses(state.head, theta, fresh)
        answered = losses(state.head, state.answering, fresh)
        state = replace(
            state, trust=state.trust.after(_losses_of_devices(judged, state.current))
        )
        verdict, share = Verdict(), 0.0
        if (news & ~self._of_aside).any():
            later = self._later(state, kept)
            known = _Known(kept, later, fresh, theta, clock, run)
            state, verdict, share = self._learn_in_cloud(state, known)
        past = self.rows(state).where(kept)
        afresh = start_thetas(state.head, state.earlier, past)
        begin = np.where(state.current[:, None], state.theta, afresh)
        # Under another version what a device has learnt means nothing, news or none.
        stale = (fresh.counts > 0) | (state.learnt != state.version)
        active = stale & (past.counts > 0) & state.patched
        state, stepped = self._teach_devices(state, begin, past, active)
        told = self._told(clock, state, verdict)
        return state, replace(
            told,
            rows=len(fresh.time),
            devices=stepped,
            model=weighted_mean(answered.model, answered.weight),
            own=weighted_mean(answered.own, answered.weight),
            teachers=share,
        )

    @cached_property
    def _of_aside(self) -> Bool[np.ndarray, " rows"]:
        """Which rows are of devices set aside."""
        return self.aside[owners(self.inputs.ptr)]

    def _later(
        self, state: CloudState, kept: Bool[np.ndarray, " rows"]
    ) -> Bool[np.ndarray, " rows"]:
        """Return which rows no network has learnt from, so that they can judge it.

        The same third of their rows judges bases and U. In a later round they are among
        the earlier ones, and are learnt from; never the other way about.
        """
        later = kept & self._of_aside
        later[later] = self.rows(state).where(later).late()
        return later

    def _told(
        self, clock: int, state: CloudState, verdict: Verdict | None = None
    ) -> Round:
        """Return how a round went, but for rows and devices: as if none had any."""
        private, verdict = self.distill.private, verdict or Verdict()
        spent = math.nan if private is None else epsilon(state.spent, private.delta)
        return Round(
            clock=clock,
            rows=0,
            devices=0,
            model=math.nan,
            own=math.nan,
            teachers=0.0,
            before=verdict.before,
            after=verdict.after,
            saved_before=verdict.saved_before,
            saved_after=verdict.saved_after,
            version=state.version,
            epsilon=spent,
        )

    def _learn_in_cloud(
        self, state: CloudState, known: _Known
    ) -> tuple[CloudState, Verdict, float]:
        """Return what is published, what judges say, and which share of devices taught.

        The model of all and the patches are judged by themselves: patches are learnt
        for the model that goes on, be it the new one or that which was.
        """
        others, judged = self._of_others(state, known), bool(known.later.any())
        taught = of_others = None
        share = 0.0
        if state.version != PLAIN and self.distill.beta:
            unseen, learn = self._rows_of(known.fresh, ~self.aside), known.learn
            rows = self.rows(state).where(learn)
            taught = teach(state.head, known.theta, rows, unseen)
            of_others = taught.where(~self._of_aside[learn])
            share = of_others.share(others)
        model = self._learn_model(state, known, taught)
        before, after = (
            loss_of_model(one.head, self.rows(one).where(known.later))
            for one in (state, model)
        )
        if not model.finite or (judged and not is_no_worse(after, before)):
            model = state
        early = self._learnt_early(state, known)
        learnt = self._learn_patches(model, known, early, of_others)
        was = model.head if state.patched else without_patches(model.head)
        judges = self.rows(model).where(known.kept & self._of_aside)
        saved = (
            saved_by_own_models(head, early, judges, self.local, self.processes)
            for head in (was, learnt)
        )
        verdict = Verdict(before, after, *saved)
        head = best_bases(learnt, was, verdict, judged)
        published = model is not state or head is learnt
        state = replace(state, spent=state.spent + self._privacy_spent(others))
        if published:
            version = state.version + 1
            state = replace(state, ranker=model.ranker, head=head, version=version)
        return state, verdict, share

    def _of_others(self, state: CloudState, known: _Known) -> FleetRows:
        """Return the rows of devices not set aside, as they enter a state's tower."""
        return self.rows(state).where(known.kept & ~self._of_aside)

    def _learn_model(
        self, state: CloudState, known: _Known, taught: Teachers | None
    ) -> CloudState:
        """Return the state with a model of all that has learnt; the same if none does.

        Its bases and U are as they were.
        """
        run, distill = known.run.child("model"), self.distill
        if distill.model is None:
            return state
        learn, judges = (
            self.rows(state).where(some) for some in (known.learn, known.later)
        )
        if distill.learns == "network":
            weight = capped_weights(learn, distill.cap).numpy()
            parts = known.learn, known.later
            data = TrainingData(self.inputs, *parts, weight, taught, known.clock)
            return train_network(state, data, distill, run)
        head = distill_model(state.head, learn, taught, judges, distill, run)
        return replace(state, head=head)

    def _learnt_early(
        self, state: CloudState, known: _Known
    ) -> Float32[np.ndarray, "d theta"]:
        """Return what devices with a theta learn from their earlier rows alone.

        The later rows judge what U makes of it, and a device's own theta has learnt
        from many of them. 0 for a device without a theta.
        """
        none = np.zeros_like(state.theta)
        if not state.current.any():
            return none
        rows = self.rows(state).where(known.kept)
        found = learnt_early(state.head, none, rows, self.local, self.processes)
        return np.where((state.current & found.counts)[:, None], found.theta, none)

    def _learn_patches(
        self,
        state: CloudState,
        known: _Known,
        early: Float32[np.ndarray, "d theta"],
        taught: Teachers | None,
    ) -> Patched:
        """Return the head of a state whose bases and U have learnt.

        Where none serve so far they learn from what was drawn.

        Args:
            state: The model of all that goes on, and bases and U as they were.
            known: What is learnt from.
            early: The theta of each device before the later rows.
            taught: What devices' own models say.
        """
        head = state.head
        if not state.patched:
            head = copy.deepcopy(self.drawn)
            head.f.load_state_dict(state.head.f.state_dict())
        return distill_patches(
            head,
            early,
            self._of_others(state, known),
            taught,
            self.rows(state).where(known.kept & self._of_aside),
            self.distill,
            known.run.child("patches"),
            early,
        )

    def _privacy_spent(self, learn: FleetRows) -> Float64[np.ndarray, " orders"]:
        """Return what the round tells of any one device, published or not."""
        private, training = self.distill.private, self.distill.patches
        if private is None:
            return nothing_spent()
        rate, steps = sampling(learn, training)
        return privacy_spent(private, rate, steps * training.epochs)

    def _teach_devices(
        self,
        state: CloudState,
        begin: Float32[np.ndarray, "d theta"],
        past: FleetRows,
        active: Bool[np.ndarray, " d"],
    ) -> tuple[CloudState, int]:
        """Return the state once the active devices have learnt, and how many did.

        Of one that took no step, or whose numbers are none any more, all stays as it
        was.
        """
        if not active.any():
            return state, 0
        some = np.flatnonzero(active)
        found = personalised(
            state.head, begin[some], past.at(some), self.local, processes=self.processes
        )
        counts = found.counts
        some, theta, learnt = some[counts], state.theta.copy(), state.learnt.copy()
        theta[some], learnt[some] = found.theta[counts], state.version
        return replace(state, theta=theta, learnt=learnt), len(some)

    def _rows_of(self, rows: FleetRows, devices: Bool[np.ndarray, " d"]) -> FleetRows:
        """Return the same devices, of which some alone have their rows."""
        return rows.where(devices[owners(rows.ptr)])


def _losses_of_devices(judged: Losses, devices: Bool[np.ndarray, " d"]) -> Losses:
    return judged._replace(weight=(judged.weight * devices).astype(np.float32))
