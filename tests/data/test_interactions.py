from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.errors import DataError

rows = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 5),
        st.one_of(st.integers(0, 4), st.floats(0, 4)),
        st.integers(0, 1),
        st.integers(1, 3),
    ),
    max_size=40,
)


@given(rows)
def test_eq_19_1_a_log_is_its_rows_sorted_by_time_as_python_sorts(events):
    columns = list(zip(*events, strict=True)) or [()] * 5
    log = interactions(*columns, context=pl.DataFrame({"row": range(len(events))}))

    ordered = sorted(enumerate(events), key=lambda row: row[1][2])
    assert log.frame().rows() == [
        (user, item, int(time), label, weight, row)
        for row, (user, item, time, label, weight) in ordered
    ]


@given(rows)
def test_vocabularies_list_ids_by_first_appearance_in_time(events):
    columns = list(zip(*events, strict=True)) or [()] * 5
    log = interactions(*columns)

    ordered = sorted(events, key=lambda row: row[2])
    assert log.users.ids.to_list() == list(dict.fromkeys(e[0] for e in ordered))
    assert log.items.ids.to_list() == list(dict.fromkeys(e[1] for e in ordered))


@given(rows, st.integers(0, 5))
def test_before_and_since_part_the_log_at_a_time(events, time):
    log = interactions(*(list(zip(*events, strict=True)) or [()] * 5))

    before, since = log.before(time), log.since(time)

    assert (before.time < time).all()
    assert (since.time >= time).all()
    assert len(before) + len(since) == len(log)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"user": ["a"]}, "columns differ in length: 1 users, 2 items, 2 times"),
        ({"user": ["a", None]}, "row 1: column 'user' has no id"),
        ({"item": [None, "x"]}, "row 0: column 'item' has no id"),
        ({"time": [1.0, float("nan")]}, "time is nan in row 1"),
        ({"time": [float("inf"), 1.0]}, "time is inf in row 0"),
        ({"time": ["1", "2"]}, "a column of numbers is expected"),
        (
            {"time": np.array([1700000001, 1700000030], np.float32)},
            "rounded by its short float, in row 0. Read the column as 64 bits",
        ),
        ({"time": [1, 1.5], "clock": "order"}, "1.5, no whole position, in row 1"),
        ({"clock": "none"}, 'times are given beside clock="none"'),
        ({"label": [1, 2]}, "label is 2 in row 1, not 1"),
        ({"weight": [1.0, float("nan")]}, "weight is nan in row 1"),
    ],
)
def test_a_bad_column_is_named_with_its_row(change, sentence):
    columns = {"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2]} | change

    with pytest.raises(DataError, match=sentence):
        interactions(**columns)


def test_the_columns_cannot_be_written_and_the_callers_can():
    time = np.array([1, 2])
    log = interactions(list("ab"), list("xy"), time)

    time[0] = 5

    assert log.time.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        log.time[0] = 5


def test_sorting_a_log_leaves_the_callers_columns_in_their_order():
    time, label, weight = np.array([2.5, 1.5]), np.array([0, 1]), np.array([3.0, 4.0])

    log = interactions(list("ab"), list("xy"), time, label, weight)

    assert log.label.tolist() == [1, 0]
    assert (time.tolist(), label.tolist()) == ([2.5, 1.5], [0, 1])
    assert weight.tolist() == [3.0, 4.0]


def test_taking_rows_takes_their_context():
    log = interactions(
        list("abc"), list("xyz"), [1, 2, 3], context=pl.DataFrame({"row": [0, 1, 2]})
    )

    for rows_taken in (slice(1, 3), np.array([1, 2]), np.array([False, True, True])):
        assert log.take(rows_taken).context["row"].to_list() == [1, 2]
        assert log.take(rows_taken).time.tolist() == [2, 3]


def test_actions_are_the_rows_with_label_one():
    acted = interactions(list("abc"), list("xyz"), [1, 2, 3], label=[1, 0, 1]).actions()

    assert acted.time.tolist() == [1, 3]
    assert acted.actions() is acted


def columns_of(n: int) -> dict:
    return {
        "user": np.zeros(n, np.int32),
        "item": np.zeros(n, np.int32),
        "time": np.arange(n, dtype=np.int64),
        "label": np.ones(n, np.int8),
        "weight": np.ones(n, np.float32),
        "users": Vocabulary(pl.Series(["u"])),
        "items": Vocabulary(pl.Series(["i"])),
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"time": np.array([5, 3])}, "time goes backwards at row 1: 5 then 3"),
        ({"user": np.array([0, 1], np.int32)}, "user rows run from 0 to 1, but"),
        ({"item": np.array([-1, 0], np.int32)}, "item rows run from -1 to 0, but"),
        ({"context": pl.DataFrame({"a": [1]})}, "context has 1 rows for 2 events"),
    ],
    ids=["time", "user", "item", "context"],
)
def test_columns_that_contradict_each_other_are_refused(change, sentence):
    with pytest.raises(DataError, match=sentence):
        Interactions(**(columns_of(2) | change))


