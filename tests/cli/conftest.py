import shutil

import pytest

from cli.shops import opened
from shared import made_once
from tidegraph.cli import run


@pytest.fixture
def shop(tmp_path):
    """A folder with a log, item features and a recipe."""
    return opened(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The model of the recipe, which no test changes."""
    recipe = opened(tmp_path_factory.mktemp("shop")) / "recipe.toml"

    def train(folder):
        assert run(["train", str(recipe), "-o", str(folder)]) == 0

    return made_once(tmp_path_factory, "trained", train)


@pytest.fixture
def model(shop, trained):
    """The model of the recipe beside it."""
    return shutil.copytree(trained, shop / "model")
