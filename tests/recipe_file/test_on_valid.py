from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest

from tidegraph.evaluation.evaluate import evaluate, task_of
from tidegraph.evaluation.judging import judge_lists
from tidegraph.pipeline import Pipeline, Windows
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.tasks import Tasks
from tidegraph.recipe_file.on_valid import (
    ALL,
    _EachPart,
    channels_ahead_of_all,
    judge_on_valid,
    judged_by_actions,
    parts_behind_popular,
    ranker_without_gain,
    warn_if_repeats_rare,
)
from tidegraph.reranking.diversity import MMR
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.stages import NO_ITEM, Fold
from tidegraph.testing.logs import draw_log

CALLS: Counter[str] = Counter()


@dataclass(frozen=True)
class Counted:
    """A retriever that counts how often it answers a request."""

    method: object
    name: str = field(default="")

    def fit(self, train):
        fitted, name = self.method.fit(train), self.name
        retrieve = fitted.retrieve

        def counted(requests, k):
            CALLS[name] += len(requests)
            return retrieve(requests, k)

        object.__setattr__(fitted, "retrieve", counted)
        return fitted


@pytest.fixture
def parts():
    log = draw_log(events=1200)
    category = pl.Series("category", [f"c{i % 3}" for i in range(len(log.items))])
    features = log.items.features.with_columns(category)
    log = replace(log, items=replace(log.items, features=features))
    return log.split(fractions=(0.6, 0.2))


def pipeline(*channels):
    return Pipeline(
        channels or (ItemKNN(), RP3beta()),
        rank=RecencyLogit(),
        rerank=MMR(by="category"),
        fallback=Popular(),
        candidates=12,
        windows=Windows(1),
    )


def test_each_channel_answers_each_request_once(parts):
    train, valid, _ = parts
    method = pipeline(Counted(ItemKNN(), "knn"), Counted(RP3beta(), "rp3"))
    model = method.fit(train, valid)
    users = len(np.unique(valid.user))
    CALLS.clear()

    said = judge_on_valid(method, model, train, valid).text()

    assert f"{users} requests" in said
    assert {"knn": users, "rp3": users} == CALLS


def test_one_answer_finds_what_each_alone_finds(parts):
    train, valid, _ = parts
    method = pipeline()
    judged = method.refitted(method.fit(train, valid), train)
    task = task_of(judged, valid, train=judged.graph)
    each = _EachPart(judged, Popular().fit(train), task.relevant)
    found = {name: answer.item for name, answer in each(task.requests).items()}
    alone = {"Popular": Popular().fit(train)}
    alone |= {f"channel {n}": channel for n, channel in judged.channels().items()}
    stages = judged.stages()
    alone |= {"after retrieve": stages["retrieve"], "after rank": stages["rank"]}
    alone |= {"model": judged}

    assert found.keys() == alone.keys()
    for name, model in alone.items():
        item = model.retrieve(task.requests, 10).item
        np.testing.assert_array_equal(found[name], item)
    pool = evaluate(judged.retriever, valid, train=judged.graph, k=12, repeat=True)
    recalls = {ALL: pool} | {
        name: evaluate(model, valid, train=judged.graph, k=12, repeat=True)
        for name, model in alone.items()
        if name.startswith(("Popular", "channel"))
    }
    assert each.recalls() == pytest.approx(
        {
            name: result.table().filter(model="model", metric="recall@12")["mean"][0]
            for name, result in recalls.items()
        }
    )


