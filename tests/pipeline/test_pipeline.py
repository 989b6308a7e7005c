from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.artifact.sealed import save
from tidegraph.catalog import load
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    LeakageError,
    RequestError,
    UnknownIdWarning,
)
from tidegraph.pipeline import FittedPipeline, Pipeline, Windows
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.reranking.diversity import DPP, MMR
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.testing.retrievers import requests_at
from tidegraph.training.settings import Training

CHANNELS = (Popular(), ItemKNN(neighbors=10), Repeat())
WHOLE = Pipeline(
    CHANNELS,
    rank=RecencyLogit(),
    rerank=MMR(diversity=0.2, by="category"),
    candidates=25,
    windows=Windows(2),
    names="category",
)


def parts(log: Interactions | None = None) -> tuple[Interactions, Interactions, int]:
    """A train part, a valid part, and the moment the test part begins."""
    log = draw_log(events=1500) if log is None else log
    first, second = int(log.time[1000]), int(log.time[1250])
    return log.before(first), log.since(first).before(second), second


@pytest.fixture(scope="module")
def model() -> FittedPipeline:
    train, valid, _ = parts()
    return WHOLE.fit(train, valid)


def test_a_list_has_raw_ids_and_says_who_proposed_each_item_and_why(model):
    lists = model.recommend("u4", k=6)

    columns = ["user", "rank", "item", "name", "score", "channel", "why"]
    assert lists.columns == columns
    assert lists["rank"].to_list() == [1, 2, 3, 4, 5, 6]
    assert lists["item"].n_unique() == 6
    named = {name for row in lists["channel"] for name in row.split("+")}
    assert named <= set(model.retriever.channels)
    assert all(lists["why"])
    assert not lists["why"].str.contains("{item}", literal=True).any()


def test_each_stage_works_alone_and_the_last_is_the_whole(model):
    requests = requests_at(parts()[0])
    stages = model.stages()

    assert list(stages) == ["retrieve", "rank", "rerank"]
    whole = model.retrieve(requests, 5).item
    np.testing.assert_array_equal(stages["rerank"].retrieve(requests, 5).item, whole)
    alone = stages["retrieve"].retrieve(requests, 5)
    blend = model.retriever.retrieve(requests, 25).top(5)
    np.testing.assert_array_equal(alone.item, blend.item)


def test_each_channel_can_answer_alone(model):
    channels = model.channels()

    assert list(channels) == list(model.retriever.channels)
    assert list(channels.values()) == list(model.retriever.retrievers)
    assert model.serving.candidates == 25


def test_without_ranker_and_reranker_a_pipeline_is_its_blend():
    train, valid, _ = parts()
    plain = Pipeline(CHANNELS, candidates=25).fit(train, valid)

    assert list(plain.stages()) == ["retrieve"]
    assert plain.recommend("u1", k=3).height == 3


@pytest.mark.parametrize(
    "ranker",
    [None, RecencyLogit(), NeuralRanker(training=Training(epochs=1))],
    ids=repr,
)
def test_rewriting_the_test_part_changes_no_answer(ranker):
    log = draw_log(events=1500)
    train, valid, cut = parts(log)
    later = log.time >= cut
    item = log.item.copy()
    item[later] = np.random.default_rng(0).permutation(item[later])
    other_train, other_valid, _ = parts(replace(log, item=item))
    plan = replace(WHOLE, rank=ranker)

    as_it_was = plan.fit(train, valid).recommend_all(k=5)
    as_rewritten = plan.fit(other_train, other_valid).recommend_all(k=5)

    assert as_it_was.equals(as_rewritten)


def test_the_same_seed_gives_the_same_bits_and_survives_saving(tmp_path):
    train, valid, _ = parts()
    plan = replace(
        WHOLE, rank=NeuralRanker(training=Training(epochs=1)), rerank=DPP(by="category")
    )
    model, twin = plan.fit(train, valid, rng=5), plan.fit(train, valid, rng=5)
    model.save(tmp_path / "model")

    back = load(tmp_path / "model")

    answer = model.recommend_all(k=5)
    assert answer.equals(twin.recommend_all(k=5))
    assert answer.equals(back.recommend_all(k=5))


