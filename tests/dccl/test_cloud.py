"""Rounds over a log: what each may know, what is kept, and what is answered."""

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

import tidegraph as tg
from dccl.clouds import (
    DAY,
    SEED,
    SHORT,
    digest,
    fleet,
    method,
    model,
    model_with_untrained_items,
    parts,
    rows_on_devices,
)
from device.test_split import EVERY, WITH
from tidegraph.dccl.cloud_state import NEVER, CloudState
from tidegraph.dccl.fitted import FittedDCCL
from tidegraph.dccl.intervals import EveryDays
from tidegraph.dccl.level import calibrating_shift
from tidegraph.dccl.personal import FittedPersonal
from tidegraph.dccl.rounds import Rounds
from tidegraph.device.distill import MoMoDistill, Teachers
from tidegraph.device.fleet import personalised, start_thetas
from tidegraph.device.privacy import Private, epsilon
from tidegraph.device.split import split
from tidegraph.device.trust import Trust
from tidegraph.errors import ArtifactError, ConfigError, DataError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.ragged import owners
from tidegraph.nn.click import DIN, MF
from tidegraph.run import Run
from tidegraph.stages import Candidates, Requests
from tidegraph.training.weights import weights_of

ROOT = Path(__file__).parents[2]


def at(graph, users, time):
    users = np.asarray(users, np.int32)
    return Requests.of_users(graph, users, np.broadcast_to(time, users.shape).copy())


def recorded(monkeypatch, states, broken=None):
    """Keep the state after each round; fail before the round ``broken``."""
    run = Rounds.run

    def wrapped(self, state, last, clock, circumstances):
        if broken is not None and len(states) == broken:
            raise KeyboardInterrupt
        found = run(self, state, last, clock, circumstances)
        states.append(found)
        return found

    monkeypatch.setattr(Rounds, "run", wrapped)


@pytest.fixture(scope="module")
def states() -> list:
    """The state after each round, and what was told of it; filled by ``cloud``."""
    return []


@pytest.fixture(scope="module")
def cloud(states) -> FittedDCCL:
    with pytest.MonkeyPatch.context() as patched:
        recorded(patched, states)
        return method().fit(parts()[1], model(), fleet(), rng=SEED)


def same(one, other):
    assert one.version == other.version
    assert one.level == other.level
    held = one.arrays(), other.arrays()
    assert held[0].keys() == held[1].keys()
    for name, array in held[0].items():
        assert np.array_equal(array, held[1][name]), name
    assert digest(one) == digest(other)
    tables = one.ranker.tables, other.ranker.tables
    assert tables[0].user.counts == tables[1].user.counts
    assert tables[0].item.counts == tables[1].item.counts
    assert np.array_equal(tables[0].item.untrained, tables[1].item.untrained)
    assert np.array_equal(tables[0].user.untrained, tables[1].user.untrained)


def test_every_round_is_told(cloud):
    told = cloud.history()
    _, log = parts()

    assert len(told) == 3
    assert told["clock"].is_sorted()
    assert told["clock"][-1] == log.time[-1] + 1
    assert told["rows"].sum() > 500
    assert told["version"].is_sorted()
    assert told["version"][-1] >= 1
    assert told["devices"][-1] > 0


@pytest.mark.parametrize(
    ("users", "items", "what"), [("v", "i", "user"), ("u", "j", "item"), ("v", "j", "")]
)
def test_a_log_of_other_people_or_items_is_refused(users, items, what):
    _, log = parts()
    later = log.since(model().graph.latest + 1)
    who = [f"{users}{n}" for n in later.user]
    others = tg.interactions(who, [f"{items}{n}" for n in later.item], later.time)

    with pytest.raises(DataError, match=rf"no {what}.* of the log is known to the"):
        method().fit(others, model(), fleet())


def test_each_user_is_answered(cloud):
    answer = cloud.for_user("u3").recommend(k=7)

    assert answer.height == 7
    assert answer["user"].unique().to_list() == ["u3"]
    few = cloud.for_user("u3").recommend(k=3, exclude=answer["item"].head(2).to_list())
    assert not set(few["item"]) & set(answer["item"].head(2))


