"""Algorithm 3: one round of devices and cloud."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64

from tidegraph.dccl.network import Lesson, train_network
from tidegraph.dccl.round import PLAIN, CloudState, Round
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
from tidegraph.extras import needed
from tidegraph.kernels.ragged import owners
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.run import Run

with needed("torch", "neural", "a neural network"):
    import torch


@dataclass(frozen=True, eq=False)
class Rounds:
    """What every round is made of.

    Attributes:
        inputs: What is on the devices by the end.
        aside: Devices that the cloud does not learn from, but judges itself by.
        local: How devices learn.
        distill: How the cloud learns.
        keep: How many of its latest rows a device keeps.
        processes: How many processes learn for the devices.
    """

    inputs: FleetInputs
    aside: Bool[np.ndarray, " d"]
    local: LocalSteps
    distill: MoMoDistill
    keep: int
    processes: int
    _held: list[tuple[FittedNeuralRanker, FleetRows]] = field(
        default_factory=list[tuple[FittedNeuralRanker, FleetRows]]
    )

    def rows(self, state: CloudState) -> FleetRows:
        """Return all rows as they enter the tower of a state, at its level.

        Those of the last two networks are at hand: the published one's, and those of
        one that may be.
        """
        for ranker, rows in self._held:
            if ranker is state.ranker:
                return rows.raised(state.level)
        rows = self.inputs.rows(state.ranker)
        self._held[:] = [*self._held[-1:], (state.ranker, rows)]
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
            cloud has learnt is published only if devices set aside are answered no
            worse by it.
        """
        if state.version == PLAIN:
            plain = self.rows(replace(state, level=0.0)).before(clock)
            state = replace(state, level=calibrating_shift(state.head, plain))
        kept = self.inputs.latest(clock, self.keep)
        rows = self.rows(state)
        fresh, past = rows.before(clock).since(last), rows.where(kept)
        theta = state.theta_of(state.current)
        judged = losses(state.head, theta, fresh)
        answered = losses(state.head, state.answering, fresh)
        state = replace(
            state, trust=state.trust.after(_losses_of_devices(judged, state.current))
        )
        new, share = self._learn_in_cloud(state, kept, fresh, theta, clock, run)
        state = replace(state, spent=state.spent + self._privacy_spent(past))
        again = self.rows(new).where(kept)
        ahead, behind = (
            self._judge_held_out_devices(new, again),
            self._judge_held_out_devices(state, past),
        )
        if new.finite and _is_no_worse(ahead, behind):
            state = replace(
                state, ranker=new.ranker, head=new.head, version=state.version + 1
            )
            past = again
        afresh = start_thetas(state.head, state.earlier, past)
        begin = np.where(state.current[:, None], state.theta, afresh)
        # Under another version what a device has learnt means nothing, news or none.
        stale = (fresh.counts > 0) | (state.learnt != state.version)
        active = stale & (past.counts > 0) & (state.version != PLAIN)
        state, stepped = self._teach_devices(state, begin, past, active)
        report = Round(
            clock=clock,
            rows=len(fresh.time),
            devices=stepped,
            model=_weighted_mean(answered.model, answered.weight),
            own=_weighted_mean(answered.own, answered.weight),
            teachers=share,
            before=math.nan if behind is None else behind,
            after=math.nan if ahead is None else ahead,
            version=state.version,
            epsilon=self._epsilon(state),
        )
        return state, report

    def _learn_in_cloud(
        self,
        state: CloudState,
        kept: Bool[np.ndarray, " rows"],
        fresh: FleetRows,
        theta: Float32[np.ndarray, "d theta"],
        clock: int,
        run: Run,
    ) -> tuple[CloudState, float]:
        """Return what the cloud learns, and which share of devices taught it."""
        judging = self.aside[owners(self.inputs.ptr)]
        parts = kept & ~judging, kept & judging
        learn, judges = (self.rows(state).where(part) for part in parts)
        taught, share = None, 0.0
        if state.version != PLAIN and self.distill.beta:
            taught = teach(state.head, theta, learn, self._rows_of(fresh, ~self.aside))
            share = _share_of_devices(learn, taught)
        model, distill = run.child("model"), self.distill
        if distill.model is not None and distill.learns == "network":
            weight = capped_weights(learn, distill.cap).numpy()
            lesson = Lesson(self.inputs, *parts, weight, taught, clock)
            state = train_network(state, lesson, distill, model)
            learn, judges = (self.rows(state).where(part) for part in parts)
        else:
            head = distill_model(state.head, learn, taught, judges, distill, model)
            state = replace(state, head=head)
        head = distill_patches(
            state.head,
            theta,
            learn,
            taught,
            judges,
            distill,
            run.child("patches"),
        )
        return replace(state, head=head), share

    def _privacy_spent(self, past: FleetRows) -> Float64[np.ndarray, " orders"]:
        """Return what the round tells of any one device, published or not."""
        private, training = self.distill.private, self.distill.patches
        if private is None:
            return nothing_spent()
        rate, steps = sampling(self._rows_of(past, ~self.aside), training)
        return privacy_spent(private, rate, steps * training.epochs)

    def _epsilon(self, state: CloudState) -> float:
        private = self.distill.private
        return math.nan if private is None else epsilon(state.spent, private.delta)

    def _judge_held_out_devices(
        self, state: CloudState, past: FleetRows
    ) -> float | None:
        """Return the loss of the devices set aside, each answered as it would be.

        They learn from their earlier rows, and the later ones judge: by their own
        models where these are trusted, and by the model of all. None where no device
        that is set aside has a row.
        """
        head = state.head
        early, late = self._rows_of(past, self.aside).parted()
        if not len(late.time):
            return None
        none = np.zeros((len(past), head.theta), np.float32)
        begin = start_thetas(head, none, early)
        learnt = personalised(head, begin, early, self.local, processes=self.processes)
        own = state.trust.own() & learnt.counts
        found = losses(head, np.where(own[:, None], learnt.theta, 0), late)
        return _weighted_mean(np.where(own, found.own, found.model), found.weight)

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


