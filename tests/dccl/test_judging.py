"""What devices set aside say of a round, and what is published of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import tidegraph as tg
from dccl.clouds import SHORT, digest, fleet, method, model, parts
from dccl.test_cloud import recorded, same
from device.heads import fleet_of, head
from device.test_fleet import starts
from tidegraph.dccl.judging import (
    Verdict,
    best_bases,
    is_no_worse,
    loss_of_model,
    saved_by_own_models,
    without_patches,
)
from tidegraph.dccl.rounds import Rounds
from tidegraph.device.distill import MoMoDistill
from tidegraph.device.distill_patches import distill_patches
from tidegraph.device.fleet import losses, personalised, start_thetas
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import LocalSteps
from tidegraph.run import Run
from tidegraph.training.weights import weights_of

ONCE = replace(SHORT, epochs=1)
TAUGHT = MoMoDistill(model=ONCE, patches=ONCE)
PATCHES = MoMoDistill(model=None, patches=ONCE)


def learnt(distill=TAUGHT, rounds=2, run=None, **settings):
    rounds = method(rounds=rounds, distill=distill, **settings)
    return rounds.fit(parts()[1], model(), fleet(), run=run)


def spoil_networks(monkeypatch):
    """Each round's network answers everybody with the same near certainty."""
    inner = Rounds._learn_model

    def spoilt(self, state, *given):
        new = inner(self, state, *given)
        with torch.no_grad():
            new.head.f.last.bias += 30
        return new

    monkeypatch.setattr(Rounds, "_learn_model", spoilt)


def spoil_patches(monkeypatch, some):
    """In some rounds, devices that begin where U says are led astray for good."""
    inner, calls = Rounds._learn_patches, []

    def spoilt(self, *given):
        new = inner(self, *given)
        if len(calls) in some:
            with torch.no_grad():
                for basis in new.bases.values():
                    basis += 100
        calls.append(new)
        return new

    monkeypatch.setattr(Rounds, "_learn_patches", spoilt)


def bases_of(patched: Patched) -> np.ndarray:
    return np.concatenate([b.detach().numpy().ravel() for b in patched.bases.values()])


def test_bases_are_published_where_the_network_is_refused(monkeypatch):
    spoil_networks(monkeypatch)
    monkeypatch.setattr("tidegraph.dccl.rounds.saved_by_own_models", lambda *_: 0.1)
    states = []
    recorded(monkeypatch, states)

    found = learnt()

    after = found.personal.after
    assert all(told.after > told.before for told in found.rounds)
    assert [told.version for told in found.rounds] == [1, 2]
    # The network is that of the pipeline, to the last bit; bases have gone on.
    assert after.ranker is model().ranker
    one, other = (bases_of(state.head) for state, _ in states)
    assert not np.array_equal(one, other)
    assert found.rounds[-1].devices > 0


def test_bases_are_learnt_for_the_network_that_goes_on(monkeypatch):
    spoil_networks(monkeypatch)
    seen, inner = [], Rounds._learn_patches

    def watched(self, state, *given):
        seen.append(state)
        return inner(self, state, *given)

    monkeypatch.setattr(Rounds, "_learn_patches", watched)
    learnt(rounds=1)

    (state,) = seen
    assert state.ranker is model().ranker
    rows = np.abs(state.head.f.last.bias.detach().numpy()).max()
    assert rows < 10


@pytest.mark.parametrize("distill", [TAUGHT, replace(TAUGHT, learns="tower"), PATCHES])
def test_bases_that_make_users_worse_are_not_published_in_the_first_round(
    monkeypatch, distill
):
    spoil_patches(monkeypatch, {0})
    monkeypatch.setattr("tidegraph.dccl.rounds.loss_of_model", lambda *_: 0.5)

    found = learnt(distill, rounds=1)

    (told,), after = found.rounds, found.personal.after
    assert told.saved_after < 0 == told.saved_before
    # The network is, where one has learnt.
    assert told.version == (distill.model is not None)
    assert told.devices == 0
    assert not after.patched
    assert not after.theta.any()
    if told.version:
        assert not bases_of(after.head).any()


