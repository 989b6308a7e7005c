from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from device.bundles import KEY, TRUSTED, model_of
from shared import made_once
from tidegraph.device.bundle.export import export_bundle
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.bundle.loading import SCORE, START, TRAIN_STEP, load
from tidegraph.device.bundle.weights import weight_places


@pytest.fixture(scope="session")
def din() -> Model:
    return model_of("DIN")


@pytest.fixture(scope="session")
def exported(din, tmp_path_factory):
    """The bundle of DIN, which no test changes."""
    return made_once(
        tmp_path_factory, "din", lambda path: export_bundle(din, path, KEY, version=1)
    )


@pytest.fixture(scope="session")
def bundle(exported):
    return load(exported, TRUSTED)


@pytest.fixture(scope="session")
def trunkless(din) -> Model:
    """As a model that reads the graph is exported."""
    return replace(din, trunk=None, example=None)


def weights_within(path: Path) -> onnx.ModelProto:
    """A graph of a bundle, with weights of 0 in it until they are put outside."""
    proto = onnx.load_model_from_string(path.read_bytes())
    for name, place in weight_places(proto).items():
        (held,) = (one for one in proto.graph.initializer if one.name == name)
        held.data_location, held.raw_data = onnx.TensorProto.DEFAULT, bytes(place[1])
        del held.external_data[:]
    return proto


@pytest.fixture(scope="session")
def headed(trunkless, exported, tmp_path_factory):
    """The bundle of a model without a trunk, which no test changes.

    The graphs of its head are those of the model with one; to write them again takes
    10 s.
    """
    names = (SCORE, TRAIN_STEP, START)
    protos = {name: weights_within(exported / name) for name in names}

    def make(folder):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(
                "tidegraph.device.bundle.export.graphs_of", lambda _: protos
            )
            export_bundle(trunkless, folder, KEY, version=1)

    return made_once(tmp_path_factory, "headed", make)
