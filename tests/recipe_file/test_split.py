from datetime import date

import numpy as np
import pytest

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.recipe_file.split import Rolling, Split, parts_as_saved


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"valid": 0.5, "test": 0.5}, "leave something to train on"),
        ({"test": -0.1}, "must be from 0"),
        ({"test": float("nan")}, "test is nan; it must be a number"),
        ({"leave_last": 0}, "leave_last is 0; it must be at least 1"),
        ({"time": ("a", "b", "c")}, "has 3 times"),
        ({"time": ("2024-01-01",), "leave_last": 1}, "names time and leave_last"),
        ({"test": 0.2, "by": "split"}, "names valid and test and by"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused_when_it_is_written(settings, says):
    with pytest.raises(ConfigError, match=says):
        Split(**settings)


@pytest.mark.parametrize("settings", [{"window_days": 0.0}, {"window_days": np.inf}])
def test_windows_have_a_length(settings):
    with pytest.raises(ConfigError, match="must be above 0"):
        Rolling(**settings)


def test_shares_of_zero_leave_a_part_out():
    log = draw_log(events=1000)

    whole = Split(valid=0.0, test=0.0).parts(log)
    only_test = Split(valid=0.0).parts(log)
    only_valid = Split(test=0.0).parts(log)

    assert (len(whole.train), whole.valid, whole.test) == (1000, None, None)
    assert only_test.valid is None
    assert len(only_test.train) + len(only_test.test) == 1000
    assert only_valid.test is None
    assert len(only_valid.known) == 1000


@pytest.mark.parametrize(
    "split",
    [
        Split(),
        Split(time=("2023-11-30", date(2023, 12, 10))),
        Split(time=(1_702_000_000,)),
        Split(leave_last=1),
        Split(leave_last=2),
        Split(rolling=Rolling(window_days=3.0, folds=2)),
    ],
)
def test_a_saved_model_finds_the_same_parts_again(split):
    log = draw_log(events=1000)
    parts = split.parts(log)

    before, test = parts_as_saved(log, parts.memory, "test")

    assert np.array_equal(test.item, parts.test.item)
    assert np.array_equal(test.time, parts.test.time)
    assert len(before) == len(parts.known)
    if parts.valid is not None:
        before, valid = parts_as_saved(log, parts.memory, "valid")
        assert np.array_equal(valid.user, parts.valid.user)
        assert len(before) == len(parts.train)


def test_parts_that_overlap_in_time_stand_one_after_the_other():
    log = draw_log(events=1000)
    parts = Split(leave_last=1).parts(log)

    assert parts.overlap
    assert parts.train.time[-1] < parts.valid.time[0] <= parts.valid.time[-1]
    assert parts.valid.time[-1] < parts.test.time[0]
    # Each user's last event, by a loop over the rows.
    last = {}
    for user, item in zip(log.user.tolist(), log.item.tolist(), strict=True):
        last[user] = item
    found = dict(zip(parts.test.user.tolist(), parts.test.item.tolist(), strict=True))
    assert found == {user: last[user] for user in found}
    assert not Split().parts(log).overlap


def test_a_part_that_is_not_there_is_said():
    log = draw_log(events=1000)
    memory = Split(valid=0.0).parts(log).memory

    with pytest.raises(DataError, match="trained without a valid part"):
        parts_as_saved(log, memory, "valid")
    early = log.before(int(log.time[100]))
    with pytest.raises(DataError, match="which begins at 2023-"):
        parts_as_saved(early, memory, "test")


def test_the_column_of_parts_may_have_any_name(tmp_path):
    del tmp_path
    log = interactions(list("aabb"), list("xyxy"), [1, 2, 3, 4])

    with pytest.raises(DataError, match="carries no column"):
        Split(by="fold").parts(log)


@pytest.mark.parametrize("shares", [{}, {"valid": 0.0}, {"test": 0.0}, {"test": 0.3}])
@pytest.mark.parametrize("timed", [True, False])
def test_a_random_split_is_found_again(shares, timed):
    log = draw_log(events=1000)
    if not timed:
        log = interactions(log.user, log.item)
    parts = Split(random=3, **shares).parts(log)

    assert Split(random=3).needs is None
    for name in ("valid", "test"):
        part = getattr(parts, name)
        if not shares.get(name, 0.1):
            assert part is None
            continue
        before, found = parts_as_saved(log, parts.memory, name)
        assert np.array_equal(found.item, part.item)
        assert before.time[-1] < found.time[0]
        share = shares.get(name, 0.1) * len(log)
        assert abs(len(part) - share) <= len(log.users)
    assert parts.overlap == timed


def test_a_random_split_has_a_seed_and_something_to_draw():
    with pytest.raises(ConfigError, match="random is -1"):
        Split(random=-1)
    with pytest.raises(ConfigError, match="a share of one of them"):
        Split(random=1, valid=0.0, test=0.0)
    with pytest.raises(ConfigError, match="names by and random"):
        Split(random=1, by="split")


@pytest.mark.parametrize("split", [Split(random=0), Split(leave_last=2)])
def test_a_log_that_grew_is_not_split_otherwise_than_it_was(split):
    log = draw_log(events=1000)
    memory = split.parts(log.take(np.arange(999))).memory

    with pytest.raises(DataError, match="made of 999 events, and the log has 1,000"):
        parts_as_saved(log, memory, "test")


def test_each_last_event_of_a_log_that_grew_is_one_that_nobody_learnt_from():
    log = draw_log(events=1000)
    memory = Split(leave_last=1).parts(log.take(np.arange(900))).memory

    _, test = parts_as_saved(log, memory, "test")

    assert len(test) == len(np.unique(log.user[np.bincount(log.user)[log.user] > 1]))


@pytest.mark.parametrize("split", [Split(random=0), Split(leave_last=1)])
def test_a_log_in_another_order_is_not_split_otherwise_than_it_was(split):
    # The events of each user are of one second, so that the order alone tells them.
    user, item = np.arange(90) % 9, np.arange(90)
    time = np.full(90, 5)
    parts = split.parts(interactions(user, item, time))
    other = np.arange(90)[::-1]
    again = interactions(user[other], item[other], time[other])

    with pytest.raises(DataError, match="goes by the order of its events"):
        parts_as_saved(again, parts.memory, "test")


def test_events_of_others_may_come_in_any_order():
    user, item, time = np.arange(90) % 9, np.arange(90), np.arange(90) // 9
    parts = Split(leave_last=1).parts(interactions(user, item, time))
    other = np.lexsort((-user, time))
    again = interactions(user[other], item[other], time[other])

    _, test = parts_as_saved(again, parts.memory, "test")

    assert parts.test is not None
    found, held = (part.items.decode(part.item) for part in (test, parts.test))
    assert sorted(found) == sorted(held) == list(range(81, 90))
