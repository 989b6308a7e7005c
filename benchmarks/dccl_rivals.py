"""Rivals of ``benchmarks/dccl.py``: what users of like rows share.

Groups are of k-means on profiles, as many for both: one theta each (as a device learns
it, from the rows of all its users), or weights of their own for every patch, which is a
low-rank adapter a group (after Hu et al., "LoRA", ICLR 2022: what leads out of the
bottleneck begins at 0, so that a group begins at the model of all; departs: with the
bend and the biases of a metapatch). Groups are those of the earlier half of a user's
rows and learn from the later half: a profile says what was acted on, so that groups of
the same rows would learn their labels by heart. How many steps adapters take is chosen
by rows of the users set aside that the cloud has not learnt from.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.cluster import KMeans

import tidegraph as tg
from tidegraph.data.interactions import Interactions
from tidegraph.dccl.fitted import FittedDCCL
from tidegraph.dccl.personal import FittedPersonal
from tidegraph.device.fleet import personalised, profiles, start_thetas
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import loss_of, offset_for_activity
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.device.trust import Trust
from tidegraph.kernels.ragged import owners, starts
from tidegraph.run import Run

GROUPS = 20
STEPS, RATE = 60, 1e-3
"""Most steps of Adam that an adapter takes, each over all rows of its group."""
SEED, ASIDE = 4, tg.DCCL().aside
"""Of the clouds' runs, and the share of users by whom they judge themselves."""


@dataclass(frozen=True)
class Grouped:
    """The devices of a fleet in groups, each with the later rows of all its users.

    Attributes:
        group: Of each user, by all of their rows.
        users: The rows of each user.
        aside: Which users judge what the cloud has learnt.
        rows: By group.
        learn: Of them those of users not set aside.
        judge: By group, the rows of the others that the network has not learnt from.
    """

    group: np.ndarray
    users: FleetRows
    aside: np.ndarray
    rows: FleetRows
    learn: FleetRows
    judge: FleetRows

    @classmethod
    def of(
        cls,
        cloud: FittedDCCL,
        base: tg.FittedPipeline,
        fleet: tg.Fleet,
        log: Interactions,
    ) -> "Grouped":
        after, graph = cloud.personal.after, cloud.pipeline.graph
        later = log.since(base.graph.latest + 1)
        known = cloud.pipeline.graph.numbered(later)
        inputs = fleet.inputs(base, graph, known, rng=np.random.default_rng(5))
        rows = inputs.rows(after.ranker).raised(after.level).latest(fleet.keep)
        early, late = rows.parted(0.5)
        near = KMeans(GROUPS, n_init=4, random_state=0).fit(profiles(early))
        drawn = Run(np.random.default_rng(SEED)).drawing("aside").random(len(rows))
        aside = drawn < ASIDE
        latest = rows.parted()[1]
        judge = latest.where(aside[owners(latest.ptr)])
        parts = (late, late.where(~aside[owners(late.ptr)]), judge)
        held = (_by_group(part, near.labels_) for part in parts)
        return cls(near.predict(profiles(rows)), rows, aside, *held)


def _by_group(rows: FleetRows, group: np.ndarray) -> FleetRows:
    """The same rows, as if a group were a device."""
    of = group[owners(rows.ptr)]
    order = np.lexsort((rows.time, of))
    held = Rows(*(part[order] for part in rows.rows))
    return FleetRows(starts(np.bincount(of, minlength=GROUPS)), held, rows.time[order])


def everybody(after):
    """The same devices, each answered by its own theta whatever it has been worth."""
    one = np.ones(len(after.learnt), np.float32)
    return replace(after, trust=Trust(one, one))


def _answered(cloud: FittedDCCL, head: Patched, theta: np.ndarray) -> FittedPersonal:
    """The cloud with other patches, and a theta that answers each user."""
    personal, after = cloud.personal, cloud.personal.after
    learnt = np.full_like(after.learnt, after.version)
    held = replace(after, head=head, theta=theta.astype(np.float32), learnt=learnt)
    return replace(personal, after=everybody(held))


def theta_of_groups(
    cloud: FittedDCCL, fleet: tg.Fleet, grouped: Grouped
) -> FittedPersonal:
    """The cloud's tower and bases, where users of a group share one theta."""
    head = cloud.personal.after.head
    zero = np.zeros((GROUPS, head.theta), np.float32)
    begin = start_thetas(head, zero, grouped.rows)
    theta = personalised(head, begin, grouped.rows, fleet.local).theta
    return _answered(cloud, head, theta[grouped.group])


def adapters_of_groups(
    cloud: FittedDCCL, fleet: tg.Fleet, grouped: Grouped
) -> FittedPersonal:
    """The cloud's tower, where users of a group share patches of their own.

    These are metapatches whose theta says which group a user is of: column g of a
    basis is the adapter of group g, and learns from its rows alone.
    """
    tower = cloud.personal.after.head.f
    shape = tg.MetaPatch(fleet.patch.junctions, fleet.patch.rank, GROUPS, 1.0)
    head = shape.patched(tower, rng=np.random.default_rng(6))
    with torch.no_grad():
        for place, width in head.places.items():
            head.bases[place][head.rank * (width + 1) :] = 0.0
    first = {place: basis.detach().clone() for place, basis in head.bases.items()}
    steps = int(np.argmin(list(_taught(head, grouped.learn, grouped.judge, STEPS))))
    with torch.no_grad():
        for place, basis in head.bases.items():
            basis.copy_(first[place])
    list(_taught(head, grouped.rows, grouped.judge, steps))
    eye = np.eye(GROUPS, dtype=np.float32)
    return _answered(cloud, head.requires_grad_(False), eye[grouped.group])


def _taught(head: Patched, learn: FleetRows, judge: FleetRows, steps: int):
    """Yield the mean loss of some rows before each step from others, and at the end.

    A step of Adam takes each weight by itself, so groups learn as if each were alone.
    """
    some = [
        [offset_for_activity(head, part.of(g)) for g in range(GROUPS)]
        for part in (learn, judge)
    ]
    optimizer = torch.optim.Adam(head.bases.parameters(), RATE)
    for step in range(steps + 1):
        with torch.no_grad():
            yield sum(float(part) for part in _lost(head, some[1], judge.counts))
        if step < steps:
            optimizer.zero_grad()
            sum(_lost(head, some[0], np.ones(GROUPS))).backward()
            optimizer.step()


def _lost(head: Patched, groups: list[Rows], weight: np.ndarray):
    """Yield the loss of each group that has rows, times its weight."""
    for which, rows, heavy in zip(torch.eye(GROUPS), groups, weight, strict=True):
        if len(rows.label):
            yield float(heavy) * loss_of(head(rows.x, rows.offset, which), rows)
