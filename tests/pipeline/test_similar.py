"""Items like a given one."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.errors import NoAnswerWarning, RequestError, UnknownIdWarning
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.heuristics.proximity import PersonalizedPageRank
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import Cosine
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat


def test_similar_items_are_the_largest_cosines_of_a_loop():
    log = draw_log()
    counts = np.zeros((len(log.users), len(log.items)))
    np.add.at(counts, (log.user, log.item), 1)
    model = Pipeline(
        retrieve=(Popular(), ItemKNN(neighbors=39, similarity=Cosine(), shrinkage=0.0))
    ).fit(log)

    table = model.similar(["i3", "i7"], k=4)

    assert table.columns == ["item", "rank", "similar", "score", "channel"]
    assert table["channel"].unique().to_list() == ["ItemKNN"]
    length = np.linalg.norm(counts, axis=0)
    for name in ("i3", "i7"):
        row = log.items.row(name)
        alike = counts.T @ counts[:, row] / (length * length[row])
        alike[row] = -1
        mine = table.filter(pl.col("item") == name)
        np.testing.assert_allclose(mine["score"], np.sort(alike)[::-1][:4], rtol=1e-5)
        assert name not in mine["similar"].to_list()
        assert mine["rank"].to_list() == [1, 2, 3, 4]


@pytest.mark.parametrize("channel", [PersonalizedPageRank()], ids=repr)
def test_every_channel_that_starts_from_items_can_say(channel):
    model = Pipeline(retrieve=channel).fit(draw_log())

    table = model.similar(np.array(["i3"]), k=3)

    assert table.height == 3
    assert "i3" not in table["similar"].to_list()


def test_a_channel_that_does_not_compare_items_says_so():
    model = Pipeline(retrieve=(Popular(), Repeat(), ItemKNN())).fit(draw_log())

    with pytest.raises(RequestError, match="Popular cannot say which items"):
        model.similar(["i3"], channel="Popular")
    with pytest.raises(RequestError, match="Repeat cannot say which items"):
        model.similar(["i3"], channel="Repeat")
    with pytest.raises(RequestError, match=r"no channel 'EASE'\. There are: Popular"):
        model.similar(["i3"], channel="EASE")


def test_unknown_items_are_passed_over_with_a_warning():
    model = Pipeline(retrieve=ItemKNN()).fit(draw_log())

    with pytest.warns(UnknownIdWarning):
        table = model.similar(["i3", "what"], k=2)

    assert table["item"].unique().to_list() == ["i3"]
    with pytest.warns(UnknownIdWarning):
        assert model.similar(["what"]).height == 0


def test_a_known_item_like_no_other_is_said():
    model = Pipeline(retrieve=ItemKNN()).fit(draw_log())
    model.observe([("u1", "new", model.graph.latest + 1)])

    with pytest.warns(NoAnswerWarning) as said:
        table = model.similar(["i3", "new"], k=2)

    assert table["item"].unique().to_list() == ["i3"]
    assert [str(one.message) for one in said] == [
        "item 'new' is like no other in ItemKNN; left out"
    ]


def test_similar_items_have_names_where_the_log_has_them():
    log = draw_log()
    titles = pl.DataFrame({"id": log.items.ids, "title": "the " + log.items.ids})
    items = log.items.with_features(titles.head(20), "id")
    log = dataclasses.replace(log, items=items)
    model = Pipeline(retrieve=ItemKNN(), names="title").fit(log)

    table = model.similar(["i3"], k=30)

    assert table.columns == ["item", "rank", "similar", "name", "score", "channel"]
    called = dict(titles.head(20).rows())
    expected = [called.get(id_, id_) for id_ in table["similar"]]
    assert table["name"].to_list() == expected
    assert {name.startswith("the ") for name in expected} == {True, False}


def test_one_item_needs_no_list():
    model = Pipeline(retrieve=ItemKNN()).fit(draw_log())

    assert model.similar("i3", k=3).equals(model.similar(["i3"], k=3))
