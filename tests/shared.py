"""Folders that the workers of one run of tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """Return a folder that the first worker to need it makes, and no test changes.

    A fixture of the session is made in every worker; what takes long to make and lies
    on disk need not be.
    """
    own = factory.getbasetemp()
    # Without workers the folder above this one is that of all runs.
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(root / f"{name}.lock"):
        if not (root / name).exists():
            make(root / name)
    return root / name