def calibrating_shift(head: Patched, rows: FleetRows) -> float:
    """Return what must be added to all logits for rows to be as likely as they came.

    The shift at which the mean probability of all rows is the share of those that were
    acted on; 0 where all or none were.
    """
    label, weight = rows.rows.label.double(), rows.rows.weight.double()
    share = float((label * weight).sum() / weight.sum().clamp(min=1e-9))
    if not 0 < share < 1:
        return 0.0
    with torch.no_grad():
        logit = head.plain(rows.rows.x, rows.rows.offset).double()
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        likely = (torch.sigmoid(logit + middle) * weight).sum() / weight.sum()
        low, high = (middle, high) if float(likely) < share else (low, middle)
    return (low + high) / 2


def _is_no_worse(ahead: float | None, behind: float | None) -> bool:
    """Return whether devices set aside are answered no worse; so where none judges.

    What cannot be judged although somebody could judge it is worse.
    """
    if ahead is None or behind is None:
        return True
    return not math.isnan(ahead) and not ahead > behind


def _share_of_devices(rows: FleetRows, taught: Teachers) -> float:
    """Return the share of the devices with rows that are trusted in all of these."""
    first = rows.ptr[:-1][rows.counts > 0]
    return float(taught.trusted[first].mean()) if len(first) else 0.0


def _losses_of_devices(judged: Losses, devices: Bool[np.ndarray, " d"]) -> Losses:
    return judged._replace(weight=(judged.weight * devices).astype(np.float32))


def _weighted_mean(
    values: Float32[np.ndarray, " d"], weight: Float32[np.ndarray, " d"]
) -> float:
    total = float(weight.sum(dtype=np.float64))
    product = float((values.astype(np.float64) * weight).sum())
    return product / total if total else float("nan")