def test_what_ranks_no_better_than_popularity_for_whom_it_knows_is_named(parts):
    train, valid, _ = parts
    # A user without history, who is served by popularity alone.
    keep = train.user != valid.user[0]
    known = train.take(keep)
    task = task_of(Popular().fit(known), valid, train=known)
    warm = np.diff(task.requests.history.ptr) > 0
    assert 0 < warm.sum() < len(warm)
    right = np.full((len(task), 10), NO_ITEM, np.int32)
    right[:, 0] = task.relevant.item[task.relevant.ptr[:-1]]
    wrong = np.full((len(task), 10), NO_ITEM, np.int32)
    silent = np.where(warm[:, None], right, NO_ITEM).astype(np.int32)
    lists = {"model": right, "Popular": np.where(warm[:, None], wrong, right)}
    lists |= {"channel A": silent, "channel B": wrong, "channel Popular": wrong}

    assert parts_behind_popular(judge_lists(lists, task, k=(10,))) == [
        "no better than Popular by ndcg@10 for users with a history: channel B"
    ]
    del lists["channel B"]
    assert parts_behind_popular(judge_lists(lists, task, k=(10,))) == []


def test_a_channel_that_ranks_better_alone_is_named_if_it_is_no_chance(parts):
    train, valid, _ = parts
    task = task_of(Popular().fit(train), valid, train=train)
    assert len(task) > 12
    first = np.full((len(task), 10), NO_ITEM, np.int32)
    first[:, 0] = task.relevant.item[task.relevant.ptr[:-1]]
    second = np.roll(first, 1, axis=1)
    once = second.copy()
    once[0] = first[0]
    lists = {"model": second, "Popular": first, "channel A": once, "channel B": second}
    assert channels_ahead_of_all(judge_lists(lists, task, k=(10,))) == []

    lists["channel B"] = first
    scores = judge_lists(lists, task, k=(10,)).scores
    ndcg = dict(scores.group_by("model").agg(pl.mean("ndcg@10")).rows())
    said = f"by ndcg@10: channel B by {ndcg['channel B'] - ndcg['model']:.4f}; give it"
    assert said in channels_ahead_of_all(judge_lists(lists, task, k=(10,)))[0]


def test_a_ranker_whose_gain_is_not_told_from_none_is_named(parts):
    train, valid, _ = parts
    task = task_of(Popular().fit(train), valid, train=train)
    first = np.full((len(task), 10), NO_ITEM, np.int32)
    first[:, 0] = task.relevant.item[task.relevant.ptr[:-1]]
    second = np.roll(first, 1, axis=1)
    once = second.copy()
    once[0] = first[0]

    def told(before, ranked):
        lists = {"model": second, "after retrieve": before, "after rank": ranked}
        return ranker_without_gain(judge_lists(lists, task, k=(10,)), "DIN")

    assert told(second, first) == []
    for before, ranked, sign in ((second, once, "+"), (first, second, "-")):
        (said,) = told(before, ranked)
        assert said.startswith(f"DIN does not surely add to retrieval: ndcg@10 {sign}")
        assert said.endswith("without [rank] the model trains and answers faster")


def test_a_log_without_repeats_says_that_lists_may_hold_what_users_had():
    log = draw_log(events=1200)
    _, first = np.unique(log.user * len(log.items) + log.item, return_index=True)
    once = log.take(np.sort(first))
    train, valid, _ = once.split(fractions=(0.6, 0.2))
    told = "0.0% of the events known repeat an item of the user"

    for repeat in (True, False):
        settings = Pipeline(retrieve=Popular(), repeat=repeat)
        said = judge_on_valid(settings, settings.fit(train, valid), train, valid).text()

        assert (told in said) is repeat
    told = Pipeline(retrieve=Popular(), repeat=True)
    assert warn_if_repeats_rare(told, Fold.of(log, "log")) == []


def test_a_ranker_of_another_label_is_not_called_useless_for_actions(parts):
    train, valid, _ = parts
    method = replace(pipeline(), rank=None, rerank=None)
    model = method.fit(train, valid)
    other = replace(method, rank=NeuralRanker(tasks=Tasks(("bought",), "bought")))

    notes = judge_on_valid(other, model, train, valid).notes

    assert notes[0].startswith("DIN answers 'bought', and lists are judged here by")
    assert not any("surely" in note or "Popular" in note for note in notes)
    assert not judged_by_actions(NeuralRanker(tasks=Tasks(("bought",))))