def test_observed_events_count_in_the_next_answer_and_nothing_is_refitted():
    train, valid, _ = parts()
    model = Pipeline((Repeat(),)).fit(train, valid)
    now = model.graph.latest + 100
    fresh = next(
        item
        for item in model.graph.items.ids
        if item not in model.recommend("u4", k=40)["item"].to_list()
    )

    model.observe([("u4", fresh, now), ("u4", fresh, now + 1)])

    assert fresh in model.recommend("u4", k=40)["item"].to_list()


def test_a_new_user_is_answered_once_observed():
    train, valid, _ = parts()
    model = Pipeline((ItemKNN(),)).fit(train, valid)
    with (
        pytest.warns(UnknownIdWarning, match="user 'newcomer' is not in the model"),
        pytest.raises(RequestError, match="'newcomer', who is not known"),
    ):
        model.recommend("newcomer")

    model.observe([("newcomer", "i3", model.graph.latest + 1)])

    assert model.recommend("newcomer", k=3).height == 3


def test_a_new_item_is_neither_fatal_nor_recommended_before_training():
    train, valid, _ = parts()
    model = WHOLE.fit(train, valid)
    model.observe([("u1", "brand-new", model.graph.latest + 1)])

    lists = model.recommend_all(k=10)

    assert "brand-new" not in lists["item"].to_list()
    assert lists.filter(lists["user"] == "u1").height == 10


@pytest.mark.parametrize("time", [-5, 1_715_000_000_000])
def test_an_observed_time_that_is_no_unix_second_is_refused(time):
    train, valid, _ = parts()
    model = Pipeline((Popular(),)).fit(train, valid)
    before = model.graph

    with pytest.raises(DataError, match=r"event 1 has the time .* not Unix seconds"):
        model.observe([("u1", "i1", before.latest + 1), ("u1", "i2", time)])
    assert model.graph is before


def test_a_valid_part_that_begins_in_the_last_second_of_train_is_a_leak():
    train, valid, _ = parts()
    same = replace(
        valid, time=np.maximum(valid.time - (valid.time[0] - train.time[-1]), 0)
    )

    when = str(np.datetime64(int(train.time[-1]), "s"))
    said = f"valid begins at {when}Z, but train ends at {when}Z: a moment in both"
    with pytest.raises(LeakageError, match=said):
        Pipeline((Popular(),)).fit(train, same)


def test_a_history_answers_like_the_user_who_lived_it():
    train, valid, _ = parts()
    model = Pipeline((ItemKNN(),)).fit(train, valid)
    user = model.graph.users.row("u4")
    history = model.graph["action"].histories(
        np.array([user], np.int32), np.array([model.graph.latest + 1])
    )
    chosen = model.graph.items.decode(history.node).to_list()

    unknown = model.recommend(history=chosen, k=8)
    known = model.recommend("u4", k=8)

    assert unknown["item"].to_list() == known["item"].to_list()


def test_repeats_are_allowed_or_not_as_set():
    train, valid, _ = parts()
    known = train.followed_by(valid)
    model = Pipeline((Popular(),), repeat=False).fit(train, valid)
    lists = model.recommend_all(k=5)
    pairs = set(known.frame().select("user", "item").iter_rows())

    assert not any(pair in pairs for pair in lists.select("user", "item").iter_rows())


def test_excluded_items_stay_out(model):
    first = model.recommend("u4", k=3)["item"].to_list()

    with pytest.warns(UnknownIdWarning, match="item 'no such item'"):
        again = model.recommend("u4", k=3, exclude=[*first, "no such item"])

    assert not set(first) & set(again["item"])


