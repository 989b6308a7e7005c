from datetime import date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.errors import DataError, LeakageError

DAY = 86_400


def log_of(user: list[int], time: list[int]) -> Interactions:
    """A log whose items are the row numbers of the file, so that rows can be named."""
    return interactions(
        user,
        list(range(len(user))),
        time,
        context=pl.DataFrame({"row": range(len(user))}),
    )


def rows(log: Interactions) -> list[int]:
    return log.items.decode(log.item).to_list()


# Few users and few seconds, so that ties and repeats are common.
events = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=60
)
drawn_logs = events.map(lambda e: log_of([u for u, _ in e], [t for _, t in e]))


def by_user(log: Interactions) -> dict[int, list[int]]:
    """File rows of each user in time order, by Python's own stable sort."""
    found: dict[int, list[int]] = {}
    for user, row in zip(log.user.tolist(), rows(log), strict=True):
        found.setdefault(user, []).append(row)
    return found


@given(drawn_logs, st.integers(1, 12))
def test_nothing_at_or_after_the_cut_is_in_train_and_nothing_is_lost(log, cut):
    try:
        train, test = log.split(time=cut)
    except DataError:
        assert (log.time < cut).all() or (log.time >= cut).all()
        return

    assert train.time.max() < cut <= test.time.min()
    assert rows(train) + rows(test) == rows(log)


@given(drawn_logs, st.floats(0.05, 0.9))
def test_a_cut_by_fraction_never_parts_events_of_one_second(log, fraction):
    try:
        train, test = log.split(fractions=(fraction,))
    except DataError:
        first_second = int((log.time == log.time[0]).sum())
        assert min(round(fraction * len(log)), len(log) - 1) < first_second
        return

    assert train.time.max() < test.time.min()
    assert rows(train) + rows(test) == rows(log)
    assert len(train) <= round(fraction * len(log))


@given(drawn_logs)
def test_leave_last_out_takes_each_users_last_two_by_time_then_file_order(log):
    histories = by_user(log)
    long = {user: h for user, h in histories.items() if len(h) >= 3}
    if not long:
        with pytest.raises(DataError, match="no user has three events"):
            log.leave_last_out()
        return

    train, valid, test = log.leave_last_out()

    assert sorted(rows(test)) == sorted(h[-1] for h in long.values())
    assert sorted(rows(valid)) == sorted(h[-2] for h in long.values())
    assert sorted(rows(train) + rows(valid) + rows(test)) == sorted(rows(log))


@given(drawn_logs, st.integers(1, 4))
def test_leave_last_takes_k_events_of_users_with_more(log, k):
    longer = [h for h in by_user(log).values() if len(h) > k]
    if not longer:
        with pytest.raises(DataError, match=f"more than {k} events"):
            log.leave_last(k)
        return

    train, test = log.leave_last(k)

    assert sorted(rows(test)) == sorted(row for h in longer for row in h[-k:])
    assert sorted(rows(train) + rows(test)) == sorted(rows(log))