def test_an_event_takes_twenty_one_bytes():
    assert Interactions(**columns_of(10)).nbytes == 210


def test_a_log_says_its_size_and_span():
    assert repr(interactions(list("aab"), list("xyx"), [0, 60, 3600])) == (
        "Interactions(3 events, 2 users, 2 items, "
        "1970-01-01T00:00:00 to 1970-01-01T01:00:00)"
    )
    assert "empty" in repr(interactions([], [], []))


def test_a_part_of_a_log_says_who_and_what_it_has_itself():
    log = interactions(list("aab"), list("xyx"), [0, 60, 3600])

    assert repr(log.before(3600)).startswith("Interactions(2 events, 1 users, 2 items")


def test_a_log_without_times_keeps_the_order_of_its_rows():
    log = interactions(list("bab"), list("yxy"))

    assert (log.clock, log.time.tolist()) == ("none", [0, 0, 0])
    assert log.frame()["user"].to_list() == ["b", "a", "b"]
    assert repr(log) == "Interactions(3 events, 2 users, 2 items, without times)"


def test_positions_only_order_a_log():
    given = interactions(list("bab"), list("yxy"), [7, -2, 9], clock="order")
    counted = interactions(list("bab"), list("yxy"), clock="order")

    assert given.frame()["user"].to_list() == ["a", "b", "b"]
    assert "positions -2 to 9" in repr(given)
    assert counted.time.tolist() == [0, 1, 2]
    assert given.take(slice(1, 3)).clock == "order"


def test_parts_of_two_logs_do_not_join():
    log = interactions(list("ab"), list("xy"), [1, 2])

    with pytest.raises(DataError, match="parts of two logs"):
        log.followed_by(interactions(list("ab"), list("xy"), [3, 4]))
    with pytest.raises(DataError, match="'seconds' and of the other 'order'"):
        log.followed_by(replace(log, clock="order"))


def test_a_marker_is_refused_or_kept_as_an_id():
    with pytest.raises(DataError, match=r"row 1: column 'user' holds 'NA'.* Drop the"):
        interactions(["a", "NA"], [1, 2], [1, 2])

    assert (
        interactions(["a", "NA"], [1, 2], [1, 2], missing="keep").users.row("NA") == 1
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"time": [1, 1e300]}, r"time is 1e\+300 in row 1"),
        ({"time": np.array([1, 1 << 63], np.uint64)}, "time is 9223372036854775808"),
        ({"time": [-(1 << 62), 1]}, "time is -4611686018427387904 in row 0"),
        ({"time": [1, 2], "weight": [1.0, 1e300]}, r"weight is 1e\+300 in row 1"),
    ],
)
def test_numbers_that_no_column_holds_are_refused_before_they_are_others(columns, says):
    with pytest.raises(DataError, match=says):
        interactions(["a", "b"], ["x", "y"], **columns)