def test_what_was_saved_answers_alike(cloud, tmp_path):
    cloud.save(tmp_path / "cloud")
    users = [f"u{n}" for n in range(8)]
    expected = cloud.pipeline.recommend_all(users, k=5)

    loaded = FittedDCCL.load(tmp_path / "cloud")
    plain = tg.load(tmp_path / "cloud")

    assert loaded.pipeline.recommend_all(users, k=5).equals(expected)
    assert plain.recommend_all(users, k=5).equals(expected)
    assert loaded.rounds == cloud.rounds
    assert digest(loaded.personal.after) == digest(cloud.personal.after)
    same(loaded.personal.after, cloud.personal.after)


def test_a_pipeline_without_devices_is_no_cloud(tmp_path):
    model().save(tmp_path / "model")

    with pytest.raises(ArtifactError, match="a pipeline without devices"):
        FittedDCCL.load(tmp_path / "model")


def test_rewriting_the_future_changes_no_earlier_round(monkeypatch, cloud, states):
    _, log = parts()
    clock, other = cloud.rounds[1].clock, []
    later, item = log.time >= clock, log.item.copy()
    item[later] = np.random.default_rng(1).permutation(item[later])
    with monkeypatch.context() as patched:
        recorded(patched, other)
        method().fit(replace(log, item=item), model(), fleet(), rng=SEED)

    for (state, told), (again, told_again) in zip(states[:2], other[:2], strict=True):
        same(state, again)
        assert told == told_again
    last, changed = states[-1][0], other[-1][0]
    assert not np.array_equal(last.theta, changed.theta)


@pytest.mark.slow(of="test_rewriting_the_future_changes_no_earlier_round")
def test_what_a_log_shows_in_vain_later_changes_no_earlier_round(
    monkeypatch, cloud, states
):
    _, log = parts()
    clock, other, label = cloud.rounds[1].clock, [], log.label.copy()
    label[np.flatnonzero(log.time >= clock)[5:]] = 0
    with monkeypatch.context() as patched:
        recorded(patched, other, 2)
        with pytest.raises(KeyboardInterrupt):
            method().fit(replace(log, label=label), model(), fleet(), rng=SEED)

    for (state, told), (again, told_again) in zip(states[:2], other, strict=True):
        same(state, again)
        assert told == told_again


def test_others_are_drawn_for_each_action_beside_which_nothing_was_shown_in_vain():
    _, log = parts()
    later = log.since(int(model().trained_until) + 1)
    user, item, label = later.user.copy(), later.item.copy(), later.label.copy()
    # Two rows of the last moments become one of a user, who passed one item over.
    user[-2], item[-2], label[-2] = user[-1], (item[-1] + 1) % len(later.items), 0
    time = np.append(later.time[:-2], [later.time[-1]] * 2)
    shown = replace(later, user=user, time=time, item=item, label=label)
    graph, before = Snapshot.of(log), int((later.time < later.time[-2]).sum())

    plain, some = (
        fleet().inputs(model(), graph, part, rng=np.random.default_rng(0)).examples
        for part in (later, shown)
    )

    assert before > 400
    one, other = plain.candidates.item[:before], some.candidates.item[:before]
    assert np.array_equal(one, other)
    assert np.array_equal(plain.label[:before], some.label[:before])
    assert (plain.label[:before].sum(axis=1) == 1).all()
    last = some.candidates.item[-1]
    assert set(last[last >= 0]) == {item[-2], item[-1]}
    assert some.label[-1].sum() == 1


def test_a_fit_that_was_killed_goes_on_with_the_same_bits(monkeypatch, tmp_path, cloud):
    _, log = parts()
    run = Run(np.random.default_rng(SEED), checkpoints=tmp_path)
    with monkeypatch.context() as patched:
        recorded(patched, [], 2)
        with pytest.raises(KeyboardInterrupt):
            method().fit(log, model(), fleet(), run=run)
    done = []
    with monkeypatch.context() as patched:
        recorded(patched, done)
        again = method().fit(log, model(), fleet(), run=run)

    assert len(done) == 1
    same(again.personal.after, cloud.personal.after)
    assert again.rounds == cloud.rounds