@given(
    st.lists(st.integers(0, 20 * DAY), min_size=30, max_size=60),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_a_window_follows_everything_it_is_judged_on(times, window, step, folds):
    log = log_of([0] * len(times), times)
    try:
        pairs = log.rolling(window_days=window, step_days=step, folds=folds)
    except DataError:
        return

    end = max(times) + 1
    for number, (train, test) in enumerate(pairs):
        before = end - (folds - 1 - number) * step * DAY
        since = before - window * DAY
        inside = {r for r, t in enumerate(times) if since <= t < before}
        assert set(rows(test)) == inside
        assert set(rows(train)) == {r for r, t in enumerate(times) if t < since}
    assert len(pairs) == folds


def test_windows_step_by_their_own_length_unless_told_otherwise():
    log = log_of([0] * 10, [day * DAY for day in range(10)])

    pairs = log.rolling(window_days=2, folds=3)

    assert [rows(test) for _, test in pairs] == [[4, 5], [6, 7], [8, 9]]
    assert [len(train) for train, _ in pairs] == [4, 6, 8]


def test_a_window_without_a_past_is_refused_by_its_number():
    log = log_of([0] * 4, [day * DAY for day in range(4)])

    with pytest.raises(DataError, match=r"window 1 of 2, .* no event before it"):
        log.rolling(window_days=2, folds=2)


def test_a_window_without_events_is_refused_by_its_number():
    log = log_of([0] * 3, [0, DAY, 9 * DAY])

    with pytest.raises(DataError, match=r"window 1 of 2, .* no event in it"):
        log.rolling(window_days=2, folds=2)


@pytest.mark.parametrize(
    "settings",
    [
        {"window_days": 0},
        {"window_days": 1, "folds": 0},
        {"window_days": 1, "step_days": -1},
    ],
)
def test_a_window_setting_of_nothing_is_refused(settings):
    with pytest.raises(DataError, match="must all be above 0"):
        log_of([0], [0]).rolling(**settings)


NOON = 1_714_564_800  # 2024-05-01T12:00:00Z


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        float(NOON),
        "2024-05-01T12:00:00Z",
        "2024-05-01 12:00",
        datetime(2024, 5, 1, 12),
        datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))),
    ],
    ids=repr,
)
def test_every_spelling_of_a_cut_puts_the_event_at_it_into_test(moment):
    train, test = log_of([0, 0, 0], [NOON - 1, NOON, NOON + 1]).split(time=moment)

    assert rows(train) == [0]
    assert rows(test) == [1, 2]


@pytest.mark.parametrize(
    "moment",
    [NOON * 1000, np.int64(NOON * 1000), "20240501", 20240501, "2024", 2024, 202405],
    ids=repr,
)
@pytest.mark.parametrize("part", ["before", "since", "split"])
def test_what_is_no_second_of_the_log_parts_nothing(moment, part):
    log = log_of([0, 0], [NOON - 1, NOON + 1])

    with pytest.raises(DataError):
        log.split(time=moment) if part == "split" else getattr(log, part)(moment)


def test_a_log_is_parted_by_any_number_within_it():
    log = log_of([0, 0, 0], [1_000, 2_024, 20_240_501])

    assert rows(log.before(2_024)) == [0]
    assert rows(log.since(np.int64(20_240_501))) == [2]
    assert rows(log.since(20_240_502)) == []


def test_a_row_before_the_first_is_refused():
    with pytest.raises(DataError, match="the log has 2 events"):
        log_of([0, 0], [1, 2]).take(np.array([-3]))


def test_a_date_cuts_at_its_midnight():
    midnight = NOON - 12 * 3600
    train, test = log_of([0, 0], [midnight - 1, midnight]).split(time=date(2024, 5, 1))

    assert (rows(train), rows(test)) == ([0], [1])


def test_two_cuts_give_three_parts_that_share_vocabularies_and_memory():
    log = log_of([0, 1, 2], [10, 20, 30])

    parts = log.split(time=(15, 25))

    assert [rows(part) for part in parts] == [[0], [1], [2]]
    assert all(part.users is log.users for part in parts)
    assert all(np.shares_memory(part.time, log.time) for part in parts)
    assert [part.context["row"].to_list() for part in parts] == [[0], [1], [2]]


def test_without_words_a_split_is_eight_one_one_in_time():
    log = log_of([0] * 10, list(range(10)))

    assert [len(part) for part in log.split()] == [8, 1, 1]


@pytest.mark.parametrize("cuts", [(25, 15), (15, 15)], ids=repr)
def test_cuts_that_do_not_increase_would_leak(cuts):
    with pytest.raises(LeakageError, match="hold the future of test"):
        log_of([0, 1, 2], [10, 20, 30]).split(time=cuts)