def test_bases_that_make_users_worse_later_leave_those_that_were(monkeypatch):
    spoil_patches(monkeypatch, {1})
    states = []
    recorded(monkeypatch, states)
    # What was serves everybody, whatever noise says of so few.
    real = saved_by_own_models
    monkeypatch.setattr(
        "tidegraph.dccl.rounds.saved_by_own_models",
        lambda *given: max(-1.0, min(real(*given) + 0.5, 0.5)),
    )
    monkeypatch.setattr("tidegraph.dccl.rounds.loss_of_model", lambda *_: 0.5)

    found = learnt()

    (first, _), (second, told) = states
    assert told.saved_after < told.saved_before
    assert found.rounds[-1].version == 2
    assert np.array_equal(bases_of(first.head), bases_of(second.head))
    start, again = (weights_of(state.head.start) for state in (first, second))
    assert all(np.array_equal(start[name], again[name]) for name in start)
    assert second.ranker is not first.ranker


def test_where_neither_serves_better_all_stays_as_it_was(monkeypatch):
    spoil_networks(monkeypatch)
    spoil_patches(monkeypatch, {1})
    states = []
    recorded(monkeypatch, states)
    said = iter((0.0, 0.1, 0.1, -0.1))
    monkeypatch.setattr(
        "tidegraph.dccl.rounds.saved_by_own_models", lambda *_: next(said)
    )

    learnt()

    (first, _), (second, told) = states
    assert first.version == second.version == told.version == 1
    assert digest(first) == digest(second)
    # What devices learnt stays theirs, and goes on.
    assert told.devices > 0
    assert second.current.any()


def test_killed_after_bases_were_refused_a_fit_ends_with_the_same_bits(
    monkeypatch, tmp_path
):
    """Bases are learnt from those drawn as long as none serve."""

    def fitted(run, *, done=0, broken=None):
        with monkeypatch.context() as patched:
            recorded(patched, [], broken)
            spoil_patches(patched, set(range(2 - done)))
            patched.setattr("tidegraph.dccl.rounds.loss_of_model", lambda *given: 0.5)
            return learnt(rounds=3, run=run)

    whole = fitted(None)
    run = Run(np.random.default_rng(0), checkpoints=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fitted(run, broken=2)

    again = fitted(run, done=2)

    assert [told.version for told in whole.rounds] == [1, 2, 3]
    assert whole.rounds == again.rounds
    same(whole.personal.after, again.personal.after)


def test_what_was_refused_is_saved_and_exported_as_the_model_of_all(
    monkeypatch, tmp_path
):
    spoil_patches(monkeypatch, {0})
    monkeypatch.setattr("tidegraph.dccl.rounds.loss_of_model", lambda *_: 0.5)
    found = learnt(rounds=1)

    found.save(tmp_path / "cloud")

    after = tg.FittedDCCL.load(tmp_path / "cloud").personal.after
    assert after.version == 1
    assert not after.patched
    assert found.rounds[0].table()["saved_after"] < 0
    assert tg.FittedDCCL.load(tmp_path / "cloud").rounds == found.rounds


@pytest.mark.parametrize("broken", ["_learn_model", "_learn_patches"])
def test_of_what_is_no_number_nothing_is_published(monkeypatch, broken):
    inner = getattr(Rounds, broken)

    def spoilt(self, *given):
        new = inner(self, *given)
        with torch.no_grad():
            of = new.head.f if broken == "_learn_model" else new.start
            next(of.parameters())[0] = np.nan
        return new

    monkeypatch.setattr(Rounds, broken, spoilt)

    # Nobody judges.
    found = learnt(TAUGHT if broken == "_learn_model" else PATCHES, aside=0.0)

    after = found.personal.after
    assert after.finite
    assert after.ranker is model().ranker
    # Patches are published without the network, not without numbers.
    expected = [1, 2] if broken == "_learn_model" else [0, 0]
    assert [told.version for told in found.rounds] == expected


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        (np.nan, 1.0, False),
        (0.5, 1.0, True),
        (1.0, 1.0, True),
        (2.0, 1.0, False),
        (1.0, np.nan, True),
        (np.nan, np.nan, False),
    ],
)
def test_a_loss_that_is_no_number_is_worse_than_any(after, before, expected):
    assert is_no_worse(after, before) is expected


