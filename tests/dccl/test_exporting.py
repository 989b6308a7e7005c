"""What a cloud publishes is what it answers by."""

import numpy as np
import pytest
import torch

from dccl.clouds import fleet, method, model, parts
from tidegraph.cli import run
from tidegraph.dccl.exporting import _example
from tidegraph.device.bundle.loading import load
from tidegraph.device.signing import trusted_key
from tidegraph.device.split import split


@pytest.mark.slow
def test_a_saved_cloud_is_exported_and_its_bundle_scores_as_it_does(tmp_path, capsys):
    cloud = method(rounds=2).fit(parts()[1], fleet())
    cloud.save(tmp_path / "model")
    words = ["device", "export", str(tmp_path / "model"), "-o", str(tmp_path / "out")]

    assert run([*words, "--key", str(tmp_path / "signing.pem")]) == 0
    assert "signing.pem.pub" in capsys.readouterr().out
    bundle = load(tmp_path / "out", trusted_key(tmp_path / "signing.pem.pub"))
    assert not list((tmp_path / "out").glob("*.pem*"))
    personal = cloud.personal
    assert bundle.signed.manifest.theta == personal.after.head.theta
    user = int(np.flatnonzero(personal.after.current)[0])
    theta = personal.after.theta[user]
    trunk = split(personal.ranker.network).trunk
    with torch.no_grad():
        x, offset = trunk(_example(cloud.pipeline, personal.ranker))
        head = personal.after.head
        logit = head(x[0], offset[0], torch.from_numpy(theta))
    found = bundle.score(x[0].numpy(), offset[0].numpy(), theta)
    np.testing.assert_allclose(found, torch.sigmoid(logit), atol=1e-5)


@pytest.mark.slow
def test_the_bundle_of_a_round_has_its_trunk_and_the_graphs_of_the_round_before(
    tmp_path,
):
    first, second = (
        method(rounds=rounds, aside=0.0).fit(parts()[1], fleet()) for rounds in (1, 2)
    )
    key, place = tmp_path / "signing.pem", tmp_path / "out"
    first.export(place, key, version=1)
    graphs = {file.name: file.read_bytes() for file in place.glob("*.onnx")}
    weights = (place / "weights.bin").read_bytes()
    second.export(place, key)

    bundle = load(place, trusted_key(tmp_path / "signing.pem.pub"))
    personal = second.personal
    assert bundle.signed.manifest.version == 2
    assert "trunk.onnx" in graphs
    assert graphs == {file.name: file.read_bytes() for file in place.glob("*.onnx")}
    assert weights != (place / "weights.bin").read_bytes()
    example = _example(second.pipeline, personal.ranker)
    given = {name: part.numpy() for name, part in example._asdict().items()}
    x, offset = bundle.trunk(given)
    theta = np.zeros(personal.after.head.theta, np.float32)
    found = [bundle.score(*one, theta) for one in zip(x, offset, strict=True)]
    with torch.no_grad():
        logit = personal.ranker.network.answer(example, None)
        before = model().ranker.network.answer(example, None)
    np.testing.assert_allclose(found, torch.sigmoid(logit), atol=1e-5)
    # What the pipeline was fitted to is another model by now.
    assert float((logit - before).abs().max()) > 0.01
