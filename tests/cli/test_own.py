"""Models of classes of one's own, which a command is told the module of."""

import importlib
import sys

import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.cli import run

MODULE = """
from dataclasses import dataclass

import numpy as np

import tidegraph as tg
from tidegraph.artifact.sealed import State
from tidegraph.stages import Candidates


@dataclass(frozen=True)
class Newest:
    name: str = "Newest"

    def fit(self, train):
        return FittedNewest(len(tg.Fold.of(train, self.name).events.items))


@dataclass(frozen=True)
class FittedNewest:
    items: int
    name = "Newest"

    def retrieve(self, requests, k):
        item = np.arange(self.items - 1, self.items - 1 - min(k, self.items), -1)
        item = np.tile(item.astype(np.int32), (len(requests), 1))
        return Candidates(item, item.astype(np.float32))

    def state(self):
        return State("FittedNewest", {"items": self.items})

    @classmethod
    def from_state(cls, state):
        return cls(state.settings["items"])
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a model of a class that the package ``our_shop`` has."""
    package = tmp_path / "lib" / "our_shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "stages.py").write_text(MODULE)
    (package / "broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    newest = importlib.import_module("our_shop.stages").Newest
    model = tmp_path / "model"
    tg.Pipeline(retrieve=newest()).fit(draw_log()).save(model)
    yield model
    for name in [name for name in sys.modules if name.startswith("our_shop")]:
        del sys.modules[name]


def test_a_model_of_ones_own_class_is_answered_by_with_its_module(own, capsys):
    assert run(["recommend", str(own), "--user", "u1", "-k", "2"]) == 2
    assert "--kinds package.module" in capsys.readouterr().err

    asked = ["recommend", str(own), "--user", "u1", "-k", "2", "--json"]
    assert run([*asked, "--kinds", "our_shop.stages"]) == 0

    last = draw_log().items.ids[-1]
    assert last in capsys.readouterr().out.splitlines()[0]


def test_users_are_erased_from_a_model_of_ones_own_class(own, capsys):
    kinds = ["--kinds", "our_shop.stages"]

    assert run(["erase", str(own), "--user", "u1", *kinds]) == 0
    assert run(["recommend", str(own), "--user", "u1", *kinds]) == 0
    assert "user 'u1' is not in the model" in capsys.readouterr().err


FEATURE = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Hour:
    name: str = "hour"

    def read(self, past):
        return past.candidates()["time"] // 3600 % 24
"""


@pytest.fixture
def with_feature(own, tmp_path):
    """A folder with a model whose ranker has a feature of ``our_shop``, and its log."""
    (tmp_path / "lib" / "our_shop" / "features.py").write_text(FEATURE)
    hour = importlib.import_module("our_shop.features").Hour
    rank = tg.RecencyLogit(groups=("item", hour()))
    log, model = draw_log(events=1500), tmp_path / "ranked"
    tg.Pipeline(tg.ItemKNN(), rank=rank).fit(log.before(log.time[1200])).save(model)
    rows = {"user": log.users.decode(log.user), "item": log.items.decode(log.item)}
    pl.DataFrame(rows | {"time": log.time}).write_parquet(tmp_path / "log.parquet")
    return model, tmp_path / "log.parquet"


def test_a_model_with_a_feature_of_ones_own_answers_and_is_judged(with_feature, capsys):
    model, log = map(str, with_feature)
    for asked in (["recommend", model, "--user", "u1"], ["evaluate", model, log]):
        assert run(asked) == 2
        assert "--kinds package.module" in capsys.readouterr().err

        assert run([*asked, "--kinds", "our_shop.features"]) == 0
        assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("our_shp", "Python finds no module 'our_shp'. Install it"),
        ("our_shop.nothing", "importing it failed with ModuleNotFoundError"),
        ("our_shop.broken", "importing it failed with ZeroDivisionError: division"),
        ("our_shop", "the module has no class"),
        ("", "Python finds no module"),
    ],
)
def test_a_module_without_the_class_is_told_so(own, capsys, module, said):
    assert run(["recommend", str(own), "--user", "u1", "--kinds", module]) == 2

    assert said in capsys.readouterr().err


def test_what_came_with_a_model_is_never_run(own, capsys, monkeypatch):
    (own / "brought.py").write_text("raise SystemExit(7)")
    monkeypatch.syspath_prepend(own)

    assert run(["recommend", str(own), "--user", "u1", "--kinds", "brought"]) == 2

    assert "what came with a model is never run" in capsys.readouterr().err
    assert "brought" not in sys.modules
