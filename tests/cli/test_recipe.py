"""What a recipe says wrong is said before anything is read or written."""

import inspect
import sys
import tomllib
import typing
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from typing import cast

import pytest

import tidegraph as tg
from tidegraph.catalog import (
    RANKERS,
    RERANKERS,
    RETRIEVERS,
    model,
    settings_of,
    spelling,
)
from tidegraph.cli import run
from tidegraph.config import is_kind_of
from tidegraph.errors import ConfigError
from tidegraph.nn.click import DeepFM
from tidegraph.nn.conv import LightPropagation, MaxPoolAggregator, Spectral
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.recipe_file.recipe import pipeline_of
from tidegraph.retrieval.embedding import STEADY, Embedding
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import BM25
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import SampledSoftmax
from tidegraph.retrieval.objective.negatives import PerPair
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

LOG = '[data]\npath = "no-such-file.csv"\n'
POPULAR = '[[retrieve]]\nmodel = "Popular"\n'


def said(text, tmp_path, capsys, *words) -> str:
    (tmp_path / "recipe.toml").write_text(text)
    output = tmp_path / "model"
    assert run(["train", str(tmp_path / "recipe.toml"), "-o", str(output), *words]) == 2
    assert not output.exists()
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LOG, "has no [[retrieve]]"),
        (POPULAR, "has no table [data]"),
        (LOG + POPULAR + "[spilt]\ntest = 0.1", "Did you mean 'split'?"),
        (LOG + 'usr = "uid"\n' + POPULAR, "Did you mean 'user'?"),
        (LOG + "time_unit = 3\n" + POPULAR, "time_unit] is 3"),
        (LOG + 'time_format = "%Q"\n' + POPULAR, "has %Q"),
        (LOG + 'sep = ""\n' + POPULAR, "sep is ''"),
        (LOG + "sep = 3\n" + POPULAR, "sep] is 3; it must be text"),
        (LOG + "names = [1]\n" + POPULAR, "must be text"),
        (LOG + POPULAR + "[split]\ntest = 2.0", "from 0 to 1"),
        (LOG + POPULAR + "[split]\nleave_last = true", "must be a whole number"),
        (LOG + POPULAR + "[split.rolling]\nfolds = 3", "lacks the setting"),
        (
            LOG + 'time = "none"\n' + POPULAR,
            "at random with [split] random = 0, or name the column",
        ),
        (
            LOG
            + 'time_unit = "order"\n'
            + POPULAR
            + "[split.rolling]\nwindow_days = 3",
            "count in days",
        ),
        (LOG + POPULAR + "[pipeline]\ncandidates = 0", "at least 1"),
        (LOG + POPULAR + '[pipeline]\nseed = "x"', "seed] is 'x'; it must be a whole"),
        (LOG + POPULAR + "[pipeline]\nrank = 3", "has no setting 'rank'"),
        (LOG + POPULAR + "[blend]\nchannels = []", "has no setting 'channels'"),
        (LOG + POPULAR + '[pipeline]\nfallback = "Populer"', "'Popular'"),
        (LOG + POPULAR + "[pipeline]\nfallback = 3", "a table with a 'model'"),
        (
            LOG + POPULAR + '[pipeline.windows]\nfit_once = ["Populer"]',
            "no such channel",
        ),
        (LOG + POPULAR + "[pipeline.windows]\nfit_once = 1", "fit_once] is 1"),
        (LOG + POPULAR + "[pipeline.windows]\nnegatives = -1", "negatives is -1"),
        (LOG + POPULAR + "[pipeline.windows]\npower = 2", "power is 2"),
        (LOG + '[[retrieve]]\nmodel = "BPR"', "'BPR', which does not exist"),
        (
            LOG + '[[retrieve]]\nmodel = "SASRec"',
            "'SASRec', which ranks; the retrieval method is 'sasrec'. There are",
        ),
        (
            LOG + POPULAR + '[rank]\nmodel = "sasrec"',
            "'sasrec', which retrieves; the ranking method is 'SASRec'. There are",
        ),
        (LOG + POPULAR + '[rank]\nmodel = "MMR"', "'MMR', which re-ranks. There are"),
        (LOG + '[[retrieve]]\nmodel = "Sasrek"', "Did you mean 'sasrec'?"),
        (LOG + '[[retrieve]]\nmodel = "lightgnc"', "Did you mean 'lightgcn'?"),
        (LOG + POPULAR + "[blend]\nquotas = [1, 2]", "2 quotas for 1 channels"),
        (LOG + POPULAR + "[blend]\nat_least = 1.5", "at_least is 1.5"),
    ],
)
def test_a_mistake_is_said_before_the_log_is_read(text, says, tmp_path, capsys):
    assert says in said(text, tmp_path, capsys)


