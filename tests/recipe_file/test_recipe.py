"""A recipe that Python opens is fitted as the command line fits it."""

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from cli.shops import opened
from tidegraph.cli import run
from tidegraph.errors import ConfigError, DataError


@pytest.mark.parametrize(
    "split",
    [
        "",
        "[split]\nleave_last = 1\n",
        "[split.rolling]\nwindow_days = 10\nfolds = 2\n",
    ],
    ids=["shares", "leave_last", "rolling"],
)
def test_python_fits_a_recipe_as_the_command_does(split, tmp_path):
    recipe = opened(tmp_path) / "recipe.toml"
    recipe.write_text(recipe.read_text() + split)
    words = ["train", str(recipe), "-o", str(tmp_path / "model"), "--quiet"]
    assert run(words) == 0

    fitted = tg.read_recipe(str(recipe)).fit()
    fitted.model.save(tmp_path / "ours")

    theirs, ours = tg.load(tmp_path / "model"), tg.load(tmp_path / "ours")
    assert ours.serving == theirs.serving
    users = fitted.parts.train.users.ids
    assert ours.recommend_all(users).equals(theirs.recommend_all(users))


def test_what_valid_says_is_a_value_and_a_text(tmp_path):
    fitted = tg.read_recipe(opened(tmp_path) / "recipe.toml").fit()

    said = fitted.on_valid()

    channels = {"all candidates", "Popular", "channel Popular", "channel ItemKNN"}
    assert set(said.recalls) == channels
    assert all(0 <= mean <= 1 for mean in said.recalls.values())
    assert "channel ItemKNN" in said.evaluation.table()["model"].to_list()
    assert f"of what retrieval proposes: {said.recalls['all candidates']:.4f}" in (
        said.text()
    )


def test_the_parts_of_a_recipe_are_what_it_says_and_what_takes_its_place(tmp_path):
    path = opened(tmp_path) / "recipe.toml"
    pl.read_csv(tmp_path / "events.csv").rename({"uid": "who"}).write_csv(
        tmp_path / "other.csv"
    )
    recipe = tg.read_recipe(
        path, {"path": "other.csv", "user": "who"}, {"valid": 0, "test": 0.2}
    )

    fitted = recipe.fit()

    assert [len(fitted.parts.train), len(fitted.parts.test)] == [1200, 300]
    assert fitted.model.serving.reading.columns.user == "who"
    assert np.isfinite(tg.evaluate(fitted.model, fitted.parts.test).table()["mean"][0])
    with pytest.raises(DataError, match="has no valid part"):
        fitted.on_valid()


def test_a_recipe_that_is_none_is_said_as_the_command_says_it(tmp_path):
    (tmp_path / "recipe.toml").write_text("[data]\npath = 'x.csv'")

    with pytest.raises(ConfigError, match=r"recipe.toml has no \[\[retrieve\]\]"):
        tg.read_recipe(tmp_path / "recipe.toml")


def test_one_table_in_place_of_a_list_of_channels_is_named(tmp_path):
    (tmp_path / "recipe.toml").write_text("[data]\npath = 'x.csv'\n[retrieve]")

    with pytest.raises(ConfigError, match=r"\[retrieve\], one table.*Write \[\[ret"):
        tg.read_recipe(tmp_path / "recipe.toml")
