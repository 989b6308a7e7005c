"""Progress tells how many examples a second, whatever trains."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.retrieval.objective.pairs import Edges
from tidegraph.run import Run
from tidegraph.stages import Fold
from tidegraph.testing.rankers import split_examples
from tidegraph.training import loop

SRC = Path(__file__).parent.parent.parent / "src" / "tidegraph"
LOG = draw_log(events=900)
TRAINING = tg.Training(2, 64, tg.optimizers.Adam(1e-3), patience=None)
PAIRS = len(Edges().of(Fold.of(LOG, "test"), "test"))


@pytest.fixture
def said(monkeypatch):
    """What stands at the bar after each epoch, of which each step takes a second."""
    texts = []

    def track(epochs, text):
        for epoch in epochs:
            yield epoch
            texts.append(text())

    clock = iter(range(1000))
    monkeypatch.setattr(loop, "track", track)
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=clock.__next__))
    return texts


@pytest.mark.parametrize(
    ("method", "count", "unit"),
    [
        (tg.lightgcn(2, 4, training=TRAINING), PAIRS, "pairs"),
        (tg.softmax_mf(4, training=TRAINING), PAIRS, "pairs"),
        (tg.graphsage(embedding_size=4, training=TRAINING), None, "pairs"),
        (tg.deepwalk(1, 6, 2, 4, TRAINING), None, "pairs"),
        (
            tg.bpr_mf(4, training=tg.Training(2, 64, tg.optimizers.PairSGD(0.01))),
            None,
            "pairs",
        ),
        (tg.NextItem(embedding_size=4, training=TRAINING), None, "events"),
    ],
    ids=lambda part: getattr(part, "name", None),
)
def test_a_retriever_that_trains_tells_its_speed(method, count, unit, said):
    method.fit(LOG)

    assert [text.split("epoch ")[1][0] for text in said] == ["1", "2"]
    for text in said:
        of = r"([\d,]+) of epoch \d, \d+ a second"
        told = re.fullmatch(rf"training on {unit}(?: until no better)? \({of}\)", text)
        assert told is not None
        assert count in (None, int(told[1].replace(",", "")))


def test_a_ranker_tells_its_speed(said):
    learn, stop, _ = split_examples(draw_log(events=1500))
    tg.NeuralRanker(tg.MLP((8,)), training=TRAINING).fit(
        learn, stop, run=Run(np.random.default_rng(0))
    )

    count = int(learn.candidates.present.any(axis=1).sum())
    for epoch in (1, 2):
        assert f"training on requests ({count:,} of epoch {epoch}, " in said[epoch - 1]


def test_what_is_said_moves_within_an_epoch_which_may_take_an_hour(monkeypatch):
    said, step = [], loop._Training._take_step

    def told(training, *given):
        said.append(training._progress_text())
        return step(training, *given)

    monkeypatch.setattr(loop._Training, "_take_step", told)
    tg.softmax_mf(4, training=tg.Training(1, 64, patience=2)).fit(LOG)

    assert said[0] == "training on pairs until no better"
    assert said[1].startswith("training on pairs until no better (64 of epoch 1, ")
    assert said[2].startswith("training on pairs until no better (128 of epoch 1, ")


def test_every_task_of_the_library_counts_its_examples():
    tasks = dict[str, set[str]]()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            bases = [ast.unparse(b) for b in getattr(node, "bases", [])]
            if isinstance(node, ast.ClassDef) and "Protocol[B]" not in bases:
                names = {getattr(part, "name", "") for part in node.body}
                if {"batches", "validate"} <= names:
                    tasks[node.name] = names

    assert len(tasks) > 5
    assert [name for name, has in tasks.items() if "examples" not in has] == []
