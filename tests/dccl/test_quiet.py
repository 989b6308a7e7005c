"""Rounds in which nothing happened."""

from dataclasses import replace

import numpy as np
import pytest

from dccl.clouds import DAY, SHORT, digest, fleet, method, model, parts
from dccl.test_cloud import recorded, same
from tidegraph.dccl.intervals import EveryDays
from tidegraph.device.distill import MoMoDistill
from tidegraph.errors import ConfigError
from tidegraph.run import Run

ONCE = replace(SHORT, epochs=1)
TAUGHT = MoMoDistill(model=ONCE, patches=ONCE)


def log_with_a_gap(days=20):
    """What happened after the training, of which half came so many days later."""
    known, log = parts()
    middle = (int(known.time[-1]) + int(log.time[-1])) // 2
    time = log.time + np.where(log.time > middle, days * DAY, 0)
    return replace(log, time=time)


def test_rounds_in_which_nothing_happened_change_nothing(monkeypatch, tmp_path):
    states = []
    recorded(monkeypatch, states)
    log, run = log_with_a_gap(), Run(np.random.default_rng(0), checkpoints=tmp_path)
    days = (int(log.time[-1]) - model().graph.latest) / DAY / 6.5

    # Nobody judges, so every other round is published.
    few = replace(method(distill=TAUGHT, aside=0.0), rounds=EveryDays(days))
    found = few.fit(log, model(), fleet(), run=run)

    quiet = [n for n, told in enumerate(found.rounds) if not told.rows]
    assert len(quiet) >= 2
    for number in quiet:
        (before, _), (after, told) = states[number - 1 : number + 1]
        assert after is before
        assert (told.devices, told.version) == (0, before.version)
        assert np.isnan([told.model, told.own, told.before, told.after]).all()
    assert found.rounds[-1].version == len(found.rounds) - len(quiet)
    assert sum(told.rows for told in found.rounds) > 500


def test_what_users_set_aside_alone_do_teaches_no_cloud(monkeypatch):
    states = []
    recorded(monkeypatch, states)
    known, log = parts()
    cut = int(known.time[-1]) + (int(log.time[-1]) - int(known.time[-1])) // 2
    chosen = replace(method(), rounds=EveryDays((cut - int(known.time[-1])) / DAY))
    seen = []

    def told(self, state, last, clock, run):
        seen.append(self)
        return state, self._told(clock, state)

    with monkeypatch.context() as patched:
        patched.setattr("tidegraph.dccl.rounds.Rounds.run", told)
        chosen.fit(log, model(), fleet())
    judging = seen[0].aside
    # After the middle, only those do something who teach nothing.
    log = log.take(np.flatnonzero((log.time < cut) | judging[log.user]))

    found = replace(chosen, distill=TAUGHT).fit(log, model(), fleet())

    (before, _), (after, said) = states[0], states[-1]
    assert len(found.rounds) >= 2
    assert said.rows > 0
    assert np.isnan([said.before, said.after]).all()
    assert (said.version, digest(after)) == (before.version, digest(before))
    assert after.ranker is before.ranker
    # They learn from it themselves.
    others = ~judging
    assert np.array_equal(after.theta[others], before.theta[others])


def test_killed_in_a_gap_a_fit_ends_with_the_same_bits(monkeypatch, tmp_path):
    log = log_with_a_gap()
    days = (int(log.time[-1]) - model().graph.latest) / DAY / 6.5
    few = replace(method(distill=TAUGHT), rounds=EveryDays(days))
    whole = few.fit(log, model(), fleet())
    run = Run(np.random.default_rng(0), checkpoints=tmp_path)
    quiet = [n for n, told in enumerate(whole.rounds) if not told.rows]
    with monkeypatch.context() as patched:
        recorded(patched, [], quiet[1])
        with pytest.raises(KeyboardInterrupt):
            few.fit(log, model(), fleet(), run=run)

    again = few.fit(log, model(), fleet(), run=run)

    assert str(again.rounds) == str(whole.rounds)
    same(again.personal.after, whole.personal.after)


@pytest.mark.parametrize("days", [1e-9, 0.5 / DAY])
def test_an_interval_of_less_than_a_second_is_refused(days):
    with pytest.raises(ConfigError, match=r"days=.*a second"):
        EveryDays(days)


def test_a_second_is_an_interval():
    assert EveryDays(1 / DAY).clocks(0, 2) == [1, 2, 3]