def _numbers():
    for stage, models in (
        ("[[retrieve]]", RETRIEVERS),
        ("[rank]", RANKERS),
        ("[rerank]", RERANKERS),
    ):
        for name, cls in models.items():
            for field in inspect.signature(cls).parameters.values():
                if type(field.default) in (int, float):
                    yield stage, name, field


@pytest.mark.parametrize(
    ("stage", "name", "field"),
    list(_numbers()),
    ids=lambda x: getattr(x, "name", str(x)),
)
def test_a_number_out_of_range_is_said_before_the_log_is_read(
    stage, name, field, tmp_path, capsys
):
    bad = -1e9 if isinstance(field.default, float) else -(10**9)
    table = f'{stage}\nmodel = "{name}"\n{field.name} = {bad}\n'
    text = LOG + ("" if stage == "[[retrieve]]" else POPULAR) + table

    assert "no-such-file" not in said(text, tmp_path, capsys)


def test_a_recipe_names_methods_of_the_literature_and_their_parts():
    made = pipeline_of(
        tomllib.loads("""
        [[retrieve]]
        model = "lightgcn"
        layers = 2
        training = { epochs = 3, optimizer = { type = "Adam", learning_rate = 0.1 } }
        [[retrieve]]
        model = "Embedding"
        name = "mine"
        encoder = { type = "LightPropagation", layers = 1 }
        [retrieve.objective]
        loss = { type = "SampledSoftmax", negatives = { type = "PerPair", count = 2 } }
        [rank]
        model = "DeepFM"
        hidden = [8]
        """),
        "here",
    )

    light, mine = made.blend.methods.values()
    training = replace(STEADY, epochs=3, optimizer=Adam(0.1))
    assert light == lightgcn(2, training=training)
    objective = Objective(loss=SampledSoftmax(negatives=PerPair(2)))
    assert mine == Embedding("mine", LightPropagation(1), objective)
    assert made.rank == NeuralRanker(DeepFM(hidden=(8,)))


@pytest.mark.parametrize("name", ["lightgcn", "softmax_mf", "deepwalk", "sasrec"])
def test_a_table_changes_what_it_names_of_the_training_of_a_recipe(name):
    table = f'[[retrieve]]\nmodel = "{name}"\ntraining = {{ epochs = 3 }}'
    (made,) = pipeline_of(tomllib.loads(table), "here").blend.methods.values()

    own = getattr(tg, name)().training

    assert made.training == replace(own, epochs=3)
    assert own != Training()


def test_a_part_is_its_name_or_a_table_with_its_type():
    def method(similarity: str) -> ItemKNN:
        table = f'[[retrieve]]\nmodel = "ItemKNN"\nsimilarity = {similarity}'
        (channel,) = pipeline_of(tomllib.loads(table), "here").blend.methods.values()
        return channel

    assert method('"BM25"') == ItemKNN(similarity=BM25())
    assert method('{ type = "BM25", b = 0.5 }') == ItemKNN(similarity=BM25(b=0.5))
    with pytest.raises(ConfigError, match="names the type 'BM52'"):
        method('"BM52"')
    with pytest.raises(ConfigError, match="does not say which type"):
        method("{ b = 0.5 }")


