"""Algorithm 3: one round of devices and cloud."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64

from tidegraph.dccl.round import PLAIN, CloudState, Round
from tidegraph.device.distill import MoMoDistill, distilled, teachers
from tidegraph.device.distill_patches import sampling, with_patches
from tidegraph.device.fleet import Losses, losses, personalised, started
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.privacy import epsilon, nothing_spent, spent_by
from tidegraph.device.rows import FleetRows
from tidegraph.extras import needed
from tidegraph.kernels.ragged import owners
from tidegraph.run import Run

with needed("torch", "neural", "a neural network"):
    import torch


@dataclass(frozen=True, eq=False)
class Rounds:
    """What every round is made of.

    Attributes:
        rows: What is on the devices by the end.
        aside: Devices that the cloud does not learn from, but judges itself by.
        local: How devices learn.
        distill: How the cloud learns.
        keep: How many of its latest rows a device keeps.
        processes: How many processes learn for the devices.
    """

    rows: FleetRows
    aside: Bool[np.ndarray, " d"]
    local: LocalSteps
    distill: MoMoDistill
    keep: int
    processes: int

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
        before = self.rows.before(clock)
        if state.version == PLAIN:
            level = level_of(state.head, before)
            state = replace(state, level=level)
        before = before.raised(state.level)
        fresh, past = before.since(last), before.latest(self.keep)
        theta = state.theta * state.current[:, None]
        judged = losses(state.head, theta, fresh)
        answered = losses(state.head, state.answering, fresh)
        state = replace(state, trust=state.trust.after(_only(judged, state.current)))
        new, share = self._learnt(state, past, fresh, theta, run)
        state = replace(state, spent=state.spent + self._told(past))
        ahead, behind = (self._judged(one, past) for one in (new, state.head))
        worst = behind[1] if state.version == PLAIN else min(behind)
        best = min(ahead)
        if not best > worst:
            state = replace(state, head=new, version=state.version + 1)
            begin = started(new, theta, past)
        else:
            fallen = started(state.head, np.zeros_like(theta), past)
            begin = np.where(state.current[:, None], state.theta, fallen)
        active = (fresh.counts > 0) & (state.version != PLAIN)
        state = self._taught(state, begin, past, active)
        report = Round(
            clock=clock,
            rows=len(fresh.time),
            devices=int(active.sum()),
            model=_mean(answered.model, answered.weight),
            own=_mean(answered.own, answered.weight),
            teachers=share,
            before=worst,
            after=best,
            version=state.version,
            epsilon=self._epsilon(state),
        )
        return state, report

    def _learnt(
        self,
        state: CloudState,
        past: FleetRows,
        fresh: FleetRows,
        theta: Float32[np.ndarray, "d theta"],
        run: Run,
    ) -> tuple[Patched, float]:
        """Return what the cloud learns, and which share of devices taught it."""
        learn, judges = self._of(past, ~self.aside), self._of(past, self.aside)
        taught, share = None, 0.0
        if state.version != PLAIN and self.distill.beta:
            taught = teachers(state.head, theta, learn, self._of(fresh, ~self.aside))
            share = float(taught.trusted.mean()) if len(taught.trusted) else 0.0
        model = run.child("model")
        new = distilled(state.head, learn, taught, judges, self.distill, model)
        patches = run.child("patches")
        new = with_patches(
            new, theta, learn, taught, judges, self.local, self.distill, patches
        )
        return new, share

    def _told(self, past: FleetRows) -> Float64[np.ndarray, " orders"]:
        """Return what the round tells of any one device, published or not."""
        private, training = self.distill.private, self.distill.patches
        if private is None:
            return nothing_spent()
        rate, steps = sampling(self._of(past, ~self.aside), training)
        return spent_by(private, rate, steps * training.epochs)

    def _epsilon(self, state: CloudState) -> float:
        private = self.distill.private
        return math.nan if private is None else epsilon(state.spent, private.delta)

    def _judged(self, head: Patched, past: FleetRows) -> tuple[float, float]:
        """Return the loss of devices set aside: under their own models, and of all."""
        early, late = self._of(past, self.aside).parted()
        if not len(late.time):
            return float("nan"), float("nan")
        none = np.zeros((len(past), head.theta), np.float32)
        begin = started(head, none, early)
        theta = personalised(
            head, begin, early, self.local, processes=self.processes
        ).theta
        found = losses(head, theta, late)
        return _mean(found.own, found.weight), _mean(found.model, found.weight)

    def _taught(
        self,
        state: CloudState,
        begin: Float32[np.ndarray, "d theta"],
        past: FleetRows,
        active: Bool[np.ndarray, " d"],
    ) -> CloudState:
        """Return the state once the active devices have learnt under what is there."""
        if not active.any():
            return state
        some = np.flatnonzero(active)
        found = personalised(
            state.head, begin[some], past.at(some), self.local, processes=self.processes
        )
        theta, learnt = state.theta.copy(), state.learnt.copy()
        theta[some], learnt[some] = found.theta, state.version
        return replace(state, theta=theta, learnt=learnt)

    def _of(self, rows: FleetRows, devices: Bool[np.ndarray, " d"]) -> FleetRows:
        """Return the same devices, of which some alone have their rows."""
        return rows.where(devices[owners(rows.ptr)])


def level_of(head: Patched, rows: FleetRows) -> float:
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


def _only(judged: Losses, devices: Bool[np.ndarray, " d"]) -> Losses:
    return judged._replace(weight=(judged.weight * devices).astype(np.float32))


def _mean(
    values: Float32[np.ndarray, " d"], weight: Float32[np.ndarray, " d"]
) -> float:
    total = float(weight.sum(dtype=np.float64))
    product = float((values.astype(np.float64) * weight).sum())
    return product / total if total else float("nan")
