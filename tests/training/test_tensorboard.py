"""Event logs hold every epoch of every part, read back by an independent reader."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

import tidegraph as tg
from conftest import draw_log
from tidegraph.retrieval.blend import Blend
from tidegraph.run import Run
from tidegraph.training.settings import Training
from tidegraph.training.tensorboard import TensorBoard


def written(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of each scalar; a record is a length, a checksum, a message."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in folder.glob("events.*"):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack("<Q", data[at : at + 8])
            event = Event.FromString(data[at + 12 : at + 12 + length])
            at += 12 + length + 4
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return {tag: sorted(values) for tag, values in found.items()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_epoch_of_every_part_is_written(tmp_path):
    log = draw_log(events=900)
    steady = Training(3, 128, patience=None)
    channels = {
        "one": tg.bpr_mf(4, training=steady),
        "two": tg.bpr_mf(4, training=Training(3, 128, patience=5)),
    }
    run = Run(np.random.default_rng(0), monitor=TensorBoard(tmp_path))

    blend = Blend(channels, quotas=()).fit(log, run=run)

    for name, fitted in zip(blend.channels, blend.retrievers, strict=True):
        found = written(tmp_path / name)
        steps, loss = zip(*found["loss"], strict=True)
        assert steps == (1, 2, 3)
        np.testing.assert_allclose(loss, fitted.curve.loss, rtol=1e-6)
        if name == "one":
            assert "validation" not in found
        else:
            values = [value for _, value in found["validation"]]
            np.testing.assert_allclose(values, fitted.curve.metric, rtol=1e-6)
