import math
import tracemalloc
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.errors import DataError
from tidegraph.features import columns
from tidegraph.features.columns import Features, _unstandardised_inputs
from tidegraph.features.groups import ALL, COLUMNS, GROUPS, columns_of_groups
from tidegraph.features.values import category_codes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Candidates, Examples, Requests
from tidegraph.testing.rankers import split_examples

DAY = 86_400


def raw(log, user: str, items: list[str], at: int, category=None) -> dict[str, list]:
    """The unscaled inputs of one request, by name."""
    requests = Requests.of_users(
        Snapshot.of(log), np.array([log.users.row(user)], np.int32), np.array([at])
    )
    item = log.items.encode(pl.Series(items))[None, :]
    candidates = Candidates(item, np.zeros(item.shape, np.float32))
    codes = category_codes(log.items, category)
    found = _unstandardised_inputs(requests, candidates, (), codes)[0]
    return {name: found[:, c].tolist() for c, name in enumerate(columns_of_groups(ALL))}


def test_every_column_is_of_one_group():
    held = [name for names in GROUPS.values() for name in names]

    assert sorted(held) == sorted(COLUMNS)
    assert columns_of_groups(ALL) == COLUMNS


def shop():
    """a buys x on days 0, 10, 20 and y on day 20; b buys x on day 5, z on day 6."""
    log = interactions(
        ["a", "b", "b", "a", "a", "a"],
        ["x", "x", "z", "x", "x", "y"],
        np.array([0, 5, 6, 10, 20, 20]) * DAY,
    )
    kinds = pl.DataFrame({"item": ["x", "y", "z"], "kind": ["food", "food", "toy"]})
    return replace(log, items=log.items.with_features(kinds, "item"))


def test_what_is_no_finite_number_is_no_category():
    values = [math.nan, 1.0, None, math.inf, 1.0, -math.inf, math.nan, 2.0]
    log = interactions(["a"] * 8, list("pqrstuvw"), np.arange(8) * DAY)
    kinds = pl.DataFrame({"item": list("pqrstuvw"), "size": values})

    codes = category_codes(log.items.with_features(kinds, "item"), "size")

    assert codes.tolist() == [-1, 0, -1, -1, 0, -1, -1, 1]


