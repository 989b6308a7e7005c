"""Names of channels in a recipe and in what the commands say and take."""

import re

import polars as pl
import pytest

from tidegraph.cli import run
from tidegraph.errors import ConfigError
from tidegraph.pipeline import Windows
from tidegraph.recipe_file.recipe import pipeline_of, read_recipe
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular

RECIPE = """
[data]
path = "events.csv"
user = "uid"
item = "sku"
time = "ts"

[[retrieve]]
model = "ItemKNN"
name = "near"
neighbors = 2

[[retrieve]]
model = "ItemKNN"
name = "far"
neighbors = 90

[blend]
quotas = {near = 3.0, far = 1}

[rank]
model = "RecencyLogit"

[pipeline]
fallback = {model = "Popular", name = "rest"}
windows = {count = 2, fit_once = ["far"]}
"""


@pytest.fixture
def recipe(shop):
    (shop / "recipe.toml").write_text(RECIPE)
    return shop / "recipe.toml"


def test_a_recipe_says_what_python_does(recipe):
    plan = read_recipe(recipe).pipeline

    assert plan.blend.methods == {
        "near": ItemKNN(neighbors=2),
        "far": ItemKNN(neighbors=90),
    }
    assert plan.blend.quotas == {"near": 3.0, "far": 1.0}
    assert plan.spare == {"rest (fallback)": Popular()}
    assert plan.windows == Windows(2, fit_once=("far",))


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ([{}, {}], "two channels called 'ItemKNN'. Give one of them another name"),
        ([{"name": "a"}, {"name": "a"}], "two channels called 'a'. Give one of them"),
        ([{"name": "ItemKNN"}, {}], "two channels called 'ItemKNN'"),
        ([{"name": "a+b"}], r"\[r:retrieve\] has a channel called 'a\+b'"),
        ([{"name": 7}], r"\[r:retrieve\] has a channel called 7"),
    ],
)
def test_a_recipe_with_names_that_clash_or_are_none_is_refused(tables, says):
    stages = {"retrieve": [{"model": "ItemKNN", **table} for table in tables]}
    with pytest.raises(ConfigError, match=says):
        pipeline_of(stages, "r")


def test_the_commands_say_and_take_the_names(recipe, capsys):
    model = str(recipe.parent / "model")
    assert run(["train", str(recipe), "-o", model]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^channel near  ", said, re.M)
    assert re.search(r"^channel far  ", said, re.M)
    assert "near chose on the log: similarity=" in said

    user = pl.read_csv(recipe.parent / "events.csv")["uid"][0]
    wanted = ["recommend", model, "--user", str(user), "--explain", "--json"]
    assert run([*wanted, "-k", "5"]) == 0
    rows = pl.read_ndjson(capsys.readouterr().out.encode())
    assert set(rows["channel"].str.split("+").explode()) <= {"near", "far"}

    item = pl.read_csv(recipe.parent / "events.csv")["sku"][0]
    asked = ["similar", model, "--item", str(item), "--json", "--channel"]
    assert run([*asked, "far"]) == 0
    assert '"channel":"far"' in capsys.readouterr().out.replace(" ", "")
    assert run([*asked, "ItemKNN"]) == 2
    assert "There are: near, far" in capsys.readouterr().err
