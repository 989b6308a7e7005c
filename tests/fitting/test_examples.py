from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError
from tidegraph.fitting.examples import examples, items_acted_on_within
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import NO_ITEM, Candidates, ItemSets, Requests

DAY = 86_400


def requests_at(log, at, *, repeat=True):
    users = np.arange(len(log.users), dtype=np.int32)
    times = np.full(len(users), at, np.int64)
    return Requests.of_users(Snapshot.of(log), users, times, repeat=repeat)


def nothing(requests):
    none = np.full((len(requests), 0), NO_ITEM, np.int32)
    return Candidates.of_channel(none, none.astype(np.float32), "none")


def no_relevant(requests):
    return ItemSets(np.zeros(len(requests) + 1, np.int64), np.zeros(0, np.int32))


def counts_before(log, at):
    return np.bincount(log.before(at).item, minlength=len(log.items))


def test_relevant_within_starts_at_the_request_and_stops_before_the_end():
    log = interactions(["a"] * 5, ["p", "q", "r", "s", "q"], [1, 5, 6, 9, 10])
    requests = Requests.of_users(
        Snapshot.of(log), np.array([0, -1], np.int32), np.array([5, 5], np.int64)
    )
    relevant = items_acted_on_within(requests, 5 / DAY)

    assert relevant.ptr.tolist() == [0, 3, 3]
    assert log.items.decode(relevant.item).to_list() == ["q", "r", "s"]


def test_what_was_sent_back_within_is_not_relevant():
    # p was bought before and goes back within; q is bought twice and goes back once.
    log = interactions(
        ["a"] * 6,
        ["p", "q", "q", "p", "q", "r"],
        [1, 5, 6, 7, 8, 9],
        weight=[1, 1, 1, -1, -1, -1],
    )
    requests = Requests.of_users(
        Snapshot.of(log), np.zeros(1, np.int32), np.array([5], np.int64)
    )
    relevant = items_acted_on_within(requests, 5 / DAY)

    assert set(log.items.decode(relevant.item)) == {"q"}


def test_candidates_come_first_with_their_votes_and_labels(rng):
    log = draw_log()
    requests = requests_at(log, int(log.time[400]))
    item = np.tile(np.array([3, 1, NO_ITEM], np.int32), (len(requests), 1))
    score = np.tile(np.array([2.0, 1.0, -np.inf], np.float32), (len(requests), 1))
    ptr = np.arange(len(requests) + 1, dtype=np.int64)
    relevant = ItemSets(ptr, np.full(len(requests), 1, np.int32))

    found = examples(
        requests,
        relevant,
        Candidates.of_channel(item, score, "knn"),
        negatives=2,
        rng=rng,
    )

    assert (found.candidates.item[:, :2] == [3, 1]).all()
    assert (found.label == [0, 1, 0, 0, 0]).all()
    assert (found.candidates.votes[:, :4, 0] == [1, 0.5, 0, 0]).all()
    assert (found.candidates.score[:, :4] == [2, 1, 1, 1]).all()
    assert (found.candidates.item[:, 4] == NO_ITEM).all()
    assert np.isneginf(found.candidates.score[:, 4]).all()


@given(
    seed=st.integers(0, 99),
    row=st.integers(0, 599),
    power=st.sampled_from([0.0, 0.75, 1.0]),
    repeat=st.booleans(),
)
def test_examples_are_alive_and_neither_relevant_excluded_nor_repeated(
    seed, row, power, repeat
):
    log = draw_log(seed)
    at = int(log.time[row])
    requests = requests_at(log, at, repeat=repeat)
    relevant = items_acted_on_within(requests, 5)
    found = examples(
        requests,
        relevant,
        nothing(requests),
        negatives=50,
        power=power,
        rng=np.random.default_rng(seed),
    )

    alive = np.flatnonzero(counts_before(log, at))
    for b in range(len(requests)):
        out = [
            *relevant.item[relevant.ptr[b] : relevant.ptr[b + 1]],
            *requests.excluded.rows(b, b + 1).item,
        ]
        drawn = found.candidates.item[b][found.candidates.present[b]]
        # 50 is more than there are, so all that may be drawn is drawn, once.
        assert sorted(drawn) == sorted(set(alive) - set(out))
        assert not found.label[b].any()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_one_negative_is_drawn_in_proportion_to_its_count_to_the_power(power):
    log = draw_log()
    at = int(log.time[300])
    many = Requests.of_users(
        Snapshot.of(log), np.full(40_000, -1, np.int32), np.full(40_000, at, np.int64)
    )
    found = examples(
        many,
        no_relevant(many),
        nothing(many),
        negatives=1,
        power=power,
        rng=np.random.default_rng(3),
    )

    count = counts_before(log, at)
    expected = np.where(count > 0, count**power, 0)
    expected = expected / expected.sum()
    drawn = np.bincount(found.candidates.item[:, 0], minlength=len(count)) / 40_000
    deviation = np.sqrt(expected * (1 - expected) / 40_000)
    assert (np.abs(drawn - expected) <= 4.5 * deviation).all()


def test_examples_do_not_depend_on_the_future_nor_on_other_requests(rng):
    log = draw_log()
    at = int(log.time[300])
    later = log.time >= at
    item = log.item.copy()
    item[later] = item[later][::-1]
    rewritten = replace(log, item=item)

    def drawn(source, rows):
        requests = requests_at(source, at).rows(0, rows)
        found = examples(
            requests,
            no_relevant(requests),
            nothing(requests),
            negatives=5,
            power=0.75,
            rng=np.random.default_rng(1),
        )
        return found.candidates.item

    np.testing.assert_array_equal(drawn(log, 30), drawn(rewritten, 30))
    np.testing.assert_array_equal(drawn(log, 30)[:7], drawn(log, 7))


def test_missed_items_are_added_on_request_but_never_unborn_or_excluded_ones(rng):
    times = [1, 2, 5, 6, 7]
    log = interactions(["b", "a", "a", "a", "a"], ["p", "q", "p", "q", "new"], times)
    graph = Snapshot.of(log)
    user, time = log.users.encode(pl.Series(["a"])), np.array([5], np.int64)
    requests = Requests.of_users(graph, user, time, repeat=False)
    relevant = items_acted_on_within(requests, 100 / DAY)
    honest = examples(requests, relevant, nothing(requests), negatives=0, rng=rng)
    helped = examples(
        requests, relevant, nothing(requests), negatives=0, missed=3, rng=rng
    )

    assert honest.candidates.item.shape == (1, 0)
    assert log.items.decode(helped.candidates.item[0]).to_list() == ["p", None, None]
    assert helped.label.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("wrong", [{"negatives": -1}, {"missed": -2}, {"power": 1.5}])
def test_examples_that_cannot_be_drawn_are_refused(rng, wrong):
    requests = requests_at(draw_log(), 1_700_000_000)

    with pytest.raises(ConfigError, match=next(iter(wrong))):
        examples(requests, no_relevant(requests), nothing(requests), rng=rng, **wrong)
