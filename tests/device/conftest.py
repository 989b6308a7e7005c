import pytest

from device.bundles import KEY, TRUSTED, model_of
from tidegraph.device.bundle.export import export
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.bundle.loading import load


@pytest.fixture(scope="session")
def din() -> Model:
    return model_of("DIN")


@pytest.fixture(scope="session")
def exported(din, tmp_path_factory):
    """The bundle of DIN, which no test changes."""
    folder = tmp_path_factory.mktemp("din") / "bundle"
    export(din, folder, KEY)
    return folder


@pytest.fixture(scope="session")
def bundle(exported):
    return load(exported, TRUSTED)
