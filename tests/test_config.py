import subprocess
import sys
from dataclasses import dataclass, field
from typing import Literal

import pytest

from tidegraph.catalog import model
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError
from tidegraph.features.columns import FeatureSet
from tidegraph.recipe_file.toml_file import read_toml
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.recipes.factorized import netmf
from tidegraph.training.settings import Training


@dataclass(frozen=True)
class Inner:
    width: int = 4


@dataclass(frozen=True)
class Model:
    neighbors: int = 50
    shrinkage: float = 0.0
    kind: Literal["sum", "mean"] = "sum"
    cap: int | None = None
    sizes: tuple[int, ...] = (1, 2)
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Needy:
    path: str


def test_a_misspelt_setting_names_the_right_one():
    with pytest.raises(ConfigError, match="Did you mean 'neighbors'"):
        build(Model, {"neighbours": 20}, "recipe.toml:retrieve")


def test_the_table_is_named():
    with pytest.raises(ConfigError, match=r"\[recipe.toml:retrieve\]"):
        build(Model, {"q": 1}, "recipe.toml:retrieve")


def test_settings_survive_the_way_out_and_back():
    model = Model(3, 0.5, "mean", 7, (4, 5, 6), Inner(9))

    assert build(Model, to_table(model), "x") == model


def test_none_is_a_word_where_there_may_be_none():
    table = {"model": "netmf", "rank": "none"}
    trained = {"schedule": "none", "patience": "none", "epochs": 3}

    assert build(Model, {"cap": "none"}, "x") == Model(cap=None)
    assert model(table, "recipe.toml", "retrieve") == netmf(rank=None)
    found = build(Training, trained, "x")
    assert found == Training(3, schedule=None, patience=None)
    with pytest.raises(ConfigError, match=r"neighbors\] is 'none'"):
        build(Model, {"neighbors": "none"}, "x")


def test_a_whole_number_is_a_fraction_too():
    built = build(Model, {"shrinkage": 2}, "x")

    assert built.shrinkage == 2.0
    assert isinstance(built.shrinkage, float)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"neighbors": "many"}, r"neighbors\] is 'many'; it must be a whole number"),
        ({"neighbors": True}, "must be a whole number"),
        ({"kind": "max"}, "it must be 'sum' or 'mean'"),
        ({"sizes": 3}, "must be a list"),
        ({"sizes": [1, "b"]}, "must be a whole number"),
        ({"cap": 1.5}, "must be a whole number"),
        ({"inner": {"widht": 1}}, "Did you mean 'width'"),
    ],
)
def test_a_wrong_value_says_what_it_should_be(table, says):
    with pytest.raises(ConfigError, match=says):
        build(Model, table, "x")


def test_a_required_setting_must_be_given():
    with pytest.raises(ConfigError, match="lacks the setting 'path'"):
        build(Needy, {}, "data")


def test_a_missing_file_and_a_broken_one_are_told_apart(tmp_path):
    (tmp_path / "broken.toml").write_text("a = = 1")

    with pytest.raises(ConfigError, match="there is no file"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        read_toml(tmp_path / "broken.toml")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_recipe_reads_the_same_however_an_editor_saved_it(encoding, end, tmp_path):
    text = end.join(["[data]", 'path = "käufe.csv"', "", "[split]", "test = 0.2"])
    (tmp_path / "recipe.toml").write_bytes(text.encode(encoding))

    table = read_toml(tmp_path / "recipe.toml")

    assert table == {"data": {"path": "käufe.csv"}, "split": {"test": 0.2}}


def test_a_recipe_in_another_encoding_says_where_and_what_to_do(tmp_path):
    (tmp_path / "recipe.toml").write_bytes('path = "käufe.csv"'.encode("latin-1"))

    with pytest.raises(ConfigError, match=r"byte 10 is not UTF-8\. Save the recipe"):
        read_toml(tmp_path / "recipe.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_toml(tmp_path)


def test_a_value_that_is_none_of_several_kinds_is_told_all_of_them():
    with pytest.raises(ConfigError, match="'users'; it must be true or false or 'it"):
        build(FeatureSet, {"ids": "users"}, "rank.features")

    assert build(FeatureSet, {"ids": "item"}, "rank.features").ids == "item"


def test_a_file_may_say_whatever_a_caller_may():
    assert model({"model": "ItemKNN", "neighbors": 3.0}, "x", "retrieve") == ItemKNN(3)
    with pytest.raises(ConfigError, match=r"by\] is 3; it must be text or an ItemEmb"):
        model({"model": "MMR", "by": 3}, "x", "rerank")


@pytest.mark.parametrize(
    ("stage", "name", "setting", "part"),
    [
        ("retrieve", "bpr_mf", "training", {"type": "Training", "epochs": 3}),
        ("rank", "DIN", "sampling", {"type": "CandidateSampling", "size": 6}),
        ("retrieve", "Embedding", "objective", {"type": "Objective", "l2": 0.5}),
    ],
)
def test_a_part_may_name_its_type_where_only_one_fits(stage, name, setting, part):
    table = {"model": name, setting: part}
    untold = {key: value for key, value in part.items() if key != "type"}

    assert model(table, "x", stage) == model({**table, setting: untold}, "x", stage)
    right = f"names the type 'Trainer'.*one of: {part['type']}"
    with pytest.raises(ConfigError, match=rf"x\.{name}\.{setting}\] {right}"):
        model({**table, setting: {**part, "type": "Trainer"}}, "x", stage)


@pytest.mark.parametrize(
    ("stage", "name", "says"),
    [
        ("rank", "NeuralRanker", "write the click model's name here"),
        ("retrieve", "Blend", r"its settings are the table \[blend\]"),
    ],
)
def test_a_method_that_is_written_otherwise_is_told_how(stage, name, says):
    with pytest.raises(ConfigError, match=says):
        model({"model": name}, "x", stage)


CALLS = """
from tidegraph.errors import ConfigError
from tidegraph.recipe_file.search.space import Search
from tidegraph.recipe_file.split import Split
from tidegraph.reranking.diversity import MMR
for kind, wrong in (MMR, {"by": 3}), (Split, {"valid": "x"}), (Search, {"settings": 3}):
    try:
        kind(**wrong)
    except ConfigError as error:
        print(error)
"""


def test_a_caller_is_told_what_a_file_is():
    words = [sys.executable, "-c", CALLS]  # Without checks of tests.
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout

    by, valid, settings = said.splitlines()
    assert "by is 3; it must be text or an" in by
    assert "valid is 'x'; it must be a num" in valid
    assert "settings is 3; it must be a mapping" in settings


def test_what_was_made_before_is_no_setting():
    built = build(Model, {"neighbors": 3}, "x", given={"inner": Inner(9)})

    assert built == Model(3, inner=Inner(9))
    with pytest.raises(ConfigError, match="no setting 'inner'"):
        build(Model, {"inner": {"width": 2}}, "x", given={"inner": Inner(9)})
