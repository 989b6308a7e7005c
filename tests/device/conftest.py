import pytest

from device.bundles import KEY, TRUSTED, model_of
from shared import made_once
from tidegraph.device.bundle.export import export
from tidegraph.device.bundle.graphs import Model
from tidegraph.device.bundle.loading import load


@pytest.fixture(scope="session")
def din() -> Model:
    return model_of("DIN")


@pytest.fixture(scope="session")
def exported(din, tmp_path_factory):
    """The bundle of DIN, which no test changes."""
    return made_once(
        tmp_path_factory, "din", lambda path: export(din, path, KEY, version=1)
    )


@pytest.fixture(scope="session")
def bundle(exported):
    return load(exported, TRUSTED)


@pytest.fixture(scope="session")
def trunkless() -> Model:
    return model_of("DSGL", trunk=False)


@pytest.fixture(scope="session")
def headed(trunkless, tmp_path_factory):
    """The bundle of a model that reads the graph, which no test changes."""
    return made_once(
        tmp_path_factory, "headed", lambda path: export(trunkless, path, KEY, version=1)
    )