@pytest.mark.parametrize(
    ("cut", "part"), [(5, "part 1 of 2"), (10, "part 1 of 2"), (31, "part 2 of 2")]
)
def test_a_cut_that_leaves_a_part_empty_is_refused(cut, part):
    with pytest.raises(DataError, match=f"{part} of the split has no event"):
        log_of([0, 1, 2], [10, 20, 30]).split(time=cut)


@pytest.mark.parametrize(
    "fractions", [(), (0.0,), (-0.1,), (1.0,), (0.5, 0.5)], ids=repr
)
def test_fractions_that_leave_nothing_are_refused(fractions):
    with pytest.raises(DataError, match="above 0 and their sum below 1"):
        log_of([0, 1, 2], [10, 20, 30]).split(fractions=fractions)


def test_a_log_of_one_event_and_an_empty_log_cannot_be_split():
    one, none = log_of([0], [5]), log_of([], [])

    for log in (one, none):
        with pytest.raises(DataError, match="has no event"):
            log.split()
        with pytest.raises(DataError, match="no user has three events"):
            log.leave_last_out()
    with pytest.raises(DataError, match="no user has more than 1 events"):
        none.leave_last(1)
    with pytest.raises(DataError, match="the log is empty"):
        none.rolling(window_days=1)


def test_a_cut_that_is_no_time_is_refused():
    with pytest.raises(
        DataError, match=r"^the cut is 'soon', not a time\. Write Unix seconds, a date"
    ):
        log_of([0, 1], [1, 2]).split(time="soon")


def test_leaving_out_nothing_is_refused():
    with pytest.raises(DataError, match="leave nothing out"):
        log_of([0, 0], [1, 2]).leave_last(0)


def joined_again(parts):
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.followed_by(part)
    return whole


@given(drawn_logs, st.integers(1, 3))
def test_the_parts_of_a_split_join_to_the_log_again(log, k):
    splits = []
    for split in (
        lambda: log.leave_last_out(),
        lambda: log.leave_last(k),
        lambda: log.split(fractions=(0.5, 0.2)),
    ):
        try:
            splits.append(split())
        except DataError:
            continue

    for parts in splits:
        whole = joined_again(parts)
        assert whole.time.tolist() == log.time.tolist()
        assert by_user(whole) == by_user(log)
        # Joined the other way round, only ties of one second may stand otherwise.
        back = joined_again(parts[::-1])
        assert back.time.tolist() == log.time.tolist()
        assert sorted(rows(back)) == sorted(rows(log))


NAMES = {
    "train": ["train", "Training", " TRAIN "],
    "valid": ["valid", "val", "validation", "dev"],
    "test": ["test", "Testing"],
}
part_names = st.sampled_from(sorted(NAMES)).flatmap(
    lambda part: st.tuples(st.just(part), st.sampled_from(NAMES[part]))
)


@given(st.lists(st.tuples(part_names, st.integers(0, 5)), min_size=1, max_size=30))
def test_a_column_of_parts_splits_a_log(events):
    log = interactions(
        [0] * len(events),
        range(len(events)),
        [time for _, time in events],
        context=pl.DataFrame({"fold": [spelt for (_, spelt), _ in events]}),
    )
    wanted = {part: [] for part in NAMES}
    for row, ((part, _), _) in enumerate(events):
        wanted[part].append(row)
    present = [part for part in NAMES if wanted[part]]
    if "train" not in present or len(present) < 2:
        with pytest.raises(DataError, match="'fold' names only"):
            log.split(by="fold")
        return

    parts = log.split(by="fold")

    assert [sorted(rows(part)) for part in parts] == [wanted[p] for p in present]
    assert joined_again(parts).time.tolist() == log.time.tolist()


