"""What a bundle computes is what torch computes."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from device import heads
from device.bundles import KEY, TRUSTED, model_of, shaken
from nn.click.test_models import SPEC, drawn
from tidegraph.artifact.writing import replaced_folder
from tidegraph.device.bundle.export import _next_version, export_bundle, refresh_bundle
from tidegraph.device.bundle.graphs import _trunk_graph
from tidegraph.device.bundle.loading import SCORE, START, TRUNK, WEIGHTS, load
from tidegraph.device.bundle.manifest import MANIFEST
from tidegraph.device.personalise import LocalSteps, local_step, profile_of
from tidegraph.errors import ArtifactError, ConfigError

OTHERS = ["DIEN", "SASRec"]


def arrays(parts):
    return {name: part.numpy() for name, part in parts._asdict().items()}


def worst_of_ten_steps(model, bundle, count) -> float:
    """Largest difference, each step begun where torch's last one ended."""
    head = model.head
    rows = heads.rows(count, width=head.f.width, seed=count)
    theta, worst = heads.theta(head, length=0.5), 0.0
    for _ in range(10):
        found, lost = bundle.train_step(arrays(rows), theta.numpy(), 0.3)
        with torch.no_grad():
            theta, loss = local_step(head, theta, rows, 0.3)
            probability = torch.sigmoid(head(rows.x, rows.offset, theta))
        scored = bundle.score(rows.x.numpy(), rows.offset.numpy(), theta.numpy())
        worst = max(
            worst,
            np.abs(found - theta.numpy()).max(),
            abs(lost - loss.item()),
            np.abs(scored - probability.numpy()).max(),
        )
    return worst


@pytest.mark.parametrize("count", [1, 7, 64])
def test_ten_steps_and_scores_are_those_of_torch(din, bundle, count):
    assert worst_of_ten_steps(din, bundle, count) < 1e-6


@pytest.mark.slow(of="test_a_trunk_takes_any_number_of_requests_and_candidates")
@pytest.mark.parametrize("name", OTHERS)
def test_so_are_the_trunks_of_other_click_models(name):
    """Their heads are towers, as those of DIN and of a model that reads the graph."""
    # DIEN is as many graphs, one after the other, as a history has steps.
    model = model_of(name, steps=2)
    proto, arrays_of = _trunk_graph(model.trunk, model.example), model.arrays()
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def run(given):
        return session.run(None, {p.name: given[p.name] for p in session.get_inputs()})

    assert worst_of_trunk(model, run, steps=2) < 2e-6
    # What is to lie outside is found by its name.
    inside = 0
    for weight in proto.graph.initializer:
        value = onnx.numpy_helper.to_array(weight)
        if weight.name in arrays_of:
            np.testing.assert_array_equal(value, arrays_of[weight.name])
        else:
            inside += value.nbytes
    assert inside < 1000


def worst_of_trunk(model, run, steps=6) -> float:
    worst = 0.0
    for seed, (requests, candidates) in enumerate([(1, 1), (1, 50), (7, 3)]):
        inputs = drawn(SPEC, np.random.default_rng(seed), requests, candidates, steps)
        with torch.no_grad():
            want = model.trunk(inputs)
        for one, other in zip(want, run(arrays(inputs)), strict=True):
            worst = max(worst, np.abs(one.numpy() - other).max())
    return worst


def test_a_trunk_takes_any_number_of_requests_and_candidates(din, bundle):
    assert worst_of_trunk(din, bundle.trunk) < 2e-6


def test_a_device_begins_where_torch_says(din, bundle):
    rows = heads.rows(20, width=din.head.f.width)
    before = heads.theta(din.head, seed=3)

    with torch.no_grad():
        want = din.head.start(before, profile_of(rows)).numpy()
    assert np.abs(bundle.start(arrays(rows), before.numpy()) - want).max() < 1e-6


def test_a_theta_outside_the_ball_is_brought_back(din, bundle):
    rows = heads.rows(7, width=din.head.f.width)
    far = heads.theta(din.head, length=9.0).numpy()

    after, _ = bundle.train_step(arrays(rows), far, 0.3)
    assert np.linalg.norm(after) <= din.head.radius * (1 + 1e-6)


def test_no_step_is_taken_for_the_loss_alone(din, bundle):
    rows, theta = heads.rows(7, width=din.head.f.width), heads.theta(din.head, 0, 0.4)

    same, _ = bundle.train_step(arrays(rows), theta.numpy(), 0.0)
    np.testing.assert_allclose(same, theta.numpy(), rtol=1e-6)


def test_a_model_that_reads_the_graph_has_no_trunk_on_a_device(trunkless, headed):
    bundle = load(headed, TRUSTED)

    assert not bundle.has_trunk
    assert max(worst_of_ten_steps(trunkless, bundle, n) for n in (1, 7, 64)) < 1e-6
    with pytest.raises(ArtifactError, match="its model reads the graph"):
        bundle.trunk({})


def test_a_new_round_is_new_weights_and_the_same_graphs(exported, tmp_path):
    model = shaken(model_of("DIN"))
    shutil.copytree(exported, tmp_path / "bundle")
    before = {p.name: p.read_bytes() for p in (tmp_path / "bundle").iterdir()}
    signed = refresh_bundle(model, tmp_path / "bundle", KEY)
    after = {p.name: p.read_bytes() for p in (tmp_path / "bundle").iterdir()}

    assert {name for name in after if after[name] != before[name]} == {
        WEIGHTS,
        MANIFEST,
    }
    assert signed.manifest.version == 2
    bundle = load(tmp_path / "bundle", TRUSTED)
    assert worst_of_ten_steps(model, bundle, 7) < 1e-6


