"""A training in another process that is killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def epochs_in(folder: Path) -> list[int]:
    """Return the epochs whose checkpoints a folder holds."""
    return [int(path.name[-6:]) for path in folder.glob("epoch-*")]


def killed_after(words: list[str], folder: Path, epochs: int) -> None:
    """Run ``python -m words``, and kill it once ``epochs`` are in the folder."""
    child = subprocess.Popen(
        [sys.executable, "-m", *words],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"},
        stdout=subprocess.DEVNULL,
    )
    while child.poll() is None:
        if any(epoch >= epochs for epoch in epochs_in(folder)):
            child.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    assert child.wait() == -signal.SIGKILL