def test_parts_of_a_log_without_times_follow_each_other():
    log = interactions(
        list("abab"),
        list("xyzw"),
        context=pl.DataFrame({"split": ["test", "train", "val", "val"]}),
    )

    train, valid, test = log.split(by="split")

    assert [p.time.tolist() for p in (train, valid, test)] == [[0], [1, 1], [2]]
    assert {p.clock for p in (train, valid, test)} == {"none"}
    assert rows(train.followed_by(valid)) == ["y", "z", "w"]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (
            {"fold": ["train", "test"]},
            "no column 'split' to split by.*It carries: fold",
        ),
        (
            {"split": ["train", "1"]},
            "events, row 1: column .split. holds .1., which names",
        ),
        ({"split": ["train", None]}, "events, row 1: column .split. holds None"),
        ({"split": ["valid", "test"]}, "names only valid and test"),
        ({"split": ["train", "train"]}, "names only train"),
    ],
)
def test_a_column_that_names_no_split_is_refused(column, sentence):
    log = interactions(list("ab"), list("xy"), [1, 2], context=pl.DataFrame(column))

    with pytest.raises(DataError, match=sentence):
        log.split(by="split")


@pytest.mark.parametrize(
    "split",
    [
        lambda log: log.split(time=3),
        lambda log: log.split(fractions=(0.5,)),
        lambda log: log.leave_last_out(),
        lambda log: log.leave_last(1),
    ],
    ids=["time", "fractions", "leave_last_out", "leave_last"],
)
def test_a_log_without_times_has_no_last_event(split):
    with pytest.raises(DataError, match="must know which event comes first"):
        split(interactions(list("aaa"), list("xyz")))


def test_positions_split_by_positions_and_never_by_days():
    log = interactions(list("aaaa"), list("wxyz"), [1, 2, 3, 4], clock="order")

    assert [len(part) for part in log.split(time=(2, 4))] == [1, 2, 1]
    assert [len(part) for part in log.split(fractions=(0.5, 0.25))] == [2, 1, 1]
    assert [len(part) for part in log.leave_last_out()] == [2, 1, 1]
    with pytest.raises(DataError, match=r"rolling\(\) counts in days"):
        log.rolling(window_days=1)
    with pytest.raises(DataError, match="cut is '1970-01-01', but this log has pos"):
        log.split(time="1970-01-01")
    with pytest.raises(DataError, match="runs from position 1 to position 4"):
        log.split(time=9)
    with pytest.raises(LeakageError, match="position 2 does not come after position 3"):
        log.split(time=(3, 2))


@given(
    st.lists(st.integers(0, 5), min_size=40, max_size=90),
    st.sampled_from([(0.8, 0.1), (0.5,), (0.34, 0.33), (0.4, 0.2, 0.2)]),
    st.integers(0, 9),
)
def test_a_random_split_takes_a_share_of_each_users_events(users, fractions, seed):
    log = interactions(users, range(len(users)))

    parts = log.random_split(fractions=fractions, rng=seed)
    again = log.random_split(fractions=fractions, rng=seed)

    together = sorted(item for part in parts for item in part.item.tolist())
    assert together == list(range(len(users)))
    for number, (part, same) in enumerate(zip(parts, again, strict=True)):
        assert part.item.tolist() == same.item.tolist()
        assert set(part.time.tolist()) == {number}
    for user in set(log.user.tolist()):
        events = (log.user == user).sum()
        assert (parts[0].user == user).any()
        for share, part in zip(fractions[1:], parts[1:], strict=False):
            # Where a part begins and ends is rounded, and train has at least one.
            assert abs((part.user == user).sum() - share * events) <= 1


def test_a_random_split_draws_every_event_alike_often():
    log = interactions([0] * 10, range(10))

    counts = np.zeros(10)
    for seed in range(500):
        counts[log.random_split(fractions=(0.8,), rng=seed)[1].item] += 1

    # 500 draws with 1 in 5: a deviation of 8.9, and this is over four of them.
    assert counts.sum() == 1000
    assert abs(counts - 100).max() < 40


def test_a_random_split_without_events_for_a_part_is_refused():
    log = interactions(list("abc"), list("xyz"))

    with pytest.raises(DataError, match="part 2 of 3 of the random split has no event"):
        log.random_split()
    with pytest.raises(DataError, match="each must be above 0"):
        log.random_split(fractions=(0.8, 0.2))
