import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.check import check
from tidegraph.data.interactions import interactions
from tidegraph.data.sources import read
from tidegraph.errors import DataError, RoundedIdWarning

DAY = 86_400


def test_rows_ids_span_and_labels_are_counted():
    report = check(
        interactions(list("aab"), list("xyx"), [0, DAY, 3 * DAY], label=[1, 0, 1])
    )

    assert (report.rows, report.users, report.items) == (3, 2, 2)
    assert report.first == np.datetime64("1970-01-01T00:00:00")
    assert report.last == np.datetime64("1970-01-04T00:00:00")
    assert report.impressions == 1


def test_a_row_is_a_duplicate_only_if_user_item_second_and_label_repeat():
    log = interactions(
        list("aaaab"), list("xxxyx"), [5, 5, 5, 5, 5], label=[1, 1, 0, 1, 1]
    )

    assert check(log).duplicates == 1


def test_events_are_tied_within_a_user_and_a_second():
    log = interactions(list("aabab"), list("xyzwv"), [1, 1, 1, 2, 2])

    assert check(log).tied == 2 / 5


def test_repeats_are_actions_on_items_acted_on_before():
    # (a, x) three times is two repeats; the impression of (b, y) does not count.
    log = interactions(
        list("aaabb"), list("xxxyy"), [1, 2, 3, 4, 5], label=[1, 1, 1, 0, 1]
    )

    assert check(log).repeats == 2 / 4


def test_activity_is_over_ids_that_occur():
    # Users have 1, 2, 3, ..., 11 events: a tenth has at most 2, a tenth at least 10.
    users = [user for user in range(1, 12) for _ in range(user)]
    activity = check(interactions(users, users, range(len(users)))).per_user

    assert (activity.low, activity.middle, activity.high) == (2, 6, 10)
    assert activity.most == 11


def test_what_is_cold_after_four_fifths_of_the_events():
    # Train is a..a on x, y; the last two events are (a, z) and (b, x).
    log = interactions(list("aaaaaaaaab"), list("xyxyxyxyzx"), range(10))
    cold = check(log).cold

    assert cold.users == 1 / 2
    assert cold.items == 1 / 2
    assert cold.events == 1


def test_what_leave_last_out_leaks_by_hand():
    # a: train day 0, valid 1, test 2.  b: train days 3 and 4, valid 5, test 6.
    # Train is days 0, 3, 4. The test at day 2 has two of three behind it in time.
    log = interactions(
        list("aaabbbb"), list("pqrstuv"), [day * DAY for day in range(7)]
    )
    leak = check(log).leak

    assert leak.early_tests == 1 / 2
    assert leak.late_users == 1 / 2
    assert leak.future == pytest.approx((2 / 3 + 0) / 2)
    assert leak.overlap_days == 1.0


def test_nothing_leaks_when_everyone_leaves_together():
    log = interactions(list("abababab"), range(8), [0, 0, 1, 1, 2, 2, 3, 3])
    leak = check(log).leak

    assert (leak.early_tests, leak.late_users, leak.future) == (0, 0, 0)
    assert leak.overlap_days == 0


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=9, max_size=40)
)
def test_the_leak_agrees_with_a_plain_count(events):
    log = interactions(
        [u for u, _ in events], range(len(events)), [t for _, t in events]
    )
    leak = check(log).leak
    histories = {
        user: [t for u, t in sorted(events, key=lambda e: e[1]) if u == user]
        for user, _ in events
    }
    tests = {u: h[-1] for u, h in histories.items() if len(h) >= 3}
    train = {u: h[:-2] if u in tests else h for u, h in histories.items()}
    everything = [t for h in train.values() for t in h]
    if not tests:
        assert leak is None
        return

    def share(found):
        return sum(found) / len(tests)

    assert leak.early_tests == share(t < max(everything) for t in tests.values())
    assert leak.late_users == share(
        any(train[u][-1] > t for v, t in tests.items() if v != u) for u in tests
    )
    later = [sum(e > t for e in everything) / len(everything) for t in tests.values()]
    assert leak.future == pytest.approx(np.mean(later))


def test_one_event_has_no_cut_and_no_leak():
    report = check(interactions(list("a"), list("x"), [5]))

    assert report.cold is None
    assert report.leak is None
    assert "no user has three events" in report.text()
    assert "do not allow a cut" in report.text()


