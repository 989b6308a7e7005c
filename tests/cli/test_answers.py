"""The lists that the command line prints: of items for users, and of similar items."""

import dataclasses
import json
import shutil

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.catalog import load
from tidegraph.cli import run
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.factorized import hope


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A saved pipeline whose items have titles."""
    log = draw_log()
    titles = pl.DataFrame({"id": log.items.ids, "title": "the " + log.items.ids})
    log = dataclasses.replace(log, items=log.items.with_features(titles, "id"))
    folder = tmp_path_factory.mktemp("answers") / "model"
    fitted = Pipeline(retrieve=(Popular(), ItemKNN()), names="title").fit(log)
    fitted.save(folder)
    return folder


def printed(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_similar_items_are_those_of_the_saved_model(model, capsys):
    capsys.readouterr()
    assert run(["similar", str(model), "--item", "i3", "-k", "4", "--json"]) == 0

    rows = printed(capsys)
    expected = load(model).similar(["i3"], k=4).to_dicts()
    approximate = pytest.approx([row.pop("score") for row in expected], abs=1e-6)
    assert [row.pop("score") for row in rows] == approximate
    assert rows == expected
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert [row["name"] for row in rows] == [f"the {row['similar']}" for row in rows]


def test_similar_items_of_several_items_become_a_file(tmp_path, model, capsys):
    capsys.readouterr()
    out = tmp_path / "similar.csv"
    words = ["similar", str(model), "--item", "i3", "--item", "i4", "-k", "2"]
    assert run([*words, "-o", str(out)]) == 0

    assert capsys.readouterr().out == f"{out}: 2 lists, 4 rows.\n"
    found = pl.read_csv(out)
    assert found.columns == ["item", "rank", "similar", "name", "score", "channel"]
    assert found["item"].to_list() == ["i3", "i3", "i4", "i4"]


def test_similar_items_are_a_table_that_is_not_cut(model, capsys):
    capsys.readouterr()
    assert run(["similar", str(model), "--item", "i3", "-k", "3"]) == 0

    said = capsys.readouterr().out
    for row in load(model).similar(["i3"], k=3).iter_rows(named=True):
        (line,) = [line for line in said.splitlines() if f" {row['similar']} " in line]
        assert row["name"] in line
        assert f"{row['score']:.4f}" in line


def test_unknown_items_are_said_and_the_others_answered(model, capsys):
    capsys.readouterr()
    words = ["--item", "i3", "--item", "what", "-k", "2", "--json"]
    assert run(["similar", str(model), *words]) == 0

    said = capsys.readouterr()
    assert said.err == "tidegraph: item 'what' is not in the model; passed over\n"
    assert {json.loads(line)["item"] for line in said.out.splitlines()} == {"i3"}


def test_a_user_without_a_history_by_then_is_said(tmp_path, model, capsys):
    fitted = load(model)
    after = fitted.graph.latest + 60
    fitted.observe([("fresh", "i3", after)])
    fitted.save(tmp_path / "model")
    moment = f"{np.datetime64(after, 's')}Z"
    capsys.readouterr()

    asked = ["recommend", str(tmp_path / "model"), "--user", "fresh", "-k", "2"]
    assert run([*asked, "--json", "--at", moment]) == 0

    said = capsys.readouterr()
    assert said.err == (
        f"tidegraph: user 'fresh' has no interactions before at={moment!r}; answered "
        "as a user without history\n"
    )
    assert len(said.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--item", "what"], "the model knows no item like 'what'."),
        (["--item", "i3", "-k", "0"], "k is 0"),
        (["--item", "i3", "--channel", "EASE"], "There are: Popular, ItemKNN"),
        (["--item", "i3", "--channel", "Popular"], "Popular cannot say"),
        (["--item", "i3", "-o", "similar.doc"], "has no known ending"),
        ([], "--item"),
    ],
    ids=["unknown", "length", "no-channel", "channel", "ending", "nothing"],
)
def test_similar_items_that_nobody_can_name_are_one_sentence(model, capsys, words, why):
    capsys.readouterr()
    assert run(["similar", str(model), *words]) == 2

    said = capsys.readouterr()
    assert why in said.err.splitlines()[-1]
    assert said.out == ""


def test_an_erased_user_is_gone_from_the_saved_model(model, tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    gone = str(load(folder).graph.users.ids[0])
    capsys.readouterr()
    assert run(["erase", str(folder), "--user", gone]) == 0

    assert "1 erased with all their events." in capsys.readouterr().out
    assert load(folder).graph.users.row(gone) == -1
    assert load(model).graph.users.row(gone) == 0
    assert run(["erase", str(folder), "--user", gone]) == 2
    assert "is not in the graph; nothing was erased" in capsys.readouterr().err


def test_how_many_have_no_vector_is_said(tmp_path, capsys):
    fitted = Pipeline(retrieve=hope(embedding_size=4)).fit(draw_log())
    known = fitted.vectors().height
    fitted.observe([("u1", "new", fitted.graph.latest + 1)])
    fitted.save(tmp_path / "model")
    out = tmp_path / "vectors.csv"

    assert run(["embed", str(tmp_path / "model"), "-o", str(out)]) == 0

    assert capsys.readouterr().out == (
        f"{out}: {known} vectors of 4 numbers. 1 item has none: training found nothing "
        "to learn one from.\n"
    )