def test_counts_and_gaps_are_those_worked_by_hand():
    found = raw(shop(), "a", ["x", "y", "z"], 25 * DAY, "kind")

    expected = {
        "item_count": [math.log(5), math.log(2), math.log(2)],
        "item_gap": [math.log(6), math.log(6), math.log(20)],
        "item_unseen": [0, 0, 0],
        "user_count": [math.log(5)] * 3,
        "user_gap": [math.log(6)] * 3,
        "pair_count": [math.log(4), math.log(2), 0],
        "pair_gap": [math.log(6), math.log(6), 0],
        "pair_unseen": [0, 0, 1],
        "pair_share": [3 / 4, 1 / 4, 0],
        # x comes every 10 days and was last seen 5 days ago.
        "pair_overdue": [math.log(1.5), 0, 0],
        "pair_regular": [1, 0, 0],
        "category_share": [1, 1, 0],
        "category_gap": [math.log(6), math.log(6), 0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, err_msg=name)


def test_an_event_at_the_very_second_of_the_request_is_the_future():
    found = raw(shop(), "a", ["x", "y"], 20 * DAY)

    np.testing.assert_allclose(found["pair_count"], [math.log(3), 0], rtol=1e-6)
    assert found["item_unseen"] == [0, 1]


def test_co_occurrence_counts_the_co_users_that_items_share():
    # b has x, as a has; b then has z. At day 25 a's history is x x x y.
    # Co-users: b counts three times (once for each x), total 1 + 3 + 5 = 9 = 3 ** 2.
    # z has b alone: 3 / sqrt(1) / sqrt(9) = 1; x four times, once by b.
    found = raw(shop(), "a", ["z", "x", "y"], 25 * DAY)

    np.testing.assert_allclose(found["co_occurrence"], [1, 3 / 2 / 3, 0], rtol=1e-5)


def test_repeats_are_the_others_who_came_back_to_an_item():
    # Of a's three events at x two were not the first; b's own do not count for b.
    for_b = raw(shop(), "b", ["x", "y", "z"], 25 * DAY)
    for_a = raw(shop(), "a", ["x", "y", "z"], 25 * DAY)

    np.testing.assert_allclose(for_b["item_repeats"], [2 / 3, 0, 0], rtol=1e-6)
    assert for_a["item_repeats"] == [0, 0, 0]


def test_requests_without_a_single_candidate_have_no_inputs():
    log = draw_log()
    requests = Requests.of_users(
        Snapshot.of(log), np.array([0], np.int32), log.time[-1:]
    )
    nothing = np.zeros((1, 0), np.int32)

    found = _unstandardised_inputs(
        requests,
        Candidates(nothing, nothing.astype(np.float32)),
        ("a",),
        category_codes(log.items, None),
    )

    assert found.shape == (1, 0, len(columns_of_groups(ALL)) + 2)


def test_decayed_counts_halve_with_their_half_life():
    log = interactions(["a", "a"], ["x", "x"], np.array([0, 14]) * DAY)

    found = raw(log, "a", ["x"], 28 * DAY)

    np.testing.assert_allclose(found["pair_lately"], [math.log(1 + 0.75)], rtol=1e-5)


@pytest.mark.parametrize("row", [500, 1000, 1400])
def test_the_future_changes_no_input(row):
    # Nine events have one second on average, so that many are of that of the request.
    log = draw_log(events=1500)
    log = replace(log, time=log.time // 21_600 * 21_600)
    cut = int(log.time[row])
    later = log.time >= cut
    assert (log.time == cut).sum() > 3
    item = log.item.copy()
    item[later] = np.random.default_rng(0).permutation(item[later])
    user = np.arange(len(log.users), dtype=np.int32)
    asked = np.tile(np.arange(len(log.items), dtype=np.int32), (len(user), 1))
    candidates = Candidates(asked, np.zeros(asked.shape, np.float32))
    codes = category_codes(log.items, "category")

    one, other = (
        _unstandardised_inputs(
            Requests.of_users(Snapshot.of(some), user, np.full(len(user), cut)),
            candidates,
            (),
            codes,
        )
        for some in (log, replace(log, item=item))
    )

    np.testing.assert_array_equal(one, other)
    told = dict(zip(columns_of_groups(ALL), one.any(axis=(0, 1)), strict=True))
    # By then everyone and everything was there.
    assert {name for name in told if not told[name]} <= {"item_unseen", "user_unseen"}


def test_inputs_are_standardised_over_the_examples_they_were_fitted_on():
    learn, _, _ = split_examples(draw_log(events=1500))
    features = Features.fit(learn, "category")

    there = features.of(learn.requests, learn.candidates)[learn.candidates.present]

    np.testing.assert_allclose(there.mean(axis=0), 0, atol=1e-4)
    spread = there.std(axis=0)
    assert (np.isclose(spread, 1, atol=1e-3) | (spread == 0)).all()
    assert there.shape[1] == len(features.names)


def test_of_what_is_learnt_from_there_is_one_copy(monkeypatch):
    monkeypatch.setattr("tidegraph.features.values.CELLS", 20_000)
    learn, _, _ = split_examples(draw_log(events=1500))
    many = Examples.concatenated([learn] * 400)
    expected = Features.fit(many).of(many.requests, many.candidates)
    # The first call also loads what the kernels are compiled to.
    tracemalloc.start()
    try:
        _, inputs = Features.fit_and_read(many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    np.testing.assert_array_equal(inputs, expected)
    assert peak < 2 * inputs.nbytes


def every_other_event_is_alike(users: int) -> Examples:
    """Requests whose users chose what all choose, and then what nobody else does."""
    user, common = np.repeat(np.arange(users), 2), np.tile([True, False], users)
    log = interactions(
        [f"u{n}" for n in user],
        np.where(common, "all", [f"own{n}" for n in user]).tolist(),
        # Each user on days of their own, far from each other.
        np.arange(2 * users) * DAY,
    )
    clock = np.full(users, 2 * users * DAY)
    requests = Requests.of_users(
        Snapshot.of(log), np.arange(users, dtype=np.int32), clock
    )
    item = np.zeros((users, 1), np.int32)
    candidates = Candidates(item, np.zeros(item.shape, np.float32))
    return Examples(requests, candidates, np.ones(item.shape, np.float32))


@pytest.mark.parametrize("some", [50, 100, 150, 201, 299])
def test_what_is_usual_of_events_is_read_off_no_rhythm(monkeypatch, some):
    examples = every_other_event_is_alike(150)
    whole = Features.fit(examples).of_event
    monkeypatch.setattr(columns, "SOME_EVENTS", some)

    drawn = [Features.fit(examples, rng=seed).of_event for seed in range(40)]

    mean, spread = whole
    # The mean of 40 means of so many draws is within five of its deviations.
    error = spread / math.sqrt(some * len(drawn))
    found = np.mean([mean for mean, _ in drawn], axis=0)
    assert (np.abs(found - mean) <= 5 * error + 1e-5).all()
    spreads = np.mean([spread for _, spread in drawn], axis=0)
    np.testing.assert_allclose(spreads, spread, rtol=0.1)
    # Each seed draws others.
    assert len({one.tobytes() for one in drawn}) > 1


def test_a_block_of_requests_has_the_inputs_of_each_alone():
    learn, _, _ = split_examples(draw_log(events=1500))
    features = Features.fit(learn)
    whole = features.of(learn.requests, learn.candidates)

    for row in range(len(learn.label)):
        part = Candidates(
            learn.candidates.item[row : row + 1],
            learn.candidates.score[row : row + 1],
            learn.candidates.channels,
            learn.candidates.votes[row : row + 1],
        )
        alone = features.of(learn.requests.rows(row, row + 1), part)
        np.testing.assert_array_equal(alone[0], whole[row])


def test_a_missing_category_column_names_those_there_are():
    with pytest.raises(DataError, match="There are: category, price"):
        category_codes(draw_log().items, "genre")


def test_a_few_requests_read_what_many_read():
    """Few requests number anew the items that they read, many read them in place."""
    rng = np.random.default_rng(4)
    log = interactions(
        rng.integers(0, 50, 4_000),
        rng.permutation(np.arange(4_000) % 1_000),
        np.sort(rng.integers(0, 400 * DAY, 4_000)),
    )
    kind = rng.integers(-1, 7, len(log.items) - 5).astype(np.int32)
    graph = Snapshot.of(log)
    users = rng.integers(-1, 50, 60).astype(np.int32)
    clocks = rng.integers(0, 420 * DAY, 60)
    item = rng.integers(-1, len(log.items) + 3, (60, 30)).astype(np.int32)
    many = Requests.of_users(graph, users, clocks)
    candidates = Candidates(item, np.zeros(item.shape, np.float32))

    together = _unstandardised_inputs(many, candidates, (), kind)
    alone = [
        _unstandardised_inputs(
            many.rows(n, n + 1),
            Candidates(item[n : n + 1], candidates.score[:1]),
            (),
            kind,
        )
        for n in range(60)
    ]

    assert np.array_equal(np.concatenate(alone), together)
    assert together.any(axis=(0, 1)).all()