def test_an_empty_log_is_refused():
    with pytest.raises(DataError, match="the log is empty"):
        check(interactions([], [], []))


def test_the_text_says_the_numbers(log):
    text = check(log).text()

    assert "600 events of 30 users" in text
    assert "all are actions" in text
    assert "leave-last-out would leak" in text


def test_dates_without_a_clock_are_told():
    text = check(interactions(list("ab"), list("xy"), [5 * DAY, 9 * DAY])).text()

    assert "all times are midnights, so only the day is known" in text
    assert (
        "midnights"
        not in check(interactions(list("ab"), list("xy"), [5 * DAY, 9])).text()
    )


@given(st.integers(2_000_000_000, 9_000_000_000), st.integers(0, 1))
def test_a_clock_far_from_the_rest_is_told_with_its_row(wrong, early):
    rest = [1_700_000_000 + 60 * n for n in range(200)]
    times = [*rest, 5 if early else wrong]

    found = check(interactions([0] * 201, [0] * 201, times)).outliers

    assert found is not None
    assert (found.events, found.time) == (1, times[-1])
    assert found.row == 200
    assert "events, row 200" in found.text()
    assert str(np.datetime64(times[-1], "s")) in found.text()


@given(st.lists(st.integers(0, 300 * DAY), min_size=1, max_size=50))
def test_a_log_within_a_year_has_no_outliers(times):
    log = interactions([0] * len(times), [0] * len(times), times)

    assert check(log).outliers is None


def test_ids_that_read_like_missing_ones_are_told():
    frame = {"user": ["a", "NULL", "nan"], "item": [1, 2, 3], "time": [1, 2, 3]}

    kept = check(read(frame, missing="keep"))
    dropped = check(read(frame, missing="drop"))

    (marker,) = kept.markers
    assert (marker.side, marker.id, marker.events, marker.row) == ("user", "NULL", 2, 2)
    assert "2 events have a user id like 'NULL' in column 'user'" in kept.text()
    assert "(the dict, rows 2, 3)" in kept.text()
    assert (dropped.rows, dropped.dropped, dropped.markers) == (1, 2, ())
    assert "2 rows were left out in reading" in dropped.text()


@pytest.mark.parametrize("clock", ["order", "none"])
def test_a_log_without_seconds_is_told_without_dates(clock):
    report = check(interactions(list("aaa"), list("xyz"), clock=clock))

    assert report.first is None
    for word in ("1970", "days", "second", "leave-last-out", "midnight"):
        assert word not in report.text()
    said = "positions 0 to 2" if clock == "order" else "without times"
    assert said in report.text()


def test_ids_that_a_spreadsheet_rounded_are_told():
    users = ["1.23457E+12", "1.23457E+12", "a1E+5", "e+3"]
    with pytest.warns(RoundedIdWarning, match=r"\(events, rows 0, 1\)"):
        log = interactions(users, ["7", "8", "9", "7"], [1, 2, 3, 4])
    report = check(log)

    (found,) = report.ruined
    assert (found.side, found.id, found.events) == ("user", "1.23457E+12", 2)
    assert "2 rows hold an id like '1.23457E+12' in column 'user'" in report.text()
    assert not check(interactions(["a"], ["x"], [1])).ruined


def test_ids_with_characters_inside_that_show_nothing_are_told():
    users = ["a\u200bb", "ab", "a b", "\u0645\u06cc\u200c\u062e"]
    log = interactions(users, ["7", "8", "x\xa0y", "7"], [1, 2, 3, 4])
    report = check(log)

    user, item = report.hidden
    assert (user.side, user.id, user.events) == ("user", "a\u200bb", 1)
    assert (item.side, item.id, item.row) == ("item", "x\xa0y", 2)
    assert r"a user id like 'a\u200bb' in column 'user'" in report.text()
    assert not check(interactions(["a b"], [1], [1])).hidden


