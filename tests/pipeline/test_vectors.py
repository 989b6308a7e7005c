"""The vectors of a channel, for other tools."""

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.catalog import load
from tidegraph.cli import run
from tidegraph.errors import RequestError
from tidegraph.pipeline import Pipeline
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.factorized import hope
from tidegraph.retrieval.recipes.sequence import sasrec
from tidegraph.retrieval.solvers.proximities import CommonNeighborProximity
from tidegraph.stages import Requests
from tidegraph.training.settings import Training


@pytest.fixture(scope="module")
def model():
    return Pipeline(retrieve=(Popular(), hope(embedding_size=6))).fit(draw_log())


def test_the_product_of_a_user_and_an_item_is_the_score(model):
    users, items = model.vectors("user"), model.vectors()
    user = users.filter(pl.col("user") == "u3")["vector"].to_numpy()[0]
    scores = dict(zip(items["item"], items["vector"].to_numpy() @ user, strict=True))

    (own,) = [c for name, c in model.channels().items() if name == "HOPE"]
    row = model.graph.users.row("u3")
    for item, score in scores.items():
        column = model.graph.items.row(item)
        want = own.user[row] @ own.item[column]
        assert score == pytest.approx(want, rel=1e-5, abs=1e-7)
    assert items.schema["vector"] == pl.Array(pl.Float32, 6)
    assert users.height == len(model.graph.users)


def test_users_who_came_later_or_were_erased_have_none(model):
    fresh = Pipeline(retrieve=hope(embedding_size=6)).fit(draw_log())
    fresh.observe([("new", "i3", 1_750_000_000)])
    fresh.erase(["u3"])

    found = fresh.vectors("user")["user"].to_list()

    assert "new" not in found
    assert "u3" not in found
    assert len(found) == model.vectors("user").height - 1


def test_who_has_no_vectors_says_so(model):
    alone = hope(CommonNeighborProximity(), embedding_size=6)
    other = Pipeline(retrieve=alone).fit(draw_log())

    with pytest.raises(RequestError, match="Popular cannot give vectors"):
        model.vectors(channel="Popular")
    with pytest.raises(RequestError, match=r"no channel 'X'\. There are: Popular"):
        model.vectors(channel="X")
    with pytest.raises(RequestError, match="HOPE has no vectors of users"):
        other.vectors("user")


def test_a_sequence_model_has_vectors_of_items_whose_products_are_scores():
    method = sasrec(embedding_size=8, training=Training(1, patience=None))
    model = Pipeline(retrieve=method).fit(draw_log())
    (own,) = model.channels().values()
    graph = model.graph
    row = graph.users.row("u3")
    asked = Requests.of_users(
        graph, np.array([row], np.int32), np.array([2**40]), repeat=True
    )

    items = model.vectors()
    scores = own.scores(asked)[0, [graph.items.row(i) for i in items["item"]]]

    want = items["vector"].to_numpy() @ own.vectors(asked)[0]
    np.testing.assert_allclose(scores, want, rtol=1e-5, atol=1e-6)
    with pytest.raises(RequestError, match="SASRec has no vectors of users"):
        model.vectors("user")


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_the_command_writes_them_in_every_form(model, tmp_path, capsys, ending):
    folder, out = tmp_path / "model", tmp_path / f"vectors.{ending}"
    model.save(folder)
    assert run(["embed", str(folder), "-o", str(out)]) == 0

    read = {"parquet": pl.read_parquet, "csv": pl.read_csv, "jsonl": pl.read_ndjson}
    found, want = read[ending](out), load(folder).vectors("item")
    assert f"{want.height} vectors of 6 numbers" in capsys.readouterr().out
    assert found["item"].to_list() == want["item"].to_list()
    if ending == "csv":
        assert found.columns == ["item", *(f"vector_{n}" for n in range(6))]
        numbers = found.drop("item").to_numpy()
    else:
        numbers = np.array(found["vector"].to_list())
    np.testing.assert_allclose(numbers, want["vector"].to_numpy(), rtol=1e-5)


def test_the_command_says_what_it_cannot_write(model, tmp_path, capsys):
    folder = tmp_path / "model"
    model.save(folder)
    capsys.readouterr()

    assert run(["embed", str(folder), "-o", str(tmp_path / "v.doc")]) == 2
    assert "no known ending" in capsys.readouterr().err
    words = ["-o", str(tmp_path / "v.csv"), "--channel", "Popular"]
    assert run(["embed", str(folder), *words]) == 2
    assert "Popular cannot give vectors" in capsys.readouterr().err
    assert not (tmp_path / "v.csv").exists()
