"""A full disk is called that, whoever finds it out."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegraph.artifact.writing import replaced, replaced_folder
from tidegraph.errors import ArtifactError

FULL = Path("/dev/full")
WRITES = {
    "tensors": lambda: np.zeros(100_000).tofile(FULL),
    "array": lambda: np.save(FULL.open("wb", buffering=0), np.zeros(100_000)),
    "table": lambda: pl.DataFrame({"a": np.zeros(100_000)}).write_ipc(FULL),
    "text": lambda: FULL.write_text("a" * 100_000),
}


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.filterwarnings("ignore:unclosed file")
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_full_disk_is_said_to_be_full(tmp_path, write):
    said = (
        r"model: the disk is full, as [\d,]+ bytes are free there and more are needed"
    )

    with (
        pytest.raises(ArtifactError, match=said),
        replaced_folder(tmp_path / "model", "manifest.json", "a model"),
    ):
        write()
    with pytest.raises(ArtifactError, match=said), replaced(tmp_path / "model"):
        write()

    assert not list(tmp_path.iterdir())