@pytest.mark.parametrize(
    ("saved_after", "saved_before", "expected"),
    [
        (0.2, 0.1, "learnt"),
        (0.1, 0.1, "learnt"),
        (0.1, 0.2, "was"),
        (np.nan, 0.1, "was"),
        (0.1, np.nan, "learnt"),
        (-0.1, -0.2, "none"),
        (-0.2, -0.1, "none"),
        (np.nan, np.nan, "none"),
    ],
)
def test_bases_are_those_that_save_most_or_none(saved_after, saved_before, expected):
    new, was = head(seed=0), head(seed=1)
    verdict = Verdict(0.5, 0.5, saved_before, saved_after)

    found = best_bases(new, was, verdict, judged=True)

    assert (found is new) == (expected == "learnt")
    assert (found is was) == (expected == "was")
    assert bases_of(found).any() == (expected != "none")
    assert best_bases(new, was, Verdict(), judged=False) is new


def test_without_patches_every_theta_answers_as_the_model_does():
    of, rows = head(), fleet_of([5]).of(0)
    theta = torch.ones(of.theta)

    silent = without_patches(of)

    with torch.no_grad():
        plain = of.plain(rows.x, rows.offset)
        assert torch.equal(silent(rows.x, rows.offset, theta), plain)
        assert not torch.equal(of(rows.x, rows.offset, theta), plain)


def test_u_learns_from_the_theta_before_the_rows_that_it_is_judged_on(monkeypatch):
    inner, given, states = distill_patches, [], []
    recorded(monkeypatch, states)

    def watched(*parts):
        given.append(parts)
        return inner(*parts)

    monkeypatch.setattr("tidegraph.dccl.rounds.distill_patches", watched)
    monkeypatch.setattr("tidegraph.dccl.rounds.saved_by_own_models", lambda *_: 0.1)
    rounds, run = [], Rounds._learn_in_cloud

    def seen(self, state, known):
        rounds.append((self, state, self.rows(state).where(known.kept)))
        return run(self, state, known)

    monkeypatch.setattr(Rounds, "_learn_in_cloud", seen)
    learnt(PATCHES)

    assert not given[0][1].any()
    (_, theta, *_, valid_theta), (of, state, past) = given[1], rounds[1]
    early, late = past.parted()
    assert state.current.sum() > 10
    for device in range(len(past)):
        one = np.array([device])
        begin = start_thetas(state.head, np.zeros_like(theta[one]), early.at(one))
        alone = personalised(state.head, begin, early.at(one), of.local)
        expected = alone.theta[0] * (state.current[device] and alone.counts[0])
        np.testing.assert_allclose(theta[device], expected, atol=1e-5)
    # A device's own theta has learnt from rows that U is judged on.
    some = state.current & (late.counts > 0)
    assert np.abs(theta[some] - state.theta[some]).max() > 1e-3
    # So have those of the devices that choose the best epoch.
    assert np.array_equal(valid_theta, theta)
    assert (of.aside & theta.any(axis=1)).any()


def test_own_models_save_what_a_loop_over_the_devices_finds():
    of, fleet, local = head(), fleet_of([12, 9, 1, 0, 15]), LocalSteps(steps=3)
    early, late = fleet.parted()
    # One that took no step, since it passed all over, is answered by the model.
    early.rows.label[int(early.ptr[1]) : int(early.ptr[2])] = 0
    fleet.rows.label[int(fleet.ptr[1]) : int(fleet.ptr[1]) + 6] = 0
    before, total, weight = starts(of, len(fleet)), 0.0, 0.0
    for device in range(len(fleet)):
        one = np.array([device])
        own, judged = early.at(one), late.at(one)
        begin = start_thetas(of, before[one], own)
        learnt = personalised(of, begin, own, local)
        told = losses(of, learnt.theta, judged)
        gain = float(told.model[0] - told.own[0]) if learnt.counts[0] else 0.0
        total += gain * float(told.weight[0])
        weight += float(told.weight[0])

    found = saved_by_own_models(of, before, fleet, local)

    assert found == pytest.approx(total / weight, abs=1e-6)
    assert abs(found) > 1e-3
    rows = fleet.rows
    with torch.no_grad():
        z = of.plain(rows.x, rows.offset).double()
    each = torch.nn.functional.softplus(z) - rows.label * z
    expected = float((each * rows.weight).sum() / rows.weight.sum())
    assert loss_of_model(of, fleet) == pytest.approx(expected, rel=1e-5)


def test_where_nobody_judges_there_is_no_number():
    of, nobody = head(), fleet_of([0, 0])

    assert np.isnan(loss_of_model(of, nobody))
    assert np.isnan(saved_by_own_models(of, starts(of, 2), nobody, LocalSteps(1)))
