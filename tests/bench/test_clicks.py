from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tidegraph.bench import PROTOCOLS, ClickProtocol, click_parts
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError, DataError
from tidegraph.fitting.shown import from_log

DAY = 86_400


def day_log(seed: int = 0, events: int = 600, days: int = 60):
    """A log of whole days, so that many events share a moment."""
    rng = np.random.default_rng(seed)
    return interactions(
        [f"u{u}" for u in rng.integers(0, 25, events)],
        # Items are born along the way.
        [f"i{i}" for i in rng.integers(0, 10 + np.arange(events) // 15)],
        np.sort(rng.integers(0, days, events)) * DAY,
    )


@pytest.mark.parametrize("log", [interactions([], [], []), day_log()])
def test_a_log_without_actions_is_said_to_have_none(log):
    with pytest.raises(DataError, match="the log has no action"):
        parts_of(replace(log, label=np.zeros(len(log), np.int8)))


def parts_of(log, protocol=PROTOCOLS["time"], seed=0):
    return click_parts(log, protocol, rng=np.random.default_rng(seed))


def rows_of(part):
    requests, candidates = part.requests, part.candidates
    return zip(
        requests.user.tolist(),
        requests.time.tolist(),
        candidates.item.tolist(),
        part.label.tolist(),
        strict=True,
    )


@pytest.mark.parametrize("seed", range(3))
def test_negatives_are_alive_and_neither_of_the_past_nor_of_the_moment(seed):
    log = day_log(seed)
    parts = parts_of(log)
    for part in (parts.train, parts.valid, parts.test):
        for user, time, items, labels in rows_of(part):
            before = log.time < time
            alive = set(log.item[before].tolist())
            now = set(log.item[(log.user == user) & (log.time <= time)].tolist())
            others = [item for item in items[1:] if item >= 0]

            assert labels[0] == 1
            assert sum(labels) == 1
            assert items[0] in alive
            assert len(set(others)) == len(others) > 0
            assert set(others) <= alive - now


def test_positives_are_those_that_a_loop_finds():
    log = day_log(4)
    parts = parts_of(log)
    wanted, new_items, new_users, again = [], 0, 0, 0
    for n in range(len(log)):
        user, item, time = log.user[n], log.item[n], log.time[n]
        before = log.time < time
        same = (log.user[:n] == user) & (log.item[:n] == item)
        if not (log.item[before] == item).any():
            new_items += 1
        elif not (log.user[before] == user).any():
            new_users += 1
        elif same.any():
            again += 1
        else:
            wanted.append((int(user), int(time), int(item)))
    found = [
        (user, time, items[0])
        for part in (parts.train, parts.valid, parts.test)
        for user, time, items, _ in rows_of(part)
    ]

    assert found == wanted
    assert list(parts.left_out.values()) == [0, new_items, new_users, again, 0]


def test_a_return_is_no_positive():
    log = day_log(4)
    weight = np.where(np.arange(len(log)) % 4, 1, -1).astype(np.float32)
    whole, parts = parts_of(log), parts_of(replace(log, weight=weight))
    kept = set(zip(log.user[weight > 0], log.time[weight > 0], strict=True))

    found = [row[:2] for row in rows_of(parts.train)]
    assert found
    assert set(found) <= kept
    assert not {row[:2] for row in rows_of(whole.train)} <= kept
    assert next(iter(parts.left_out.values())) == (weight < 0).sum()


def test_parts_follow_each_other_and_share_no_moment():
    parts = parts_of(day_log())
    ends = [
        (part.requests.time.min(), part.requests.time.max())
        for part in (parts.train, parts.valid, parts.test)
    ]

    assert ends[0][1] < ends[1][0] <= ends[1][1] < ends[2][0]
    assert parts.cuts == (ends[1][0], ends[2][0])


def test_a_training_positive_has_more_negatives_than_one_of_the_test():
    parts = parts_of(day_log())

    assert parts.train.candidates.item.shape[1] == 5
    assert parts.valid.candidates.item.shape[1] == 5
    assert parts.test.candidates.item.shape[1] == 2
    assert parts.odds == 4


def test_the_odds_of_the_test_are_those_of_the_negatives_there_are():
    # Of four items that are alive, one chosen: three are left of five that are wanted.
    rng = np.random.default_rng(0)
    user, item = np.arange(400) % 80, rng.integers(0, 4, 400)
    log = interactions(user, item, np.arange(400) * DAY)
    parts = parts_of(log, ClickProtocol(negatives=5))
    odds = [
        (part.candidates.present.sum() - part.label.sum()) / part.label.sum()
        for part in (parts.train, parts.test)
    ]

    assert odds[0] < 3
    assert parts.odds == pytest.approx(odds[0] / odds[1])


def test_what_happens_after_the_cuts_changes_nothing_before_them():
    log = day_log(1)
    parts = parts_of(log)
    later = log.time >= parts.cuts[1]
    item = log.item.copy()
    item[later] = item[later][::-1]
    other = parts_of(replace(log, item=item))

    held = min(len(parts.train.requests), len(other.train.requests))

    assert held > 100
    np.testing.assert_array_equal(
        parts.train.candidates.item[:held], other.train.candidates.item[:held]
    )


def test_the_literature_draws_negatives_by_popularity():
    rng = np.random.default_rng(0)
    events = 4000
    item = np.where(rng.random(events) < 0.5, 0, rng.integers(1, 200, events))
    log = interactions(
        [f"u{u}" for u in range(events)],
        [f"i{i}" for i in item],
        np.arange(events) * DAY,
    )
    best = np.bincount(log.item).argmax()
    shares = {
        name: np.mean(part.candidates.item[:, 1] == best)
        for name, protocol in PROTOCOLS.items()
        for part in [parts_of(log, replace(protocol, warm=False)).train]
    }

    # The best item is half of all; where it is the positive another is drawn.
    assert shares["literature"] > 0.2
    assert shares["time"] < 0.02


def test_a_repeated_item_is_a_positive_only_if_negatives_may_be_repeated_too():
    log = day_log(2)
    once, again = parts_of(log), parts_of(log, ClickProtocol(repeat=True))
    pasts = [
        (set(log.item[(log.user == u) & (log.time < t)].tolist()), items)
        for u, t, items, _ in rows_of(again.train)
    ]

    assert len(again.train.requests) > len(once.train.requests)
    assert any(items[0] in past for past, items in pasts)
    assert any(set(items[1:]) & past for past, items in pasts)


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_for_want_of_negatives_has_none(seed, repeat):
    # Few items, of which active users choose most, some of them over and over.
    rng = np.random.default_rng(seed)
    user, item = rng.integers(0, 4, 400), rng.integers(0, 4 if repeat else 8, 400)
    log = interactions(user, item, np.sort(rng.integers(0, 50, 400)) * DAY)
    parts = parts_of(log, ClickProtocol(repeat=repeat))
    wanted, alone = list[tuple[int, int, int]](), 0
    for n in range(len(log)):
        user, item, time = int(log.user[n]), int(log.item[n]), int(log.time[n])
        own = log.user == user
        again = own[:n] & (log.item[:n] == item)
        again &= (log.time[:n] == time) | (not repeat)
        alive = set(log.item[log.time < time].tolist())
        if item not in alive or not own[log.time < time].any() or again.any():
            continue
        now = log.time == time if repeat else log.time <= time
        if alive - set(log.item[own & now].tolist()):
            wanted.append((user, time, item))
        else:
            alone += 1

    found = [
        (user, time, items[0])
        for part in (parts.train, parts.valid, parts.test)
        for user, time, items, _ in rows_of(part)
    ]

    assert found == wanted
    assert list(parts.left_out.values())[-1] == alone > 0


def test_impressions_are_the_negatives_where_a_log_has_them():
    rng = np.random.default_rng(0)
    events = 900
    log = interactions(
        [f"u{u}" for u in rng.integers(0, 20, events)],
        [f"i{i}" for i in rng.integers(0, 30, events)],
        np.sort(rng.integers(0, 120, events)) * DAY,
        label=(rng.random(events) < 0.4).astype(int),
    )
    parts = parts_of(log)
    found = {
        (user, time, item): label
        for part in (parts.train, parts.valid, parts.test)
        for user, time, items, labels in rows_of(part)
        for item, label in zip(items, labels, strict=True)
        if item >= 0
    }
    wanted: dict[tuple[int, int, int], int] = {}
    for n in range(events):
        user, item, time = int(log.user[n]), int(log.item[n]), int(log.time[n])
        acted = (log.user == user) & (log.time < time) & (log.label == 1)
        if acted.any():
            key = (user, time, item)
            wanted[key] = max(wanted.get(key, 0), int(log.label[n]))

    assert found == wanted
    assert parts.odds == 1


def test_requests_beyond_the_most_are_left_out_at_random():
    parts = parts_of(day_log(), ClickProtocol(most=20))

    assert len(parts.train.requests) == len(parts.test.requests) == 20
    assert (np.diff(parts.train.requests.time) >= 0).all()


def test_items_shown_at_once_are_parted_into_requests_of_the_usual_number():
    rng = np.random.default_rng(0)
    shown = [1] * 60 + [1] * 60 + [40]
    user = np.repeat([f"u{n % 4}" for n in range(len(shown))], shown)
    time = np.repeat(np.arange(len(shown)) * DAY, shown)
    item = [f"i{n % 50}" for n in range(len(time))]
    label = rng.random(len(time)) < 0.5
    log = interactions(user, item, time, label=label.astype(int))
    test = parts_of(log, ClickProtocol(valid=0.5, test=0.7)).test
    last = test.requests.time == log.time[-1]

    assert test.candidates.item.shape[1] < 5
    assert test.candidates.present[last].sum() == 40
    found = set(test.candidates.item[last][test.candidates.present[last]].tolist())
    assert found == set(log.item[log.time == log.time[-1]].tolist())


def test_a_log_of_positions_is_parted_as_one_of_seconds_is():
    log = day_log(3)
    places = interactions(
        log.users.decode(log.user), log.items.decode(log.item), log.time, clock="order"
    )

    for name in ("train", "valid", "test"):
        np.testing.assert_array_equal(
            getattr(parts_of(places), name).candidates.item,
            getattr(parts_of(log), name).candidates.item,
        )


def test_impressions_of_one_label_are_refused():
    log = day_log(5)
    label = np.ones(len(log), np.int64)
    label[: len(log) // 2] = np.arange(len(log) // 2) % 2
    shown = interactions(
        log.users.decode(log.user),
        log.items.decode(log.item),
        log.time,
        label=label,
    )

    with pytest.raises(DataError, match=r"the valid part has .* with label 1 among"):
        parts_of(shown)


def test_hardly_any_negative_is_said():
    log = day_log(5)
    label = (np.arange(len(log)) % 30 > 0).astype(np.int64)
    shown = interactions(
        log.users.decode(log.user),
        log.items.decode(log.item),
        log.time,
        label=label,
    )

    said = parts_of(shown).doubt

    assert "The train part has" in said
    assert "take its rows with label 0 out" in said
    half = interactions(
        log.users.decode(log.user),
        log.items.decode(log.item),
        log.time,
        label=np.arange(len(log)) % 2,
    )
    assert not parts_of(half).doubt
    assert not parts_of(log).doubt


def test_a_log_without_times_is_refused():
    log = interactions(["a", "b"], ["x", "y"])

    with pytest.raises(DataError, match="has no times"):
        parts_of(log)


@pytest.mark.parametrize(
    "log",
    [
        interactions(["a", "b"], ["x", "y"], [1, 2]),
        interactions(["a", "b", "a", "b"], ["x", "y", "y", "x"], [1, 1, 2, 2]),
    ],
    ids=["two events", "one moment"],
)
def test_a_log_with_too_few_events_is_refused(log):
    with pytest.raises(DataError, match="part has no request"):
        parts_of(log)


def test_shares_that_do_not_grow_are_refused():
    with pytest.raises(ConfigError, match=r"valid=0\.9 and test=0\.85"):
        ClickProtocol(valid=0.9)


def shown_log(chance, label=None):
    rng = np.random.default_rng(0)
    events = len(chance)
    return interactions(
        [f"u{u}" for u in rng.integers(0, 20, events)],
        [f"i{i}" for i in rng.integers(0, 30, events)],
        np.sort(rng.integers(0, 120, events)) * DAY,
        label=rng.integers(0, 2, events) if label is None else label,
        context=pl.DataFrame({"chance": chance}),
    )


def test_propensities_weigh_what_is_learnt_from_as_examples_of_the_log_do():
    log = shown_log(np.random.default_rng(1).uniform(0.1, 1, 900))
    whole = from_log(log, propensity="chance")
    wanted = {
        (user, time, item): weight
        for (user, time, items, _), weights in zip(
            rows_of(whole), whole.weight, strict=True
        )
        for item, weight in zip(items, weights, strict=True)
        if item >= 0
    }
    parts = parts_of(log, ClickProtocol(propensity="chance"))

    for part in (parts.train, parts.valid, parts.test):
        for (user, time, items, _), weights in zip(
            rows_of(part), part.weight, strict=True
        ):
            for item, weight in zip(items, weights, strict=True):
                assert item < 0 or weight == wanted[user, time, item]
    assert parts_of(log).train.weight is None


def test_propensities_that_are_none_or_of_actions_alone_are_refused():
    chance = np.full(300, 0.5)

    with pytest.raises(DataError, match=r"label 0"):
        parts_of(
            shown_log(chance, np.ones(300, np.int8)), ClickProtocol(propensity="chance")
        )
    chance[7] = 0
    with pytest.raises(DataError, match=r"row 7 of the log has chance=0\.0"):
        parts_of(shown_log(chance), ClickProtocol(propensity="chance"))
