"""What a trained pipeline answers beside one user's list."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.data.sources import read
from tidegraph.errors import (
    DataError,
    LeakageError,
    NoAnswerWarning,
    NoHistoryWarning,
    RequestError,
    UnknownIdWarning,
)
from tidegraph.pipeline import Pipeline
from tidegraph.pipeline.serve import around, recommend
from tidegraph.retrieval.blend import Blend
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.popular import Popular
from tidegraph.stages import Requests


@pytest.fixture(scope="module")
def model():
    return Pipeline(retrieve=ItemKNN(), fallback=Popular()).fit(draw_log())


def test_one_channel_keeps_its_own_scores_and_order():
    log = draw_log()
    model = Pipeline(retrieve=ItemKNN()).fit(log)
    users = np.arange(len(log.users), dtype=np.int32)
    requests = Requests.of_users(
        model.graph, users, np.full(len(users), model.graph.latest + 1)
    )
    alone = ItemKNN().fit(log).retrieve(requests, 10)

    whole = model.retrieve(requests, 10)

    assert np.array_equal(whole.item, alone.item)
    assert np.array_equal(whole.score, alone.score)


def test_an_unknown_user_is_answered_by_the_fallback_which_is_named(model):
    with pytest.warns(UnknownIdWarning):
        lists = model.recommend("nobody", k=4)

    assert lists["channel"].unique().to_list() == ["Popular (fallback)"]
    assert lists.height == 4


def test_a_short_list_is_filled_up_behind_what_the_channels_found(model):
    items = len(model.graph.items)

    lists = model.recommend("u1", k=items)

    assert lists["item"].n_unique() == lists.height
    filled = lists["channel"] == "Popular (fallback)"
    assert filled.arg_sort().to_list() == list(range(lists.height))


def test_what_the_fallback_filled_up_has_no_score_of_another_scale():
    few = ItemKNN(neighbors=2)
    model = Pipeline(retrieve=few, fallback=Popular()).fit(draw_log())
    items = len(model.graph.items)

    lists = model.recommend_all(["u1", "u2"], k=items)

    filled = lists["channel"] == "Popular (fallback)"
    assert filled.any()
    assert not filled.all()
    assert lists["score"].is_null().equals(filled)
    for _, one in lists.group_by("user"):
        assert one["score"].drop_nulls().is_sorted(descending=True)
        assert one["rank"].to_list() == list(range(1, items + 1))
    assert lists["score"].dtype == pl.Float32


@pytest.mark.parametrize("spare", [Popular(), None])
def test_a_user_whom_only_does_not_name_is_said_to_lack_items(spare):
    model = Pipeline(retrieve=ItemKNN(), fallback=spare).fit(draw_log())
    said = "only= names other users and no item for them"
    mend = "Name items for them, or leave only= out."
    items = model.graph.items.ids.to_list()

    with pytest.warns(NoAnswerWarning) as told:
        lists = model.recommend_all(["u2", "u1"], k=3, only={"u2": items})

    assert lists["user"].unique().to_list() == ["u2"]
    assert [str(one.message) for one in told] == [
        f"1 of 2 users have no row, since {said} ('u1'). {mend}"
    ]
    with pytest.raises(RequestError) as error:
        model.recommend("u1", only={"u2": items})
    assert str(error.value) == f"there is nothing for user 'u1', since {said}. {mend}"


@pytest.mark.parametrize("what", ["only", "exclude"])
def test_a_filter_for_a_user_who_is_not_asked_for_is_said_to_be_passed_over(
    model, what
):
    items = model.graph.items.ids.to_list()[:9]

    with pytest.warns(UnknownIdWarning) as told:
        model.recommend_all(["u1"], k=1, **{what: {"u1": items, "u2": items}})

    assert [str(one.message) for one in told] == [
        f"user 'u2' is named by {what}= and not asked for; passed over"
    ]


def test_without_a_fallback_the_warning_counts_who_has_no_list():
    model = Pipeline(retrieve=ItemKNN()).fit(draw_log())

    with pytest.warns((NoAnswerWarning, UnknownIdWarning)) as said:
        lists = model.recommend_all(["u1", "nobody"], k=2)

    assert lists["user"].unique().to_list() == ["u1"]
    assert any("1 of 2 users have no row" in str(one.message) for one in said)


def test_a_known_user_without_a_history_at_that_time_is_said_as_an_unknown_one_is():
    model = Pipeline(retrieve=ItemKNN(), fallback=Popular()).fit(draw_log())
    now = model.graph.latest
    later = {"user": ["new-1", "new-2"], "item": ["i1", "i2"], "time": [now + 9] * 2}
    model.observe(later)

    with pytest.warns(NoHistoryWarning) as said:
        lists = model.recommend_all(["u1", "new-1", "new-2"], k=3, at=now + 9)

    assert [str(one.message) for one in said] == [
        f"2 users have no interactions before at={now + 9} ('new-1', 'new-2'); each "
        "answered as a user without history"
    ]
    silent = lists.filter(pl.col("user") != "u1")
    assert silent["channel"].unique().to_list() == ["Popular (fallback)"]
    model.recommend_all(["u1", "new-1", "new-2"], k=3, at=now + 10)


def test_a_user_of_the_features_alone_has_no_interactions():
    log = draw_log()
    known = pl.DataFrame({"id": [*log.users.ids, "guest"], "age": 30})
    log = replace(log, users=log.users.with_features(known, "id"))
    model = Pipeline(retrieve=ItemKNN()).fit(log)
    alone = "user 'guest' has no interactions; answered as a user without history"

    with pytest.warns(NoHistoryWarning) as said, pytest.raises(RequestError) as told:
        model.recommend("guest")

    assert [str(one.message) for one in said] == [alone]
    assert str(told.value) == (
        "there is nothing for user 'guest', who has no interactions, since no "
        "channel has an item for them. Give the pipeline fallback=Popular() to answer "
        "everybody."
    )


def observed_new(*, fallback=None):
    """A model that has seen an item its training did not know, and whom it concerns."""
    model = Pipeline(retrieve=ItemKNN(), fallback=fallback).fit(draw_log())
    now = model.graph.latest
    model.observe([("fresh", "NEW", now + 1), ("u1", "NEW", now + 2)])
    return model


def test_a_new_item_of_a_history_is_said_to_be_left_out():
    model = observed_new(fallback=Popular())

    with pytest.warns(UnknownIdWarning) as said:
        alone = model.recommend(history=["NEW", "NEW"], k=3)
    assert [str(one.message) for one in said] == [
        "item 'NEW' is not in the log of training; left out of the history"
    ]
    assert alone["channel"].unique().to_list() == ["Popular (fallback)"]

    with pytest.warns(UnknownIdWarning, match="'NEW' is not in the log of training"):
        among = model.recommend(history=["i1", "NEW"], k=3)
    assert among.equals(model.recommend(history=["i1"], k=3))


def test_a_user_of_new_items_alone_is_said_as_one_without_a_history_is():
    model = observed_new(fallback=Popular())
    alone = (
        "user 'fresh' has interactions with items alone that training did not know; "
        "answered as a user without history"
    )

    with pytest.warns(NoHistoryWarning) as one:
        model.recommend("fresh", k=3)
    with pytest.warns(NoHistoryWarning) as many:
        model.recommend_all(k=3)
    model.recommend("u1", k=3)

    assert [str(w.message) for w in one] == [str(w.message) for w in many] == [alone]


@pytest.mark.filterwarnings("ignore::tidegraph.errors.TidegraphWarning")
@pytest.mark.parametrize(
    ("asked", "who"),
    [
        ({"user": "fresh"}, "user 'fresh'"),
        ({"history": ["NEW"]}, "the history"),
        ({"user": "nobody"}, "user 'nobody', who is not known"),
    ],
)
def test_where_no_channel_has_an_item_both_doors_say_so(asked, who):
    model, mend = observed_new(), "Give the pipeline fallback=Popular() to answer"
    why = "since no channel has an item for them"

    with pytest.raises(RequestError) as told:
        model.recommend(**asked, k=3)
    with pytest.warns(NoAnswerWarning, match=rf"{why} \('fresh'\). {re.escape(mend)}"):
        model.recommend_all(["fresh", "u1"], k=3)

    assert str(told.value) == f"there is nothing for {who}, {why}. {mend} everybody."


def test_what_the_caller_excludes_is_named_beside_the_channels():
    model = Pipeline(retrieve=ItemKNN()).fit(draw_log())
    every = model.graph.items.ids

    with pytest.raises(RequestError, match=r"for them that is not excluded. Exclude"):
        model.recommend("u1", k=3, exclude=every)
    with pytest.warns(NoAnswerWarning, match=r"that is not excluded \('u1'\). Exclude"):
        model.recommend_all(["u1"], k=3, exclude=every)


@pytest.mark.parametrize(
    ("time", "at", "says"),
    [
        (
            {"time": "time"},
            1_700_000_000,
            "is not after 2023-11-14T22:13:21Z, the last",
        ),
        ({"time": "place"}, 2, "at=2 is not after position 2, the last"),
        (
            {"time": "place"},
            "2024-04-10",
            "at='2024-04-10' is no position, and the log",
        ),
        ({"time": None}, 9, "the log of this model has no times. Leave at= out."),
    ],
)
def test_a_time_of_a_request_is_refused_in_the_clock_of_the_log(time, at, says):
    held = {"user": ["a", "a"], "item": [1, 2]}
    held |= {"time": [1_700_000_000, 1_700_000_001], "place": [1, 2]}
    unit = {"time_unit": "order"} if time["time"] == "place" else {}
    log = read(held, **time, **unit)
    fitted = Pipeline(retrieve=Popular()).fit(log)

    around_it = around(Popular().fit(log), log)

    for model in (fitted, around_it):
        with pytest.raises((LeakageError, RequestError)) as told:
            model.recommend("a", k=1, at=at)
        assert says in str(told.value)


@pytest.mark.parametrize(
    "kind", [list, np.array, pd.Series, pl.Series, tuple], ids=list("lapot")
)
def test_lists_of_any_kind_limit_and_exclude_items(model, kind):
    only = ["i1", "i2", "i3"]

    lists = model.recommend_all(kind(["u1", "u2"]), k=5, only=kind(only))
    less = model.recommend("u1", k=5, only=kind(only), exclude=kind(["i2"]))

    assert set(lists["item"]) <= set(only)
    assert set(less["item"]) <= {"i1", "i3"}


def test_filters_may_be_of_each_user(model):
    lists = model.recommend_all(
        ["u1", "u2"],
        k=3,
        only={"u1": ["i1", "i2"], "u2": ["i3"]},
        exclude=pl.DataFrame({"user": ["u1"], "item": ["i1"]}),
    )

    assert lists.rows_by_key("user", named=True, unique=False).keys() == {"u1", "u2"}
    assert lists.filter(user="u1")["item"].to_list() == ["i2"]
    assert lists.filter(user="u2")["item"].to_list() == ["i3"]


def test_one_bare_string_is_no_list(model):
    with pytest.raises(RequestError, match=r"Write exclude=\['12'\]"):
        model.recommend("u1", exclude="12")


def test_a_marker_that_is_an_id_can_be_observed():
    log = read({"user": ["a", "NA"], "item": [1, 2], "time": [1, 2]}, missing="keep")
    model = Pipeline(retrieve=Popular()).fit(log)
    later = [("NA", 1, 10), ("a", "null", 11)]

    with pytest.raises(DataError, match=r"'NA', which stands for .* missing='keep'"):
        model.observe(later)
    assert model.graph.latest == 2

    model.observe(later, missing="keep")
    assert (model.graph.latest, model.graph.users.row("NA")) == (11, 1)


def test_a_log_numbered_as_the_model_keeps_its_clock():
    log = read({"user": ["a", "b"], "item": [1, 2]}, time=None)
    model = Pipeline(retrieve=Popular()).fit(log)

    assert model.graph.numbered(log).clock == "none"


def test_everything_excluded_is_said_where_there_is_a_fallback(model):
    with pytest.warns(NoAnswerWarning, match="since every item is excluded for them"):
        lists = model.recommend_all(["u1"], k=2, exclude=model.graph.items.ids)

    assert not lists.height


def test_milliseconds_are_no_time_of_a_request(model):
    with pytest.raises(RequestError, match="Divide milliseconds by 1,000"):
        model.recommend("u1", at=1_900_000_000_000)


def test_an_event_that_lacks_a_value_is_refused_and_none_moves_into_its_place():
    model = Pipeline(retrieve=Popular()).fit(draw_log())
    before, now = model.graph, model.graph.latest

    with pytest.raises(DataError, match="event 1 has no 'item'; it has: user, time"):
        model.observe(
            [
                {"user": "u1", "item": "i1", "time": now + 1},
                {"user": "u1", "time": now + 2},
            ]
        )

    assert model.graph is before


def test_records_of_numpy_are_events():
    model = Pipeline(retrieve=Popular()).fit(draw_log())
    now = model.graph.latest
    kind = [("user", "U4"), ("item", "U4"), ("time", "i8")]

    model.observe(np.array([("u1", "i1", now + 1), ("new", "i2", now + 2)], kind))

    assert model.graph.latest == now + 2
    assert model.graph.users.row("new") >= 0


def test_answers_about_another_log_are_refused():
    log = {"user": [1, 2, 3], "item": ["a", "b", "b"], "time": [1, 2, 3]}
    fitted = Popular().fit(read(log))
    other = read({"user": ["a"], "item": ["b"], "time": [1]})

    with pytest.raises(RequestError, match="Pass the log that was learnt from"):
        recommend(fitted, other, k=1)


def test_by_default_those_are_answered_who_have_an_edge():
    log = read(
        {"user": ["a", "b", "late"], "item": [1, 2, 1], "time": [1, 2, 9]},
        time_unit="order",
    )
    model = Pipeline(retrieve=Popular(), repeat=True).fit(log.take(log.time < 9))
    assert "late" in model.graph.users.ids

    with pytest.warns(NoHistoryWarning, match="1 of 3 users have no interactions"):
        assert set(model.recommend_all(k=1)["user"]) == {"a", "b"}
    model.observe([("late", 1, 9)])
    assert set(model.recommend_all(k=1)["user"]) == {"a", "b", "late"}


def test_who_was_shown_items_and_took_none_is_said_to_have_impressions():
    log = read(
        {"user": ["a", "b", "b"], "item": [1, 2, 1], "time": [1, 2, 3]}
        | {"label": [1, 0, 0]},
        label="label",
        time_unit="order",
    )
    model = Pipeline(retrieve=ItemKNN(), fallback=Popular(), repeat=True).fit(log)

    with pytest.warns(NoHistoryWarning, match="user 'b' has impressions and no action"):
        model.recommend_all(k=1)


@pytest.mark.parametrize("by", ["ranks", "scores"])
def test_where_no_item_may_be_chosen_there_is_nothing(by):
    blend = Blend((ItemKNN(), Popular()), quotas=(1.0, 1.0), by=by)
    model = Pipeline(blend).fit(draw_log())

    with pytest.raises(RequestError, match="there is nothing for user 'u1'"):
        model.recommend("u1", k=2, only=[])
