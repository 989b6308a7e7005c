"""A folder that one process at a time writes to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.artifact.in_use import used_alone
from tidegraph.errors import ConfigError
from tidegraph.run import Run
from tidegraph.testing.logs import draw_log

SRC = Path(__file__).parents[2] / "src"
HOLD = """
import sys, time
from pathlib import Path
from tidegraph.artifact.in_use import used_alone
with used_alone(Path(sys.argv[1]), "training", "for checkpoints"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_told_of_the_first_until_that_is_killed(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "ck")],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        said = rf"ck is in use by another training \(process {child.pid}\)\. Wait"
        with (
            pytest.raises(ConfigError, match=said),
            used_alone(tmp_path / "ck", "training", "for checkpoints"),
        ):
            pass
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()

    for _ in range(2):
        with used_alone(tmp_path / "ck", "training", "for checkpoints"):
            pass


def test_a_training_is_refused_a_folder_of_checkpoints_that_is_in_use(tmp_path):
    log, method = draw_log(events=200), tg.lightgcn(1, 4)
    folder = tmp_path / "LightGCN"

    def fit(within):
        run = Run(np.random.default_rng(0), checkpoints=within)
        return method.fit(log, run=run)

    with (
        used_alone(folder, "training", "for checkpoints"),
        pytest.raises(ConfigError, match="is in use by another training"),
    ):
        fit(folder)
    assert not list(folder.glob("epoch-*"))

    fit(folder)

    assert list(folder.glob("epoch-*"))
