"""A fit that is killed in the middle of rounds goes on, and ends with the same bits."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from dccl.clouds import fleet, method, model, parts
from tidegraph.dccl.learning import Rounds
from tidegraph.run import Run

ROOT = Path(__file__).parents[2]


def fitted(folder: Path | None):
    run = Run(np.random.default_rng(0), checkpoints=folder)
    return method().fit(parts()[1], model(), fleet(), run=run)


def killed_at(place: str, number: int, folder: Path) -> None:
    """Fit, and die without a word as the ``number``-th round from here gets there."""
    inner, calls = getattr(Rounds, place), 0

    def deadly(self, *given):
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(self, *given)

    setattr(Rounds, place, deadly)
    fitted(folder)


def in_another_process(place: str, number: int, folder: Path) -> int:
    """Return how a process of its own ended that fits and is killed."""
    given = f"{place!r}, {number}, Path({str(folder)!r})"
    code = f"from dccl.test_killed import Path, killed_at; killed_at({given})"
    paths = os.pathsep.join(str(ROOT / part) for part in ("src", "tests"))
    env = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode


def newest_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_killed_twice_in_the_middle_of_rounds_a_fit_ends_with_the_same_bits(tmp_path):
    # Before the cloud has learnt anything in the second round; then, two rounds on,
    # when it has published, and no device has learnt under that.
    assert in_another_process("_learnt", 2, tmp_path) == -signal.SIGKILL
    first = newest_in(tmp_path)
    assert first
    assert in_another_process("_taught", 2, tmp_path) == -signal.SIGKILL
    assert newest_in(tmp_path) != first

    found, whole = fitted(tmp_path), fitted(None)

    assert found.rounds == whole.rounds
    one, other = (c.personal.after for c in (found, whole))
    assert (one.version, one.level) == (other.version, other.level)
    for name, array in other.arrays().items():
        assert np.array_equal(one.arrays()[name], array), name