def test_an_id_in_two_spellings_of_unicode_is_told():
    users = ["ze\u0301", "z\u00e9", "ze", "o\u0308", "ze\u0301"]
    log = interactions(users, ["K", "\u212a", "K", "x", "y"], [1, 2, 3, 4, 5])
    assert len(log.users) == 4
    report = check(log)

    user, item = report.respelt
    assert (user.side, user.id, user.events, user.row) == ("user", "ze\u0301", 2, 0)
    assert (item.side, item.id, item.events, item.row) == ("item", "\u212a", 1, 1)
    assert r"a user id like 'ze\u0301' in column 'user'" in report.text()
    assert "(NFD and NFC) and so two ids" in report.text()
    assert not check(
        interactions(["o\u0308", "o", "\u00e9"], [1, 2, 3], [1] * 3)
    ).respelt


@given(st.lists(st.text("eEaA\u0301\u00e9K\u212ak;\u037e", min_size=1), min_size=1))
def test_spellings_told_are_those_that_normalize_to_another_id(texts):
    users = [f"-{text}-" for text in texts]
    composed = [unicodedata.normalize("NFC", user) for user in users]
    told = [
        user != plain
        and len({u for u, p in zip(users, composed, strict=True) if p == plain}) > 1
        for user, plain in zip(users, composed, strict=True)
    ]
    found = check(interactions(users, users, range(len(users)))).respelt

    assert [one.events for one in found] == [sum(told)] * 2 * any(told)


@pytest.mark.parametrize(("last", "told"), [(2, True), (1_700_000_000, False)])
def test_numbers_that_may_be_positions_are_told(last, told):
    text = check(interactions(list("abc"), list("xyz"), [0, 1, last])).text()

    assert ("time_unit='order'" in text) is told


@pytest.mark.parametrize("share", [1, 50])
@pytest.mark.parametrize("unknown", [0, 253_402_214_400])
def test_a_time_that_stands_for_none_is_stray_however_often(unknown, share):
    rest = [1_700_000_000 + 60 * n for n in range(100)]
    times = rest + [unknown] * share
    found = check(interactions([0] * len(times), [0] * len(times), times)).outliers

    assert (found.events, found.row) == (share, 100)


def test_positions_that_restart_for_each_user_are_told():
    # Ten users of four events each: every user begins at the first position.
    user, position = np.divmod(np.arange(40), 4)
    report = check(interactions(user, user, position, clock="order"))

    assert report.restart
    assert "positions restart for each user" in report.text()
    assert "use leave_last" in report.text()
    assert "after 80 % of the events" not in report.text()


@pytest.mark.parametrize("clock", ["order", "seconds"])
def test_positions_of_the_whole_log_do_not_restart(clock):
    user, _ = np.divmod(np.arange(40), 4)
    report = check(interactions(user, user, np.arange(40), clock=clock))

    assert not report.restart
    assert "restart" not in report.text()


def test_a_rare_label_is_not_rounded_away():
    label = np.zeros(60_000, np.int8)
    label[:25] = 1
    log = interactions(np.arange(60_000) % 7, np.arange(60_000) % 5, label=label)

    said = check(log).text()

    assert "59,975 of 60,000 are impressions only, 25 are actions" in said


def test_what_excel_counts_as_days_is_told_from_positions():
    days = {"user": ["a", "b"], "item": ["x", "y"], "time": [45292.5, 45293.25]}

    said = check(read(days)).text()

    assert "if they are days as Excel counts them (45292 is 2024-01-01), save" in said
    assert "(days - 25569) * 86400" in said
    positions = check(interactions(list("ab"), list("xy"), [1, 2])).text()
    assert "Excel" not in positions
    assert "if they are positions" in positions


def test_which_columns_are_numbers_is_said_and_which_have_a_decimal_comma(tmp_path):
    (tmp_path / "items.csv").write_text(
        "item;price;year;tags\nx;1.200,50;1999;1,2\ny;3,5;2001;a,b\n"
    )
    (tmp_path / "log.csv").write_text("user;item;time;paid\na;x;1;2,5\nb;y;2;3\n")

    report = check(
        read(tmp_path / "log.csv", items=tmp_path / "items.csv", context=["paid"])
    )

    assert [(c.name, c.holds, c.comma) for c in report.columns] == [
        ("item.price", "words", "1.200,50"),
        ("item.year", "whole numbers", None),
        ("item.tags", "words", None),
        ("paid", "words", "2,5"),
    ]
    said = report.text().splitlines()
    assert (
        "columns of words: item.price, item.tags, paid; columns of whole numbers: "
        "item.year (if codes and no amounts, name them in categorical)" in said
    )
    assert sum("reads like" in line or "read like" in line for line in said) == 2