@pytest.mark.slow(of="test_a_fit_that_was_killed_goes_on_with_the_same_bits")
def test_killed_twice_in_the_middle_of_rounds_a_fit_ends_with_the_same_bits(
    tmp_path, cloud
):
    code = (
        "import sys; from dccl.clouds import Path, killed_twice; "
        "killed_twice(Path(sys.argv[1]))"
    )
    paths = os.pathsep.join(str(ROOT / part) for part in ("src", "tests"))
    env = {**os.environ, "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=True)

    run = Run(np.random.default_rng(SEED), checkpoints=tmp_path)
    found = method().fit(parts()[1], model(), fleet(), run=run)

    assert found.rounds == cloud.rounds
    same(found.personal.after, cloud.personal.after)


@pytest.mark.slow(of="test_a_fit_that_was_killed_goes_on_with_the_same_bits")
@pytest.mark.parametrize("learns", ["network", "tower"])
def test_what_no_training_reached_stays_unknown_in_a_fit_that_was_killed(
    monkeypatch, tmp_path, learns
):
    known, log = model_with_untrained_items()
    distill = MoMoDistill(model=SHORT, patches=SHORT, learns=learns)

    def fitted(run, broken=None):
        calls = count()

        def judged(head, rows):
            # In the first round the model is worse; each judges the one before first.
            return 2.0 if broken is not None and next(calls) == 1 else 1.0

        def saved(head, rows, *given):
            return -1.0 if next(calls) in (2, 3) else 1.0

        with monkeypatch.context() as patched:
            recorded(patched, [], broken)
            patched.setattr("tidegraph.dccl.rounds.loss_of_model", judged)
            patched.setattr("tidegraph.dccl.rounds.saved_by_own_models", saved)
            few = method(rounds=2, distill=distill)
            return few.fit(log, known, fleet(), run=run)

    run = Run(np.random.default_rng(0), checkpoints=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fitted(run, 1)
    whole = fitted(Run(np.random.default_rng(0)), 9)

    again = fitted(run)

    assert len(known.ranker.tables.item.untrained)
    assert [told.version for told in again.rounds] == [0, 1]
    assert again.rounds == whole.rounds
    same(again.personal.after, whole.personal.after)


def test_the_checkpoints_of_another_fit_are_refused(tmp_path):
    _, log = parts()
    run = Run(np.random.default_rng(0), checkpoints=tmp_path)
    method(rounds=1).fit(log, model(), fleet(), run=run)

    with pytest.raises(ConfigError, match="of a training with other settings"):
        method(rounds=1, aside=0.3).fit(log, model(), fleet(), run=run)


def test_a_device_that_took_no_step_or_lost_its_numbers_does_not_count(monkeypatch):
    taught, told = Rounds._teach_devices, []

    def lost(*given, **named):
        found = personalised(*given, **named)
        found.theta[0] = np.nan
        found.stepped[1] = 0
        return found

    def watched(self, state, begin, past, active):
        new, stepped = taught(self, state, begin, past, active)
        told.append((np.flatnonzero(active), state, new))
        return new, stepped

    monkeypatch.setattr("tidegraph.dccl.rounds.personalised", lost)
    monkeypatch.setattr(Rounds, "_teach_devices", watched)
    distill = MoMoDistill(model=None, patches=replace(SHORT, epochs=1))

    # Nobody judges, so only those who are taught are seen.
    found = method(rounds=2, distill=distill, aside=0.0).fit(
        parts()[1], model(), fleet()
    )

    assert len(told) == 2
    for (active, old, new), said in zip(told, found.rounds, strict=True):
        assert said.devices <= len(active) - 2
        none = active[:2]
        assert np.array_equal(new.learnt[none], old.learnt[none])
        assert np.array_equal(new.theta[none], old.theta[none])
        assert (new.learnt[active] == new.version).sum() == said.devices > 0
    assert np.isfinite(found.personal.after.theta).all()


def test_the_share_of_teachers_is_of_devices_not_of_rows(monkeypatch):
    learn = []

    def one_of_all(head, theta, fleet, unseen):
        most = int(fleet.counts.argmax())
        learn.append(int((fleet.counts > 0).sum()))
        likely = np.full(len(fleet.time), 0.5, np.float32)
        return Teachers(likely, (owners(fleet.ptr) == most).astype(np.float32))

    monkeypatch.setattr("tidegraph.dccl.rounds.teach", one_of_all)
    distill = MoMoDistill(model=None, patches=replace(SHORT, epochs=1))

    found = method(rounds=2, distill=distill, aside=0.0).fit(
        parts()[1], model(), fleet()
    )

    shares = [told.teachers for told in found.rounds]
    assert shares == [0.0, pytest.approx(1 / learn[0])]


def test_where_nothing_is_published_a_device_begins_at_its_theta_of_the_version_before(
    monkeypatch,
):
    taught, seen, calls = Rounds._teach_devices, [], count()

    def judged(*_):
        # The third round learns what is worse; each judges what was first.
        return -1.0 if next(calls) == 5 else 1.0

    def watched(self, state, begin, past, active):
        seen.append((state, begin, past))
        # In the second round some devices have nothing new.
        there = (np.arange(len(active)) > 5) | (len(seen) != 2)
        return taught(self, state, begin, past, active & there)

    monkeypatch.setattr("tidegraph.dccl.rounds.saved_by_own_models", judged)
    monkeypatch.setattr(Rounds, "_teach_devices", watched)
    distill = MoMoDistill(model=None, patches=replace(SHORT, epochs=1))
    method(rounds=3, distill=distill).fit(parts()[1], model(), fleet())

    state, begin, past = seen[2]
    old = state.learnt == 1
    assert state.version == 2
    assert old.any()
    u, nothing = (
        start_thetas(state.head, theta, past)
        for theta in (state.theta, np.zeros_like(state.theta))
    )
    np.testing.assert_allclose(begin[old], u[old], atol=1e-6)
    assert np.abs(begin[old] - nothing[old]).max() > 1e-5
    assert np.array_equal(begin[state.current], state.theta[state.current])


def test_every_device_with_rows_learns_under_what_is_published_now(monkeypatch):
    kept, run = [], Rounds.run

    def watched(self, state, last, clock, circumstances):
        found = run(self, state, last, clock, circumstances)
        rows = self.rows(found[0])
        kept.append((self, rows.where(self.inputs.latest(clock, self.keep)), last))
        return found

    monkeypatch.setattr(Rounds, "run", watched)
    _, log = parts()
    days = float(log.time[-1] - model().trained_until) / DAY
    distill = MoMoDistill(model=None, patches=replace(SHORT, epochs=1))
    # The last interval is the last tenth, in which some users do nothing.
    found = tg.DCCL(EveryDays(0.9 * days), distill, aside=0.0).fit(
        log, model(), fleet()
    )

    after, (_, past, last) = found.personal.after, kept[-1]
    some = past.counts > 0
    quiet = some & (past.since(last).counts == 0)
    # One that saw nothing but actions, or none, takes no step.
    taught = np.add.reduceat(past.rows.label.numpy(), past.ptr[:-1]) > 0
    assert after.version == len(found.rounds) == 2
    assert quiet.sum() > 3
    assert after.current[quiet & taught].all()
    assert found.rounds[-1].devices == after.current.sum()


def test_a_theta_of_another_version_answers_nobody():
    first = CloudState.first(model().ranker, fleet().patch, 4, np.random.default_rng(0))
    trust = Trust(np.ones(4, np.float32), np.ones(4, np.float32))
    state = replace(
        first,
        version=3,
        theta=np.ones((4, 4), np.float32),
        learnt=np.array([3, 2, NEVER, 3], np.int32),
        trust=trust,
    )

    assert state.current.tolist() == [True, False, False, True]
    assert state.answering.any(axis=1).tolist() == [True, False, False, True]
    assert state.earlier.any(axis=1).tolist() == [False, True, False, False]
    broken = replace(state, theta=np.full((4, 4), np.nan, np.float32))
    assert np.isnan(broken.answering).any(axis=1).tolist() == [True, False, False, True]
    assert replace(state, version=4).earlier.any(axis=1).tolist() == [1, 0, 0, 1]
    gone = state.without(np.array([0, 9], np.int32))
    assert gone.answering.any(axis=1).tolist() == [False, False, False, True]
    assert not gone.theta[0].any()
    assert state.theta[0].any()


def test_without_a_theta_a_user_is_answered_by_the_ranker():
    ranker = model().ranker
    state = CloudState.first(ranker, fleet().patch, 3, np.random.default_rng(0))
    personal = FittedPersonal(fleet().patch, fleet().local, state)
    requests = at(model().graph, np.arange(9), model().trained_until + 1)
    candidates = model().retriever.retrieve(requests, 12)

    np.testing.assert_allclose(
        personal.score(requests, candidates),
        ranker.score(requests, candidates),
        atol=1e-5,
    )


def test_a_theta_changes_the_scores_of_its_own_user_alone(cloud):
    personal = cloud.personal
    users = np.flatnonzero(personal.after.current)[:3]
    state = replace(
        personal.after,
        trust=Trust(*(np.ones_like(personal.after.trust.saved),) * 2),
    )
    theta = state.theta.copy()
    theta[users[0]] = -theta[users[0]]
    one = replace(personal, after=state)
    other = replace(personal, after=replace(state, theta=theta))
    graph = cloud.pipeline.graph
    requests = at(graph, users, graph.latest + 1)
    candidates = cloud.pipeline.retriever.retrieve(requests, 12)

    moved = one.score(requests, candidates) != other.score(requests, candidates)

    assert moved[0].any()
    assert not moved[1:].any()


def test_erased_users_leave_no_theta(cloud, tmp_path):
    cloud.save(tmp_path / "cloud")
    pipeline = tg.load(tmp_path / "cloud")
    row = int(np.flatnonzero(pipeline.ranker.after.current)[0])
    user = pipeline.graph.users.ids[row]

    pipeline.erase([user])

    assert not pipeline.ranker.after.theta[row].any()
    assert pipeline.ranker.after.learnt[row] == NEVER


def test_rows_are_what_a_loop_over_the_actions_finds():
    _, log = parts()
    later = log.since(int(model().trained_until) + 1)
    graph = Snapshot.of(log)
    rows = rows_on_devices(graph, later)

    for user in range(len(log.users)):
        own, times = rows.of(user), np.sort(later.time[later.user == user])
        some = slice(int(rows.ptr[user]), int(rows.ptr[user + 1]))
        assert own.label.sum() == len(times)
        assert np.array_equal(rows.time[some][own.label.numpy() > 0], times)
        assert np.isin(rows.time[some], times).all()
    assert 0.15 < float(rows.rows.label.mean()) < 0.35


def test_a_return_leaves_no_row():
    _, log = parts()
    later = log.since(int(model().trained_until) + 1).take(np.arange(20))
    weight = np.where(np.arange(20) % 4, 1, -1).astype(np.float32)
    graph, draw = Snapshot.of(log), np.random.default_rng
    given = [replace(later, weight=weight), later.take(weight > 0)]

    own, clean = (
        fleet().inputs(model(), graph, some, rng=draw(0)).examples for some in given
    )

    assert np.array_equal(own.candidates.item, clean.candidates.item)
    assert np.array_equal(own.label, clean.label)


def test_offset_and_tower_of_rows_are_the_ranker_s_logit():
    _, log = parts()
    graph = Snapshot.of(log)
    later = log.since(int(model().trained_until) + 1).take(np.arange(20))
    rows = rows_on_devices(graph, later, negatives=1).rows
    tower = split(model().ranker.network).tower

    with torch.no_grad():
        logit = rows.offset + tower(rows.x, torch.ones(len(rows.x), dtype=torch.bool))

    requests = at(graph, later.user, later.time)
    candidates = single(later.item)
    score = model().ranker.score(requests, candidates)[:, 0]
    own = torch.sigmoid(logit[rows.label > 0]).sort().values
    np.testing.assert_allclose(own, np.sort(score), atol=1e-5)


def single(item):
    return Candidates(item[:, None], np.zeros((len(item), 1), np.float32))


def test_the_level_makes_rows_as_likely_as_they_came():
    _, log = parts()
    later = log.since(int(model().trained_until) + 1)
    rows = rows_on_devices(Snapshot.of(log), later)
    head = CloudState.first(
        model().ranker, fleet().patch, 1, np.random.default_rng(0)
    ).head

    level = calibrating_shift(head, rows)

    with torch.no_grad():
        likely = torch.sigmoid(head.plain(rows.rows.x, rows.rows.offset + level))
    assert abs(float(likely.mean()) - float(rows.rows.label.mean())) < 1e-4


def test_rounds_are_every_so_many_days_and_at_the_end():
    assert EveryDays(days=2.0).clocks(0, 5 * DAY) == [2 * DAY, 4 * DAY, 5 * DAY + 1]
    assert EveryDays(days=9.0).clocks(0, 5 * DAY) == [5 * DAY + 1]
    assert EveryDays(days=1.0).clocks(0, 2 * DAY) == [DAY, 2 * DAY, 2 * DAY + 1]


def test_a_cloud_that_has_had_its_rounds_is_no_fleet(cloud):
    with pytest.raises(ConfigError, match=r"takes no further ones.*Run DCCL anew"):
        method().fit(parts()[1], cloud.pipeline)


def test_what_cannot_be_a_fleet_is_refused():
    known, log = parts()
    plain = tg.Pipeline(tg.ItemKNN()).fit(known)
    with pytest.raises(ConfigError, match=r"has no ranker.*DIN"):
        tg.DCCL().fit(log, plain)
    logit = tg.Pipeline(tg.ItemKNN(), rank=tg.RecencyLogit()).fit(known)
    with pytest.raises(ConfigError, match=r"has a FittedRecencyLogit.*DIN"):
        tg.DCCL().fit(log, logit)
    deep = tg.Fleet(patch=tg.MetaPatch(junctions=("hidden5",)))
    with pytest.raises(ConfigError, match=r"'hidden5'.*lacks"):
        tg.DCCL().fit(log, model(), deep)
    large = tg.Fleet(patch=tg.MetaPatch(theta=10**6))
    with pytest.raises(ConfigError, match=r"theta=1000000.*weights"):
        tg.DCCL().fit(log, model(), large)


@pytest.mark.parametrize(
    ("ranker", "settings", "said"),
    [
        (DIN(), {"junctions": ("hidden7",)}, "'hidden7'.*lacks"),
        (DIN(), {"theta": 10**6}, r"theta=1000000.*weights"),
        (MF(), {}, "has no tower"),
    ],
)
def test_what_cannot_be_patched_is_refused_before_a_pipeline_is_trained(
    ranker, settings, said
):
    pipeline = tg.Pipeline(tg.ItemKNN(), rank=tg.NeuralRanker(ranker))
    with pytest.raises(ConfigError, match=said):
        tg.Fleet(patch=tg.MetaPatch(**settings)).check(pipeline)


@pytest.mark.parametrize("name", WITH)
def test_every_click_model_with_a_tower_can_be_simulated(name):
    pipeline = tg.Pipeline(tg.ItemKNN(), rank=tg.NeuralRanker(EVERY[name]))

    tg.Fleet(patch=tg.MetaPatch(theta=4)).check(pipeline)


def test_a_log_that_ends_with_the_training_is_refused():
    with pytest.raises(DataError, match="no action after"):
        method().fit(parts()[0], model(), fleet())


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(ConfigError, match="aside"):
        method(aside=share)


def test_an_unknown_user_is_answered_by_the_model_of_all(cloud):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = cloud.for_user("nobody").recommend(k=3)

    assert answer.height == 3


def test_every_round_says_what_bases_have_told_of_any_one_device(monkeypatch, tmp_path):
    private = Private(noise=2.0, clip=0.1, delta=1e-4)
    distill = MoMoDistill(model=None, patches=SHORT, private=private)
    _, log = parts()
    run = Run(np.random.default_rng(0), checkpoints=tmp_path / "rounds")
    with monkeypatch.context() as patched:
        recorded(patched, [], 2)
        with pytest.raises(KeyboardInterrupt):
            method(distill=distill).fit(log, model(), fleet(), run=run)

    found = method(distill=distill).fit(log, model(), fleet(), run=run)

    spent = found.history()["epsilon"].to_list()
    assert 0 < spent[0] < spent[1] < spent[2]
    found.save(tmp_path / "cloud")
    again = FittedDCCL.load(tmp_path / "cloud").personal.after
    assert np.array_equal(again.spent, found.personal.after.spent)
    assert epsilon(again.spent, 1e-4) == spent[-1]


def test_noise_is_drawn_afresh_unless_its_seed_is_given():
    once = replace(SHORT, epochs=1)
    noisy = MoMoDistill(model=None, patches=once, private=Private())
    quiet = replace(noisy, private=Private(noise=0.0))
    _, log = parts()

    def bases(distill, **given):
        # Nobody judges, so the round is published.
        found = method(rounds=1, distill=distill, aside=0.0).fit(
            log, model(), fleet(), **given
        )
        of = weights_of(found.personal.after.head)
        return np.concatenate([of[n].ravel() for n in of if n.startswith("bases")])

    assert not np.array_equal(bases(noisy), bases(noisy))
    assert np.array_equal(bases(noisy, rng=3), bases(noisy, rng=3))
    assert np.array_equal(bases(quiet), bases(quiet))


def test_without_noise_a_round_promises_nothing(cloud):
    assert cloud.history()["epsilon"].null_count() == 3
    assert not cloud.personal.after.spent.any()