def test_a_place_that_cannot_be_written_is_said_before_the_log_is_read(
    tmp_path, capsys
):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine")
    (tmp_path / "recipe.toml").write_text(LOG + POPULAR)
    words = [str(tmp_path / "recipe.toml"), "-o", str(tmp_path / "model")]
    assert run(["train", *words]) == 2

    assert "exists and is not a saved model" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["notes.txt"]


def _protocols(hint) -> Iterator[type]:
    if getattr(hint, "_is_protocol", False):
        yield hint
    for part in typing.get_args(hint):
        yield from _protocols(part)


def _settings_of_a_protocol() -> dict[type, list[str]]:
    """Every protocol that a setting of any method or part holds, and what it may be."""
    found: dict[type, list[str]] = {}
    todo = [*RETRIEVERS.values(), *RANKERS.values(), *RERANKERS.values()]
    done: set[int] = set()
    while todo:
        target = todo.pop()
        if id(target) in done:
            continue
        done.add(id(target))
        for hint in typing.get_type_hints(target).values():
            todo += [p for p in (hint, *typing.get_args(hint)) if is_dataclass(p)]
            for protocol in _protocols(hint):
                room = sys.modules[protocol.__module__]
                named = [getattr(room, n) for n in getattr(room, "__all__", ())]
                parts = [part for part in named if is_kind_of(part, protocol)]
                found[protocol] = [part.__name__ for part in parts]
                todo += parts
    return found


def test_a_name_chooses_among_the_parts_of_every_setting():
    found = _settings_of_a_protocol()
    # Plans and features of one's own are written in Python, channels and rankers are
    # tables of their own.
    apart = {"Plan", "Feature", "Retriever", "Ranker", "Network", "FittedRetriever"}

    nameless = {kind.__name__ for kind, parts in found.items() if not parts}
    offered = {kind.__name__: parts for kind, parts in found.items()}
    assert nameless <= apart
    assert {"Aggregator", "Encoder", "Index", "Solver", "Start"} <= offered.keys()
    assert offered["Index"] == ["Exact", "InvertedLists"]
    assert "Solved" not in offered["Solver"]
    assert not {"LSTMAggregator", "Spectral"} & {*offered["Encoder"]}


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ('aggregator = "MaxPoolAggregator"', MaxPoolAggregator()),
        ('encoder = { type = "Identity", start = "Spectral" }', Spectral()),
    ],
)
def test_parts_in_a_room_of_their_own_are_named(table, part):
    name = "graphsage" if "aggregator" in table else "Embedding"
    text = f'[[retrieve]]\nmodel = "{name}"\n{table}'
    (made,) = pipeline_of(tomllib.loads(text), "here").blend.methods.values()

    encoder = cast(Embedding, made).encoder
    assert part in (vars(encoder).get("aggregator"), vars(encoder).get("start"))


def test_what_is_no_encoder_is_not_offered_as_one():
    text = '[[retrieve]]\nmodel = "Embedding"\nencoder = "LSTMAggregator"'

    with pytest.raises(ConfigError, match="does not exist") as told:
        pipeline_of(tomllib.loads(text), "here")

    assert "MeanAggregator" not in str(told.value)


@pytest.mark.parametrize("name", ["itemknn", "item_knn", "ITEMKNN"])
def test_a_method_is_named_whatever_its_capitals_and_underscores(name):
    table = {"model": name, "neighbors": 7}

    assert model(table, "retrieve", "retrieve") == ItemKNN(neighbors=7)
    assert settings_of("retrieve", name) == settings_of("retrieve", "ItemKNN")


@pytest.mark.parametrize("name", ["SASRec", "SASREC", "sasrec"])
def test_a_rival_is_named_as_in_a_recipe(name):
    """Where a name is exactly that of a method of another stage, it is not meant."""
    assert (spelling("retrieve", name) == "sasrec") == (name != "SASRec")