def test_a_request_at_a_time_that_training_saw_is_a_leak(model):
    with pytest.raises(LeakageError, match="would know its own future"):
        model.recommend("u4", at=model.serving.trained_until)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"user": "u4", "k": 0}, "k is 0"),
        ({"user": "u4", "k": 41}, "catalogue has 40 items"),
        ({}, r"give either a user or a history; user is None\."),
        ({"user": "u4", "history": ["i1"]}, "not both"),
        ({"history": []}, "history is empty"),
        ({"history": ["what"]}, "beginning with 'what'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(model, request_, says):
    with pytest.raises(RequestError, match=says):
        model.recommend(**request_)


def test_everything_excluded_is_said(model):
    with pytest.raises(RequestError, match="for them that is not excluded"):
        model.recommend("u4", exclude=model.graph.items.ids.to_list())


def test_an_unknown_user_gets_what_popular_says(model):
    with pytest.warns(UnknownIdWarning):
        lists = model.recommend("nobody", k=5)

    assert lists.height == 5
    assert lists["channel"].str.contains("Popular").all()


def test_a_pipeline_without_channels_is_refused():
    with pytest.raises(ConfigError, match="at least one retrieval method"):
        Pipeline(())


def test_a_log_too_short_for_the_windows_is_refused():
    train, valid, _ = parts()

    with pytest.raises(DataError, match="too short for 40 windows"):
        replace(WHOLE, windows=Windows(40)).fit(train, valid)


def test_without_a_valid_part_the_last_window_takes_its_place():
    train, _, _ = parts()

    assert WHOLE.fit(train).recommend("u1", k=2).height == 2


def test_a_column_of_names_that_is_not_there_is_refused():
    train, valid, _ = parts()

    with pytest.raises(DataError, match="names='title' is no feature of items"):
        replace(WHOLE, names="title").fit(train, valid)


def test_a_saved_vocabulary_alone_is_not_a_pipeline(tmp_path):
    save(draw_log().users, tmp_path / "users")

    with pytest.raises(ArtifactError, match="not a pipeline"):
        load(tmp_path / "users")


def test_planted_habits_are_found():
    """Even users choose even items; the held-out ones are recommended."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, 40, 4000)
    item = rng.integers(0, 20, 4000) * 2 + user % 2
    log = interactions(
        [f"u{u}" for u in user], [f"i{i}" for i in item], np.arange(4000) * 60
    )
    model = Pipeline(
        (ItemKNN(),), rank=RecencyLogit(), candidates=30, windows=Windows(2)
    ).fit(log)

    lists = model.recommend_all(k=10)

    same = lists["user"].str.slice(1).cast(int) % 2 == (
        lists["item"].str.slice(1).cast(int) % 2
    )
    assert same.mean() > 0.99


def test_a_pipeline_refitted_before_valid_knows_nothing_of_it():
    train, valid, _ = parts()
    model = WHOLE.fit(train, valid)
    judged = WHOLE.refitted(model, train)
    weights = model.retriever.quotas
    blend = Blend(CHANNELS, weights, by=model.retriever.by)
    alone = Pipeline(blend, repeat=True).fit(train)
    at = int(valid.time[0])

    assert judged.retriever.quotas == weights
    assert judged.trained_until == int(train.time[-1])
    assert judged.ranker is model.ranker
    after = judged.stages()["retrieve"].recommend("u4", at=at)
    assert after["item"].equals(alone.recommend("u4", at=at)["item"])


class Vague:
    """A channel that does not say what it becomes."""

    def fit(self, train) -> Any:
        return Popular(half_life_days=None).fit(train)


def test_a_channel_that_may_become_anything_is_tried():
    assert Pipeline(retrieve=Vague()).fit(draw_log()).recommend("u1", k=2).height == 2


class Untrained:
    """A channel that must not be reached."""

    def fit(self, train):
        raise AssertionError("it was trained before all was checked")


@pytest.mark.parametrize(
    ("channel", "error", "said"),
    [
        (EASE(memory_limit_gb=1e-9), ConfigError, "memory_limit_gb"),
        (ItemKNN(half_life_days=1.0), DataError, "half-life counts in days"),
    ],
    ids=["memory", "no seconds"],
)
def test_what_a_channel_cannot_do_is_said_before_another_trains(channel, error, said):
    log = draw_log()
    positions = replace(log, time=np.arange(len(log)), clock="order")

    with pytest.raises(error, match=said):
        Pipeline(retrieve=(Untrained(), channel)).fit(positions)
