"""Commands about devices, of a model that has none."""

import json

import numpy as np
import polars as pl
import pytest

from dccl.clouds import DAY, SHORT
from tidegraph.cli import run
from tidegraph.cli.devices.demonstration import learnt
from tidegraph.device.bundle.loading import load
from tidegraph.device.signing import trusted_key
from tidegraph.testing.logs import draw_log


def test_a_model_without_devices_is_not_exported(model, tmp_path, capsys):
    assert run(["device", "export", str(model), "-o", str(tmp_path / "bundle")]) == 2

    assert "holds a pipeline without devices" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


@pytest.mark.slow
def test_what_the_demonstration_learns_is_ranked_by_a_device_itself(tmp_path):
    log = draw_log(events=1200)
    days = int((log.time[-1] - log.time[0]) / DAY / 12)

    cloud = learnt(log, days, SHORT)
    cloud.export(tmp_path / "bundle", items=5)

    assert len(cloud.rounds) == 2
    trusted = trusted_key(tmp_path / "bundle.pem.pub")
    bundle = load(tmp_path / "bundle", trusted)
    described = json.loads((tmp_path / "bundle" / "items.json").read_text())["items"]
    count = np.bincount(log.item, minlength=len(log.items))
    chosen = log.items.encode(pl.Series([one["id"] for one in described]))
    assert sorted(count[chosen]) == sorted(count)[-5:]
    assert {len(one["numbers"]) for one in described} == {bundle.inputs["numbers"][2]}


def test_a_demonstration_without_a_page_says_how_to_build_it(tmp_path, capsys):
    words = ["device", "demo", "--output", str(tmp_path), "--page", str(tmp_path)]
    assert run(words) == 2
    assert "holds no page. Build it: make browser" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
