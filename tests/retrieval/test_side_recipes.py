"""GES and EGES: laws, planted groups, and items that nobody has had yet."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from retrieval.recipes_log import groups, share_of_own_group, two_groups
from tidegraph.artifact.sealed import load, save
from tidegraph.catalog import model
from tidegraph.errors import ConfigError, DataError
from tidegraph.retrieval.embedded import FittedEmbedding
from tidegraph.retrieval.recipes.walk import eges, ges
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws, requests_at
from tidegraph.training.optimizers import LazyAdam
from tidegraph.training.settings import Training

FEW = Training(2, 512, LazyAdam(5e-3), patience=None)
LONG = Training(15, 1024, LazyAdam(2e-2), patience=None)


def described(log, unseen=None):
    """The log with a category of each id, ``unseen`` for items without an event."""
    seen = np.isin(np.arange(len(log.items)), log.item)
    number = log.items.ids.cast(pl.String).str.extract(r"(\d+)").cast(pl.Int64)
    kind = [
        f"k{n % 2}" if there else unseen
        for n, there in zip(number.to_list(), seen, strict=True)
    ]
    table = pl.DataFrame({"item": log.items.ids, "kind": kind})
    return replace(log, items=log.items.with_features(table, "item"))


@dataclass(frozen=True)
class Described:
    """A method that learns from the log with a category of each item."""

    method: Any

    @property
    def name(self):
        return self.method.name

    def fit(self, train, **rest):
        log = Fold.of(train, self.name).log
        return self.method.fit(described(log) if len(log) else log, **rest)


class TestGES(RetrieverLaws):
    variant_of = "TestEGES"
    retriever = Described(ges(("kind",), 2, 4, 2, None, 8, FEW))
    forgets_time = False
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestEGES(RetrieverLaws):
    retriever = Described(eges(("kind",), 2, 4, 2, None, 8, FEW))
    forgets_time = False
    seeded_by_row = True  # First weights and samples are drawn row by row.


@pytest.mark.parametrize("recipe", [ges, eges])
def test_two_groups_that_share_nothing_are_told_apart(recipe):
    log = two_groups()
    table = pl.DataFrame(
        {"item": log.items.ids, "kind": [f"k{n % 5}" for n in range(len(log.items))]}
    )
    log = replace(log, items=log.items.with_features(table, "item"))
    method = recipe(("kind",), 5, 5, 3, None, 8, LONG)

    answer = method.fit(log).retrieve(requests_at(log, repeat=True), 5)

    assert answer.present.all()
    assert share_of_own_group(answer, log) > 0.95


@pytest.mark.parametrize("recipe", [ges, eges])
def test_an_unseen_item_is_among_those_of_its_category(recipe, tmp_path):
    log = two_groups()
    own = [f"k{n}" for n in groups(len(log.items))]
    names, cold = log.items.ids.to_list(), ["cold0", "cold1", "nobody"]
    table = pl.DataFrame({"item": names + cold, "kind": [*own, "k0", "k1", None]})
    log = replace(log, items=log.items.with_features(table, "item"))
    fitted = recipe(("kind",), 5, 5, 3, None, 8, LONG).fit(log)
    first = len(names)

    assert fitted.item_known.tolist() == [True] * (first + 2) + [False]
    users = requests_at(log, repeat=True)
    score = fitted.scores(users)
    even = groups(len(users)) == 0
    assert (score[even, first] > score[even, first + 1]).all()
    assert (score[~even, first] < score[~even, first + 1]).all()
    answer = fitted.retrieve(users, first + 3)
    assert (answer.item == first).any(axis=1).all()
    assert not (answer.item == first + 2).any()
    # What is like a new item is of its category, and is as well after saving.
    save(fitted, tmp_path / "model")
    back = load(tmp_path / "model", {"FittedEmbedding": FittedEmbedding})
    near = back.similar(np.array([first + 1], np.int32), 5)
    assert (np.append(groups(first), [0, 1])[near.item] == 1).all()


def test_a_column_that_says_nothing_is_said():
    log = draw_log()
    count = len(log.items)
    table = pl.DataFrame(
        {
            "item": log.items.ids,
            "same": ["a"] * count,
            "empty": pl.Series([None] * count, dtype=pl.String),
            "price": [0.5 * n for n in range(count)],
            "shelf": [n % 3 for n in range(count)],
            "sold": [n % 2 == 0 for n in range(count)],
            # As pandas has whole numbers with a gap.
            "brand": [np.nan, *(float(n % 7) for n in range(1, count))],
        }
    )
    log = replace(log, items=log.items.with_features(table, "item"))

    def fitted(*side):
        return eges(side, 1, 4, 2, None, 8, FEW).fit(log)

    with pytest.raises(DataError, match="'same' is 'a' for every item"):
        fitted("same")
    with pytest.raises(DataError, match="'empty' is nothing for every item"):
        fitted("shelf", "empty")
    with pytest.raises(DataError, match=r"'price' is a number with a fraction.*ranges"):
        fitted("price")
    with pytest.raises(DataError, match=r"'shelv' is no feature.*Did you mean 'shelf'"):
        fitted("shelv")
    with pytest.raises(ConfigError, match="no column to come from"):
        fitted()
    assert fitted("shelf", "sold", "brand").item_known.all()


def test_a_recipe_names_the_sides():
    table = {"model": "eges", "side": ["kind"], "length": 4}

    assert model(table, "recipe.toml", "retrieve") == eges(("kind",), length=4)
    with pytest.raises(ConfigError, match="side"):
        model({"model": "eges"}, "recipe.toml", "retrieve")
