"""What a cloud publishes is what it answers by."""

import io
from contextlib import redirect_stdout
from dataclasses import dataclass, replace

import numpy as np
import onnx
import pytest
import torch

from dccl.clouds import fleet, method, model, parts, pipeline
from device.phones import manifest_of
from tidegraph.cli import run
from tidegraph.dccl import FittedDCCL
from tidegraph.dccl.exporting import _trunk_example, publish_bundle
from tidegraph.device.bundle.graphs import _trunk_graph
from tidegraph.device.bundle.loading import TRUNK, load
from tidegraph.device.bundle.manifest import MANIFEST, sealed
from tidegraph.device.client.client import DeviceClient
from tidegraph.device.signing import signing_key, trusted_key
from tidegraph.device.split import split
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.features.columns import FeatureSet
from tidegraph.stages import Requests


@pytest.fixture(scope="module")
def clouds():
    """One after a round, and one that went on from there."""
    return [
        method(rounds=rounds, aside=0.0).fit(parts()[1], model(), fleet())
        for rounds in (1, 2)
    ]


@pytest.fixture(scope="module")
def published(clouds, tmp_path_factory):
    """The bundle of the second in the place of one before, and what was said of it.

    As who has a saved cloud alone writes it.
    """
    root = tmp_path_factory.mktemp("published")
    key = signing_key(root / "signing.pem")
    (root / "out").mkdir()
    (root / "out" / MANIFEST).write_bytes(sealed(manifest_of(version=1), key))
    clouds[1].save(root / "model")
    words = ["device", "export", str(root / "model"), "-o", str(root / "out")]
    with redirect_stdout(io.StringIO()) as said:
        assert run([*words, "--key", str(root / "signing.pem")]) == 0
    return root, said.getvalue()


def computed_by(graph):
    """What a graph computes of what; how torch numbers values within may differ."""
    ends = [one.name for one in (*graph.input, *graph.output)]
    steps = [node.op_type for node in graph.node]
    weights = {held.name: tuple(held.dims) for held in graph.initializer}
    return ends, steps, weights


def test_devices_that_learn_the_rate_of_actions_have_no_bundle(clouds, tmp_path):
    pipeline = clouds[0].pipeline
    local = replace(pipeline.ranker.local, correct=False)
    ranker = replace(pipeline.ranker, local=local)

    with pytest.raises(ConfigError, match=r"correct=False.*no bundle"):
        publish_bundle(replace(pipeline, ranker=ranker), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_refused_export_leaves_no_key_behind(clouds, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("mine")

    with pytest.raises(ArtifactError, match="is not a bundle"):
        clouds[0].export(tmp_path / "bundle")
    with pytest.raises(ConfigError, match="version is 0"):
        clouds[0].export(tmp_path / "new", version=0)

    assert [one.name for one in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.slow(of="test_what_the_demonstration_learns_is_ranked_by_a_device_itself")
def test_a_saved_cloud_is_exported_and_its_bundle_scores_as_it_does(clouds, published):
    cloud, (root, said) = clouds[1], published

    assert "signing.pem.pub" in said
    bundle = load(root / "out", trusted_key(root / "signing.pem.pub"))
    assert not list((root / "out").glob("*.pem*"))
    personal = cloud.personal
    assert bundle.signed.manifest.theta == personal.after.head.theta
    user = int(np.flatnonzero(personal.after.current)[0])
    theta = personal.after.theta[user]
    trunk = split(personal.ranker.network).trunk
    with torch.no_grad():
        x, offset = trunk(_trunk_example(cloud.pipeline, personal.ranker))
        head = personal.after.head
        logit = head(x[0], offset[0], torch.from_numpy(theta))
    found = bundle.score(x[0].numpy(), offset[0].numpy(), theta)
    np.testing.assert_allclose(found, torch.sigmoid(logit), atol=1e-5)


@pytest.mark.slow(of="test_what_the_demonstration_learns_is_ranked_by_a_device_itself")
def test_a_device_ranks_what_the_pipeline_makes_of_a_request(
    clouds, published, tmp_path
):
    pipeline, (root, _) = clouds[1].pipeline, published
    ranker, graph = pipeline.ranker.ranker, pipeline.graph
    user = graph.users.encode(graph.users.ids.head(1))
    requests = Requests.of_users(graph, user, np.array([graph.latest + 1]))
    candidates = pipeline.retriever.retrieve(requests, 100)
    numbers = ranker.features.of(requests, candidates)
    block = next(ranker.batches.blocks(requests, candidates.item, numbers))
    inputs = {name: part.numpy() for name, part in block.inputs._asdict().items()}

    with DeviceClient(tmp_path, trusted_key(root / "signing.pem.pub")) as client:
        client.install(root / "out")
        found = client.rank(inputs)

    scored = ranker.score(requests, candidates)[0]
    assert len(found) == len(candidates.item[0])
    np.testing.assert_allclose(found, scored, atol=1e-5)


@dataclass(frozen=True)
class Hour:
    """A feature of one's own."""

    name: str = "hour"

    def read(self, past):
        return past.candidates()["time"] // 3600 % 24


@pytest.mark.slow(of="test_what_the_demonstration_learns_is_ranked_by_a_device_itself")
def test_features_of_ones_own_are_computed_in_the_cloud_and_sent(tmp_path):
    plain = pipeline()
    features = replace(plain.rank.features, groups=(*FeatureSet.groups, Hour()))
    known, log = parts()
    own = replace(plain, rank=replace(plain.rank, features=features)).fit(known)
    method(rounds=1, aside=0.0).fit(log, own, fleet()).save(tmp_path / "model")

    cloud = FittedDCCL.load(tmp_path / "model", kinds=[Hour])
    cloud.export(tmp_path / "out", key=tmp_path / "key.pem")

    ranker = cloud.personal.ranker
    example = _trunk_example(cloud.pipeline, ranker)
    assert example.numbers.shape[2] == len(ranker.features.names)
    assert "hour" in ranker.features.names
    with torch.no_grad():
        x, offset = split(ranker.network).trunk(example)
        theta = np.zeros(cloud.personal.after.head.theta, np.float32)
        logit = cloud.personal.after.head(x[0], offset[0], torch.from_numpy(theta))
    bundle = load(tmp_path / "out", trusted_key(tmp_path / "key.pem.pub"))
    found = bundle.score(x[0].numpy(), offset[0].numpy(), theta)
    np.testing.assert_allclose(found, torch.sigmoid(logit), atol=1e-5)


@pytest.mark.slow(of="test_what_the_demonstration_learns_is_ranked_by_a_device_itself")
def test_the_bundle_of_a_round_has_its_trunk_and_the_graph_of_the_round_before(
    clouds, published
):
    root, _ = published
    (first, _), place, second = clouds, root / "out", clouds[1]
    trunk = split(first.personal.ranker.network).trunk
    graph = _trunk_graph(
        trunk, _trunk_example(first.pipeline, first.personal.ranker)
    ).graph

    bundle = load(place, trusted_key(root / "signing.pem.pub"))
    personal = second.personal
    assert bundle.signed.manifest.version == 2
    written = onnx.load_model_from_string((place / TRUNK).read_bytes()).graph
    assert computed_by(written) == computed_by(graph)
    example = _trunk_example(second.pipeline, personal.ranker)
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
