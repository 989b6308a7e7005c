"""Many devices at once learn what each would alone, bit for bit in any company."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
import torch

from device.heads import fleet_of, head
from tidegraph.device.fleet import losses, personalised, profiles, start_thetas
from tidegraph.device.personalise import LocalSteps, loss_of, personalise, profile_of
from tidegraph.errors import ConfigError
from tiers import chosen

SOURCE = Path(__file__).parents[2] / "src"


COUNTS = [20, 3, 0, 1, 70, 8, 9, 20, 33, 2, *[20] * 30, *[9] * 5]


def starts(of, count, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(count, of.theta))
    return (0.2 * drawn).astype(np.float32)


def test_a_fleet_learns_what_each_device_learns_alone():
    of, fleet = head(), fleet_of(COUNTS)
    theta = starts(of, len(fleet))

    found = personalised(of, theta, fleet)

    # Each number of rows, and some of those that learn beside many of the same.
    for d in (*range(12), 24, 39, 44):
        own = personalise(of, torch.from_numpy(theta[d]), fleet.of(d))
        np.testing.assert_allclose(found.theta[d], own.theta, atol=2e-5)
        assert bool(found.stepped[d]) == (own.why_not is None)
        if own.why_not is None:
            np.testing.assert_allclose(found.before[d], own.before, rtol=1e-4)
            np.testing.assert_allclose(found.after[d], own.after, rtol=1e-4)
        else:
            assert np.array_equal(found.theta[d], theta[d])


@pytest.mark.parametrize(
    "seed", chosen({f"seed{seed}": seed for seed in range(4)}, "seed0")
)
def test_in_other_company_a_device_learns_the_same_but_for_rounding(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 60, 300)
    of = head(seed, width=12, hidden=(32, 16, 8), rank=8, theta=32)
    fleet = fleet_of(counts, width=12)
    theta = starts(of, len(fleet))
    whole = personalised(of, theta, fleet, LocalSteps(steps=3))

    some = rng.permutation(len(fleet))[:40]
    part = personalised(of, theta[some], fleet.at(some), LocalSteps(steps=3))

    np.testing.assert_allclose(part.theta, whole.theta[some], atol=1e-5)


class Here:
    """One process that is given what others would be, as they would be given it."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def map(self, job, blocks):
        for block in blocks:
            sent = ForkingPickler.loads(ForkingPickler.dumps((job, block)))
            yield sent[0](sent[1])


def test_what_processes_are_given_is_all_that_they_need(monkeypatch):
    of, fleet, local = head(), fleet_of(COUNTS), LocalSteps(steps=3)
    theta = starts(of, len(fleet))
    alone = personalised(of, theta, fleet, local)

    monkeypatch.setattr("tidegraph.device.fleet.ProcessPoolExecutor", Here)
    shared = personalised(of, theta, fleet, local, processes=2)

    for one, other in zip(shared, alone, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow(of="test_what_processes_are_given_is_all_that_they_need")
def test_processes_that_share_the_work_learn_the_same_bits():
    of, fleet, local = head(), fleet_of(COUNTS), LocalSteps(steps=3)
    theta = starts(of, len(fleet))
    assert len(list(fleet.blocks())) > 5

    alone = personalised(of, theta, fleet, local)
    shared = personalised(of, theta, fleet, local, processes=2)

    for one, other in zip(shared, alone, strict=True):
        assert np.array_equal(one, other)


class Ended(Here):
    """Processes that end before they learn."""

    def map(self, *_):
        raise BrokenProcessPool


def test_what_fits_in_a_script_stands_under_a_main_guard(monkeypatch):
    of, fleet = head(), fleet_of([3, 3])
    monkeypatch.setattr("tidegraph.device.fleet.ProcessPoolExecutor", Ended)
    with pytest.raises(ConfigError, match='stands under if __name__ == "__main__":'):
        personalised(of, starts(of, 2), fleet, processes=2)

    # In a process that reads the script anew, nothing more is said.
    process = multiprocessing.current_process()
    monkeypatch.setattr(process, "_inheriting", True, raising=False)
    with pytest.raises(SystemExit):
        personalised(of, starts(of, 2), fleet, processes=2)


@pytest.mark.slow(of="test_what_fits_in_a_script_stands_under_a_main_guard")
def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\n"
        "from device.heads import fleet_of, head\n"
        "from tidegraph.device.fleet import personalised\n"
        "theta = np.zeros((2, 7), np.float32)\n"
        "personalised(head(), theta, fleet_of([3, 3]), processes=2)\n"
    )
    paths = [str(SOURCE.parent / "tests"), str(SOURCE)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert 'stands under if __name__ == "__main__":' in done.stderr.splitlines()[-1]


def test_profiles_starts_and_losses_are_those_of_each_device():
    of, fleet = head(), fleet_of(COUNTS)
    theta, seen = starts(of, len(fleet)), profiles(fleet)
    begun, judged = start_thetas(of, theta, fleet), losses(of, theta, fleet)

    for d in range(len(fleet)):
        own = fleet.of(d)
        with torch.no_grad():
            profile = profile_of(own)
            numbers = torch.from_numpy(theta[d])
            first = of.start(numbers, profile)
            mine = loss_of(of(own.x, own.offset, numbers), own)
            model = loss_of(of.plain(own.x, own.offset), own)
        np.testing.assert_allclose(seen[d], profile, atol=1e-5)
        np.testing.assert_allclose(begun[d], first, atol=1e-5)
        np.testing.assert_allclose(judged.own[d], mine, atol=1e-5)
        np.testing.assert_allclose(judged.model[d], model, atol=1e-5)
        np.testing.assert_allclose(judged.weight[d], own.weight.sum(), rtol=1e-5)


def test_rows_are_cut_in_time_and_to_the_latest():
    fleet = fleet_of([4, 0, 7])

    early, late, few = fleet.before(1030), fleet.since(1030), fleet.latest(2)

    assert early.counts.tolist() == [3, 0, 3]
    assert late.counts.tolist() == [1, 0, 4]
    assert few.counts.tolist() == [2, 0, 2]
    assert torch.equal(few.of(2).x, fleet.of(2).x[-2:])
    assert torch.equal(early.of(0).label, fleet.of(0).label[:3])
    assert few.time.tolist() == [1020, 1030, 1050, 1060]
    back = fleet.at(np.array([2, 0]))
    assert torch.equal(back.of(0).x, fleet.of(2).x)
    assert torch.equal(back.of(1).x, fleet.of(0).x)


def test_no_device_is_left_out_without_rows_at_all():
    of, fleet = head(), fleet_of([3, 2]).before(0)

    found = personalised(of, starts(of, 2), fleet, LocalSteps(steps=2))

    assert np.array_equal(found.theta, starts(of, 2))
    assert not found.stepped.any()
