"""Rows of users set aside judge before the network learns from them, never after."""

from dataclasses import replace

import numpy as np
import pytest

from dccl.clouds import SHORT, fleet, method, model, parts
from device.heads import fleet_of
from tidegraph.dccl import rounds
from tidegraph.device.distill import MoMoDistill
from tidegraph.device.rows import FleetRows
from tidegraph.kernels.ragged import owners
from tidegraph.nn.vectors import UserVectors
from tidegraph.run import Run

ONCE = replace(SHORT, epochs=1)
TAUGHT = MoMoDistill(model=ONCE, patches=ONCE)


def learnt(**settings):
    return method(distill=TAUGHT).fit(parts()[1], model(), fleet(**settings))


def aside() -> np.ndarray:
    """Which users the cloud of ``learnt`` sets aside."""
    drawn = Run(np.random.default_rng(0)).drawing("aside")
    return drawn.random(len(parts()[1].users)) < 0.2


@pytest.fixture
def seen(monkeypatch):
    """What the network learnt from, and was judged by, in each round."""
    held, inner = [], rounds.train_network

    def watched(state, data, *given):
        held.append(data)
        return inner(state, data, *given)

    monkeypatch.setattr(rounds, "train_network", watched)
    return held


@pytest.mark.parametrize("keep", [220, 12])
def test_what_judges_a_network_no_network_has_learnt_from(seen, keep):
    learnt(keep=keep)
    ever, owner = np.zeros_like(seen[0].learn), owners(seen[0].inputs.ptr)
    theirs = aside()[owner]

    assert len(seen) == 3
    for data in seen:
        ever |= data.learn
        assert not (ever & data.judge).any()
        kept = data.inputs.latest(data.clock, keep)
        assert np.array_equal(data.learn | data.judge, kept)
        # Users set aside judge, each who has rows, and nobody else.
        who = np.unique(owner[data.judge])
        assert np.array_equal(who, np.unique(owner[kept & theirs]))
        assert len(who) > 3


def test_the_network_learns_of_everybody_and_so_their_vectors_move(seen):
    after, judges = learnt().personal.after, aside()
    learn = np.logical_or.reduce([data.learn for data in seen[: after.version]])
    owner = owners(seen[0].inputs.ptr)

    def vectors(ranker):
        (table,) = (
            part.tables[0].weight.detach().numpy()
            for part in ranker.network.modules()
            if type(part) is UserVectors
        )
        return table

    old, new = vectors(model().ranker), vectors(after.ranker)
    known = np.arange(len(judges)) < min(len(old), len(new)) - 1
    learnt_of = np.bincount(owner[learn], minlength=len(judges)) > 5
    some = np.flatnonzero(judges & known & learnt_of)

    assert after.version
    assert len(some) > 3
    assert (new[some + 1] != old[some + 1]).any(axis=1).all()


def test_bases_and_u_learn_nothing_of_users_set_aside_nor_of_their_teachers(
    monkeypatch,
):
    alone, given, judges = [], [], aside()
    teach, distill = rounds.teach, rounds.distill_patches

    def teaching(head, theta, rows, unseen):
        own = ~judges[owners(rows.ptr)]
        alone.append(teach(head, theta, rows.where(own), unseen))
        assert not unseen.counts[judges].any()
        return teach(head, theta, rows, unseen)

    def distilling(head, theta, rows, teachers, judging, *rest):
        given.append(teachers)
        assert not rows.counts[judges].any()
        assert not judging.counts[~judges].any()
        return distill(head, theta, rows, teachers, judging, *rest)

    monkeypatch.setattr(rounds, "teach", teaching)
    monkeypatch.setattr(rounds, "distill_patches", distilling)
    # Bases serve, whatever noise says of so few, so that there are teachers.
    monkeypatch.setattr(rounds, "saved_by_own_models", lambda *_: 0.1)

    learnt()

    assert given[0] is None
    assert len(given) == 3
    for teachers, own in zip(given[1:], alone, strict=True):
        np.testing.assert_allclose(
            teachers.probability, own.probability, rtol=1e-5, atol=1e-6
        )
        assert np.array_equal(teachers.trusted, own.trusted)
        assert own.trusted.any()


@pytest.mark.parametrize("keep", [5, 1000])
def test_rows_that_are_not_late_never_are_again_however_many_follow(keep):
    rng = np.random.default_rng(3)
    whole = fleet_of([0, 1, 2, 3, 7, 20, 50])
    owner = owners(whole.ptr)
    time = rng.integers(0, 40, len(owner))
    time = time[np.lexsort((time, owner))]
    whole = FleetRows(whole.ptr, whole.rows, time)
    early = np.zeros(len(time), bool)
    for clock in range(1, 41):
        part, held = whole.before(clock), np.flatnonzero(time < clock)
        behind = np.repeat(part.ptr[1:], part.counts) - np.arange(len(held))
        part, held = part.latest(keep), held[behind <= keep]
        late = part.late()
        assert not early[held[late]].any()
        early[held[~late]] = True
        # Whoever has rows has late ones.
        assert np.array_equal(part.where(late).counts > 0, part.counts > 0)
    assert early.any()
