"""Commands about devices, of a model that has none."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import tidegraph as tg
from dccl.clouds import DAY, SHORT
from device.phones import signed_of
from tidegraph.cli import run
from tidegraph.cli.devices.demonstration import learnt
from tidegraph.cli.devices.simulating import _run_with_secret_noise
from tidegraph.device.signing import public_bytes, trusted_key
from tidegraph.errors import ConfigError
from tidegraph.recipe_file.recipe import read_recipe
from tidegraph.testing.logs import draw_log


def test_a_model_without_devices_is_not_exported(model, tmp_path, capsys):
    assert run(["device", "export", str(model), "-o", str(tmp_path / "bundle")]) == 2

    said = capsys.readouterr().err
    assert "holds a pipeline without devices" in said
    assert "is made by tidegraph device simulate" in said
    assert not (tmp_path / "bundle").exists()


def test_what_the_demonstration_learns_is_ranked_by_a_device_itself(
    tmp_path, monkeypatch
):
    exported = []

    def kept(*given, version):
        exported.append(given)
        return signed_of()

    monkeypatch.setattr("tidegraph.dccl.exporting.export_bundle", kept)
    log = draw_log(events=1200)
    days = int((log.time[-1] - log.time[0]) / DAY / 12)

    cloud = learnt(log, days, SHORT)
    cloud.export(tmp_path / "bundle", items=5)

    assert len(cloud.rounds) == 2
    ((model, folder, key),) = exported
    assert folder == tmp_path / "bundle"
    assert public_bytes(key) == trusted_key(tmp_path / "bundle.pem.pub")
    with torch.no_grad():
        x, offset = model.trunk(model.example)
        logit = model.head.plain(x, offset)
        wanted = cloud.personal.ranker.network.answer(model.example, None)
    torch.testing.assert_close(logit, wanted)
    described = json.loads(model.items)["items"]
    count = np.bincount(log.item, minlength=len(log.items))
    chosen = log.items.encode(pl.Series([one["id"] for one in described]))
    assert sorted(count[chosen]) == sorted(count)[-5:]
    numbers = model.example.numbers.shape[-1]
    assert {len(one["numbers"]) for one in described} == {numbers}


def test_a_demonstration_without_a_page_says_how_to_build_it(tmp_path, capsys):
    words = ["device", "demo", "--output", str(tmp_path), "--page", str(tmp_path)]
    assert run(words) == 2
    assert "holds no page. Build it: make browser" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


RECIPE = """
[data]
path = "log.csv"
user = "user"
item = "item"
time = "time"

[split]
valid = 0.15
test = 0.2

[[retrieve]]
model = "Popular"

[rank]
model = "{rank}"

[pipeline]
windows = {{ count = 1 }}

[device]
negatives = 4
patch = {{ rank = 2, theta = {theta} }}

[device.cloud]
aside = 0.2
rounds = {{ days = {days} }}
"""


@pytest.fixture
def recipe(tmp_path):
    log = draw_log(events=1200)
    frame = {
        "user": log.users.decode(log.user),
        "item": log.items.decode(log.item),
        "time": log.time,
    }
    pl.DataFrame(frame).write_csv(tmp_path / "log.csv")
    days = int((log.time[-1] - log.time[0]) / DAY / 6)

    def written(rank="DIN", theta=4):
        path = tmp_path / "recipe.toml"
        path.write_text(RECIPE.format(days=days, rank=rank, theta=theta))
        return str(path)

    return written


def test_a_recipe_is_simulated_and_what_it_leaves_answers(recipe, tmp_path, capsys):
    further = tg.Graph().nodes("item", {"item": ["i0"]}, key="item")
    further.nodes("brand", {"brand": ["b"]}, key="brand")
    further.edges("made_by", {"item": ["i0"], "brand": ["b"]}, "item -> brand")
    further.save(tmp_path / "g")
    words = ["device", "simulate", recipe(), "-o", str(tmp_path / "model")]
    kept = tmp_path / "kept"
    words += ["--graph", str(tmp_path / "g"), "--checkpoints", str(kept)]
    assert run(words) == 0
    # Of the rounds, and of the pipeline before them.
    assert list(kept.glob("epoch-*"))
    assert list((kept / "pipeline").rglob("epoch-*"))

    said = capsys.readouterr().out
    assert "own" in said
    assert "version" in said
    cloud = tg.dccl.FittedDCCL.load(tmp_path / "model")
    assert len(cloud.rounds) >= 1
    assert "made_by" in cloud.pipeline.graph.edges
    user = cloud.pipeline.graph.users.ids[0]
    assert len(cloud.for_user(user).recommend(k=3)) == 3


def test_rounds_with_noise_go_on_with_a_seed_of_the_recipe_alone(recipe, tmp_path):
    path, distill = Path(recipe()), tg.MoMoDistill(model=None, private=tg.Private())
    wanted = tg.DCCL(distill=distill)
    secret, named = {"pipeline": {}}, {"pipeline": {"seed": 0}}
    plan = read_recipe(path)

    one, other = (
        _run_with_secret_noise(wanted, plan, secret, None).rng.random() for _ in "ab"
    )
    assert one != other
    given = _run_with_secret_noise(wanted, plan, named, tmp_path)
    assert given.rng.random() == np.random.default_rng(0).random()
    assert given.checkpoints == tmp_path
    with pytest.raises(ConfigError, match="afresh"):
        _run_with_secret_noise(wanted, plan, secret, tmp_path)


def test_a_log_that_ends_with_the_training_is_refused_before_it(
    recipe, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(tg.Pipeline, "fit", lambda *_, **__: pytest.fail("it trains"))
    path = Path(recipe())
    # The test part holds the same moments as the others.
    table = pl.read_csv(tmp_path / "log.csv").with_columns(time=pl.lit(1_700_000_000))
    parts = np.resize(["train", "train", "valid", "test"], len(table))
    table.with_columns(split=pl.Series(parts)).write_csv(tmp_path / "log.csv")
    split = "[split]\nvalid = 0.15\ntest = 0.2"
    assert split in path.read_text()
    path.write_text(path.read_text().replace(split, '[split]\nby = "split"'))

    assert run(["device", "simulate", str(path), "-o", str(tmp_path / "model")]) == 2
    assert "the log has no action after 170000000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rank", "theta", "said"),
    [
        ("RecencyLogit", 4, "the ranker RecencyLogit, and devices patch a click model"),
        ("DIN", 0, "theta"),
        ("DIN", '"many"', "recipe.toml:device.patch"),
    ],
)
def test_what_cannot_be_simulated_is_said_before_the_log_is_read(
    recipe, tmp_path, capsys, rank, theta, said
):
    path = recipe(rank, theta)
    (tmp_path / "log.csv").unlink()
    assert run(["device", "simulate", path, "-o", str(tmp_path / "model")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
