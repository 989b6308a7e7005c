"""The circumstances of a fit reach all parts that train, and change no bit learnt."""

import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

import tidegraph
from tidegraph.errors import ConfigError
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.retrieval.sequence.next_item import NextItem
from tidegraph.run import Run
from tidegraph.stages import Fold, fit_in
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import requests_at, same
from tidegraph.training.optimizers import PairSGD
from tidegraph.training.settings import Training

BPR = bpr_mf(4, training=Training(2, 128, patience=None))
PLAN = Pipeline(
    (BPR, ItemKNN()), rank=NeuralRanker(training=Training(epochs=2)), windows=Windows(2)
)


@dataclass(frozen=True)
class Told:
    """A method that wants to know its circumstances."""

    runs: list = field(default_factory=list)

    def fit(self, train, *, run=None):
        self.runs.append(run)
        return Popular().fit(train)


def parts():
    return draw_log(events=1500).split(fractions=(0.8,))


def run(seed=0, **circumstances):
    return Run(np.random.default_rng(seed), **circumstances)


def test_only_a_method_that_takes_a_run_is_told_of_it():
    told, here = Told(), run(threads=2)

    fit_in(told, Fold(draw_log()), here)
    fit_in(ItemKNN(), Fold(draw_log()), here)
    fit_in(told, Fold(draw_log()), None)

    assert told.runs == [here, None]


def test_each_fit_of_a_channel_keeps_its_checkpoints_apart(tmp_path):
    train, valid = parts()
    told, spare = Told(), Told()
    blend = Blend((Blend((told, ItemKNN()), quotas=()), ItemKNN()), quotas=())

    plan = Pipeline(blend, fallback=spare, rank=PLAN.rank, windows=Windows(2))
    plan.fit(train, valid, run=run(checkpoints=tmp_path, device="cpu"))

    end = int(valid.time[0])
    span = int(valid.time[-1]) - int(train.time[-1])
    cuts = [int(train.time[-1]) + 1 - n * span for n in (2, 1)]
    folders = [*(f"before-{cut}" for cut in (*cuts, end)), "known"]
    assert [one.checkpoints for one in told.runs] == [
        tmp_path / folder / "Blend" / "Told" for folder in folders
    ]
    assert [one.checkpoints for one in spare.runs] == [tmp_path / "fallback"]
    assert (tmp_path / "rank").is_dir()


def test_a_pipeline_resumes_from_its_checkpoints_and_ends_with_the_same_bits(tmp_path):
    train, valid = parts()
    whole = PLAN.fit(train, valid).recommend_all(k=5)
    first = PLAN.fit(train, valid, run=run(checkpoints=tmp_path))
    epochs = []

    @dataclass
    class Counting:
        def epoch(self, number, loss, metric):
            epochs.append(number)

    again = PLAN.fit(train, valid, run=run(checkpoints=tmp_path, monitor=Counting()))

    assert first.recommend_all(k=5).equals(whole)
    assert again.recommend_all(k=5).equals(whole)
    assert epochs == []


def test_a_channel_learns_the_same_alone_and_in_company():
    log = draw_log()
    alone = BPR.fit(log, run=run(7))

    pipeline = Pipeline((ItemKNN(), BPR)).fit(log, rng=7)
    other = Pipeline((BPR, ItemKNN())).fit(log, rng=8)

    same(pipeline.channels()["BPR-MF"], alone, requests_at(log))
    same(BPR.fit(log, run=run(7, threads=2)), alone, requests_at(log))
    same(BPR.fit(log), BPR.fit(log, run=run()), requests_at(log))
    assert (other.channels()["BPR-MF"].user != alone.user).all()


def test_what_a_generator_drew_before_changes_nothing_and_a_seed_of_its_own_neither():
    log = draw_log()
    used = run(7)
    used.rng.random(99)

    same(BPR.fit(log, run=used), BPR.fit(log, run=run(7)), requests_at(log))
    fixed = replace(BPR, seed=3)
    same(fixed.fit(log, run=used), fixed.fit(log), requests_at(log))
    assert (fixed.fit(log).user != BPR.fit(log).user).all()


def test_a_folder_of_checkpoints_serves_one_log_and_one_method(tmp_path):
    log, other = draw_log(events=1500), draw_log(events=1500, seed=8)
    where = run(checkpoints=tmp_path)
    fitted = BPR.fit(log, run=where)
    loss = replace(BPR.objective.loss, negatives=3)
    fewer = replace(BPR, objective=replace(BPR.objective, loss=loss))

    same(BPR.fit(log, run=where), fitted, requests_at(log))
    calls = (BPR, other, "another log"), (fewer, log, "other settings")
    for method, train, said in calls:
        with pytest.raises(ConfigError, match=f"of a training with {said}\\. Choose"):
            method.fit(train, run=where)


@pytest.mark.parametrize(
    "method",
    [
        BPR,
        replace(BPR, training=Training(2, 128, PairSGD(0.05), patience=None)),
        NextItem(embedding_size=4, training=Training(2, 64, patience=None)),
    ],
    ids=["bpr", "kernels", "next_item"],
)
def test_a_retriever_learns_for_more_epochs_from_where_it_was(method, tmp_path):
    log, where = draw_log(), run(checkpoints=tmp_path)
    begun = method.fit(log, run=where).curve
    training = replace(method.training, epochs=len(begun.loss) + 2)
    longer = replace(method, training=training)

    again = longer.fit(log, run=where)

    same(again, longer.fit(log), requests_at(log))
    assert again.curve.loss[: len(begun.loss)] == begun.loss
    with pytest.raises(ConfigError, match=r"another seed\. Choose"):
        longer.fit(log, run=run(5, checkpoints=tmp_path))


def test_a_ranker_does_not_go_on_with_what_was_learnt_of_another_log(tmp_path):
    train, valid = parts()
    item = train.item.copy()
    item[:50] = np.roll(item[:50], 1)
    changed = replace(train, item=item)
    plan = Pipeline(Popular(half_life_days=None), rank=PLAN.rank, windows=Windows(1))
    plan.fit(train, valid, run=run(checkpoints=tmp_path))

    with pytest.raises(ConfigError, match="of a training with another log"):
        plan.fit(changed, valid, run=run(checkpoints=tmp_path))


CALLERS = """
from pathlib import Path
import tidegraph as tg
from tidegraph.errors import ConfigError
run = tg.Run(3, checkpoints="kept")
assert run.key == tg.Run(tg.Run(3).rng).key and run.checkpoints == Path("kept")
for wrong in {"rng": "seed"}, {"rng": -1}, {"rng": 0, "checkpoints": 7}:
    try:
        tg.Run(**wrong)
    except ConfigError as error:
        print(error)
"""


def test_a_run_takes_a_seed_and_text_or_says_in_a_sentence_what_it_takes():
    # In a process of its own, where types are not checked as in these tests.
    path = {"PYTHONPATH": str(Path(tidegraph.__file__).parents[1]), "PATH": ""}
    started = [sys.executable, "-c", CALLERS]
    done = subprocess.run(started, env=path, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [
        "a run's rng is 'seed'; it must be a seed or a Generator of NumPy.",
        "the seed is -1; it must be at least 0.",
        "a run's checkpoints is 7; it must be a path.",
    ]


@pytest.mark.parametrize("inside", [".", "deeper/still"])
def test_checkpoints_in_a_file_are_refused_before_anything_is_trained(tmp_path, inside):
    file = tmp_path / "model.toml"
    file.touch()

    with pytest.raises(ConfigError, match=r"model.toml is a file. Name a folder"):
        Run(np.random.default_rng(0), checkpoints=file / inside)
