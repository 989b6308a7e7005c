"""A method within another is written as a stage's method is."""

import re
from dataclasses import replace

import pytest

import tidegraph as tg
from tidegraph.catalog import STAGES, model, spelling
from tidegraph.errors import ConfigError
from tidegraph.retrieval.solvers import NetMF, Trained
from tidegraph.training.optimizers import AdamW

SAID = ["DIN", {"model": "DIN"}, {"type": "DIN"}, {"model": "din"}]


def made(name: str, stage: str, **settings):
    return model({"model": name, **settings}, "r.toml", stage)


@pytest.mark.parametrize("ranker", SAID)
def test_a_ranker_within_a_ranker(ranker):
    whole = made("Calibrated", "rank", ranker=ranker)
    assert whole.ranker == model({"model": "DIN"}, "r.toml", "rank")


@pytest.mark.parametrize("retriever", ["ItemKNN", {"model": "ItemKNN"}])
def test_a_retriever_within_a_ranker(retriever):
    assert made("RetrieverLogit", "rank", retriever=retriever).retriever == tg.ItemKNN()


def test_settings_of_a_method_within_another():
    inner = {"model": "lightgcn", "layers": 1}
    solver = made("graphzoom", "retrieve", solver=inner).solver.solver
    assert solver == Trained(tg.lightgcn(layers=1))
    named = {"type": "Trained", "embedding": inner}
    assert made("graphzoom", "retrieve", solver=named).solver.solver == solver


@pytest.mark.parametrize("solver", ["NetMF", {"type": "NetMF"}, {"model": "NetMF"}])
def test_a_part_of_the_setting_s_own_kind_comes_first(solver):
    assert made("graphzoom", "retrieve", solver=solver).solver.solver == NetMF()


@pytest.mark.parametrize("backbone", ["TIEN", {"type": "TIEN"}, {"model": "TIEN"}])
def test_a_network_within_a_ranker(backbone):
    kind = type(made("NextEvent", "rank", backbone=backbone).model.backbone)
    assert kind.__name__ == "TIEN"


@pytest.mark.parametrize(
    ("ranker", "says"),
    [
        ("DNI", "[r.toml.Calibrated.ranker] names the model 'DNI', which does not"),
        ({"model": "ItemKNN"}, "names the model 'ItemKNN', which retrieves"),
        (5, 'is 5; it must be a Ranker, such as "DIN", or {model = "DIN"}.'),
        ({"model": "DIN", "layer": 2}, "has no setting 'layer'"),
        ({"layers": [2]}, "does not say which model"),
    ],
)
def test_what_is_no_ranker_is_answered_with_one(ranker, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        made("Calibrated", "rank", ranker=ranker)


@pytest.mark.parametrize(
    ("stage", "said", "name"),
    [
        ("rank", "SVD++", "SVDpp"),
        ("retrieve", "SVD++", "svdpp"),
        ("rank", "SR-GNN", "SRGNN"),
        ("rank", "Topo-LSTM", "TopoLSTM"),
        ("retrieve", "BPR MF", "bpr_mf"),
    ],
)
def test_the_names_of_papers_are_known(stage, said, name):
    assert spelling(stage, said) == name


def test_no_two_methods_of_a_stage_are_alike():
    for methods in STAGES.values():
        assert all(methods.alike(name) == [name] for name in methods)


def test_a_table_without_a_type_changes_the_part_that_the_method_has():
    def trained(optimizer):
        table = {"model": "bpr_mf", "training": {"optimizer": optimizer}}
        return model(table, "r.toml", "retrieve").training

    own = tg.bpr_mf().training
    assert trained({"learning_rate": 0.2}) == replace(
        own, optimizer=replace(own.optimizer, learning_rate=0.2)
    )
    # One that is named has defaults of its own.
    assert trained({"type": "AdamW"}).optimizer == AdamW()
    with pytest.raises(ConfigError, match="Did you mean 'learning_rate'"):
        trained({"learningrate": 0.2})