def test_versions_rise_by_one_in_a_folder_and_from_one_folder_to_the_next(
    exported, tmp_path
):
    folder, began = shutil.copytree(exported, tmp_path / "bundle"), int(time.time())

    assert _next_version(folder, KEY, None) == 2
    assert _next_version(folder, KEY, 7) == 7
    assert began <= _next_version(tmp_path / "new", KEY, None) <= time.time()
    with pytest.raises(ArtifactError, match="version 1 is not larger"):
        _next_version(folder, KEY, 1)
    with pytest.raises(ConfigError, match="version"):
        _next_version(folder, KEY, 0)


def test_a_bundle_whose_writer_was_killed_between_its_renames_is_put_back(
    exported, tmp_path, monkeypatch
):
    folder, renames = shutil.copytree(exported, tmp_path / "bundle"), []
    rename = Path.rename

    def killed(path, target):
        if renames:
            raise KeyboardInterrupt
        renames.append(rename(path, target))

    # As where the system cannot exchange two folders.
    monkeypatch.setattr("tidegraph.artifact.writing._exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", killed)
    with (
        pytest.raises(KeyboardInterrupt),
        replaced_folder(folder, MANIFEST, "a bundle") as aside,
    ):
        (aside / MANIFEST).write_text("new")
    monkeypatch.undo()
    (tmp_path / ".bundle.diary.old").mkdir()

    assert not folder.exists()
    assert _next_version(folder, KEY, None) == 2
    assert load(folder, TRUSTED).signed.manifest.version == 1


def test_a_model_of_other_layers_is_not_a_new_round(exported, din):
    other = model_of("MLP")

    with pytest.raises(ArtifactError, match="other layers"):
        refresh_bundle(other, exported, KEY)
    assert load(exported, TRUSTED).signed.manifest.version == 1


def test_a_model_that_takes_other_inputs_is_not_a_new_round(exported):
    one, steps = model_of("DIN"), model_of("DIN", steps=9)

    with pytest.raises(ArtifactError, match=r"takes step of shape .*Export the model"):
        refresh_bundle(replace(one, example=steps.example), exported, KEY)


def test_a_new_round_keeps_the_items_that_are_there(exported, tmp_path):
    place = shutil.copytree(exported, tmp_path / "bundle")
    refresh_bundle(replace(model_of("DIN"), items=b"[1]"), place, KEY)
    refresh_bundle(model_of("DIN"), place, KEY)

    assert (place / "items.json").read_bytes() == b"[1]"
    assert "items.json" in load(place, TRUSTED).signed.manifest.files


def test_what_was_changed_in_a_bundle_is_not_signed_again(exported, tmp_path):
    place = shutil.copytree(exported, tmp_path / "bundle")
    raw = (place / SCORE).read_bytes()
    (place / SCORE).write_bytes(raw + raw[-1:])

    with pytest.raises(ArtifactError, match="cut short or changed"):
        refresh_bundle(model_of("DIN"), place, KEY)


@pytest.mark.parametrize("days", [0, -1])
def test_a_bundle_that_nobody_may_train_with_is_not_written(exported, tmp_path, days):
    with pytest.raises(ConfigError, match="days"):
        export_bundle(model_of("DIN"), tmp_path / "new", KEY, days=days)
    with pytest.raises(ConfigError, match="days"):
        refresh_bundle(model_of("DIN"), exported, KEY, days=days)
    assert not (tmp_path / "new").exists()


def test_graphs_hold_no_weights_and_nothing_of_this_machine(exported):
    for path in exported.glob("*.onnx"):
        raw = path.read_bytes()
        assert len(raw) < 30_000
        for trace in (b"/home", b"/work", b".py", b"pytorch", b"torch.nn"):
            assert trace not in raw


def test_a_bundle_is_less_than_a_megabyte_beside_its_tables(exported):
    sizes = {path.name: path.stat().st_size for path in exported.iterdir()}

    assert set(sizes) >= {TRUNK, START, WEIGHTS, MANIFEST}
    assert sum(sizes.values()) < 1_000_000


def test_a_place_that_holds_something_else_is_left_alone(tmp_path, din):
    (tmp_path / "diary.txt").write_text("x")

    with pytest.raises(ArtifactError, match="is not a bundle"):
        refresh_bundle(din, tmp_path, KEY)
    with pytest.raises(ArtifactError, match="is not a bundle"):
        export_bundle(din, tmp_path, KEY)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_devices_that_take_no_step_are_not_exported():
    with pytest.raises(ConfigError, match="steps=0"):
        replace(model_of("DIN"), local=LocalSteps(steps=0))


@pytest.mark.parametrize("change", ["radius", "clip"])
def test_a_model_of_other_settings_is_not_a_new_round(exported, change):
    model = model_of("DIN")
    if change == "radius":
        model.head.radius = 0.1
    else:
        model = replace(model, local=LocalSteps(clip=0.5))

    with pytest.raises(ArtifactError, match="other layers or settings"):
        refresh_bundle(model, exported, KEY)


def test_what_does_not_give_what_the_model_gives_is_not_written(exported, tmp_path):
    """Weights of the right shapes for a model that computes something else."""
    one = model_of("DIN")
    shutil.copytree(exported, tmp_path / "bundle")
    before = {p.name: p.read_bytes() for p in (tmp_path / "bundle").iterdir()}
    one.head.f.bends[0].standard.variance += 1
    # The graph has its own idea of what this is.
    one.head.below = lambda x: x * 2

    with pytest.raises(ArtifactError, match="off by"):
        refresh_bundle(one, tmp_path / "bundle", KEY)
    after = {p.name: p.read_bytes() for p in (tmp_path / "bundle").iterdir()}
    assert after == before
