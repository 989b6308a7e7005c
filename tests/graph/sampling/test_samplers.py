import math
import tracemalloc
from collections import Counter
from copy import deepcopy
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import (
    EVENTS,
    ITEMS,
    USERS,
    graph_of,
    looks_like,
    past,
    rows,
)
from tidegraph.ego.hops import Hops, hop
from tidegraph.errors import ConfigError, DataError, RequestError
from tidegraph.graph.sampling.draws import draw_by_weight
from tidegraph.graph.sampling.gather import Neighborhood, Picks, Run
from tidegraph.graph.sampling.protocol import SAMPLERS, sampler
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.keyed_rng import after, mixed, root_keys, unit

LOG = [(0, 0, 10, 1.0), (0, 1, 20, 2.0), (1, 1, 20, 1.0), (0, 2, 30, 1.0)]
LIGHT = [(1, i, i, 0.1) for i in range(5)]
WEIGHTS = st.sampled_from([1e-7, 0.1, 1 / 3, 1.0, 1e10, 1e17])
HEAVY = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9), WEIGHTS),
    max_size=30,
)

CLOCK = st.integers(0, 11)
_FIRST_TWO = (np.arange(2, dtype=np.int32), np.array([40, 40]))
SIDE = st.sampled_from(["click", "~click"])


def one(plan, events, node, clock, seed=0):
    # As seeds, which may be of nodes that an older snapshot does not hold.
    seeds = Seeds.of(np.array([node], np.int32), np.array([clock]), seed=seed)
    return plan.sample(graph_of(events), seeds)


@given(EVENTS, SIDE, st.integers(-1, 6), CLOCK, st.integers(1, 4))
def test_recent_is_the_end_of_the_past(events, edge, node, clock, count):
    field = one(hop(edge).recent(count), events, node, clock)

    assert rows(field, 1, (0,)) == past(events, edge, node, clock)[-count:]


@given(EVENTS, SIDE, st.integers(-1, 6), CLOCK)
def test_all_is_the_whole_past(events, edge, node, clock):
    field = one(hop(edge).all(), events, node, clock)

    assert rows(field, 1, (0,)) == past(events, edge, node, clock)


@given(EVENTS, SIDE, st.integers(-1, 6), CLOCK, st.integers(1, 6))
def test_a_window_is_the_part_of_the_past_that_is_not_too_old(
    events, edge, node, clock, seconds
):
    field = one(hop(edge).within(seconds=seconds).all(), events, node, clock)

    assert rows(field, 1, (0,)) == past(events, edge, node, clock, seconds)


@given(EVENTS, SIDE, st.integers(-1, 6), CLOCK, st.integers(1, 4))
def test_top_is_the_past_by_weight_later_before_earlier(
    events, edge, node, clock, count
):
    field = one(hop(edge).top(count, by="w"), events, node, clock)

    best = sorted(reversed(past(events, edge, node, clock)), key=lambda e: -e[2])
    assert rows(field, 1, (0,)) == best[:count]


@given(
    EVENTS,
    SIDE,
    st.integers(-1, 6),
    CLOCK,
    st.integers(1, 4),
    st.sampled_from(["uniform", "subset", "weighted", "unequal", "importance"]),
    st.integers(0, 99),
)
def test_whatever_is_drawn_is_of_the_past(events, edge, node, clock, count, kind, seed):
    step = hop(edge)
    plan = {
        "uniform": step.sample(count),
        "subset": step.sample(count, replace=False),
        "weighted": step.sample(count, by="w"),
        "unequal": step.sample(count, by="w", replace=False),
        "importance": step.importance(count, by="w"),
    }[kind]
    before = past(events, edge, node, clock)
    field = one(plan, events, node, clock, seed)

    found = rows(field, 1, (0,))
    possible = before
    if kind in ("weighted", "unequal", "importance"):
        possible = [e for e in before if e[2] > 0]
    if kind == "importance":
        found, possible = ([(*e[:2], 0, e[3]) for e in x] for x in (found, possible))
    assert set(found) <= set(possible)
    if kind in ("subset", "unequal"):
        assert len(set(found)) == len(found) == min(count, len(possible))
    else:
        assert len(found) == (count if possible else 0)
    if kind == "subset":
        assert found == sorted(found, key=lambda e: (e[1], e[3]))


@given(EVENTS, CLOCK, st.integers(0, 20))
def test_rewriting_the_future_never_changes_what_is_drawn(events, clock, seed):
    changed = [e if e[2] < clock else (e[1] % USERS, 0, e[2], 9) for e in events]
    nodes = np.arange(USERS, dtype=np.int32)
    clocks = np.full(USERS, clock)
    plan = hop("click").sample(3, by="w").hop("~click").sample(2, replace=False)

    # Rows before the clock keep their edge numbers.
    one, other = (
        plan.sample(graph_of(x), nodes, clocks, seed=seed) for x in (events, changed)
    )

    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


STAR = [(0, i, i, i + 1) for i in range(5)]
"""User 0 has items 0 to 4 at times 0 to 4, with weights 1 to 5."""


def counted(plan, count=20_000, clock=5):
    nodes, clocks = np.zeros(count, np.int32), np.full(count, clock)
    return plan.sample(graph_of(STAR), nodes, clocks, seed=3).ids[1]


def test_uniform_draws_are_uniform_and_independent():
    drawn = counted(hop("click").sample(2))

    pairs = Counter(map(tuple, drawn.tolist()))
    assert looks_like(pairs, {(a, b): 1 / 25 for a in range(5) for b in range(5)})


def test_a_clock_cuts_the_draws():
    drawn = counted(hop("click").sample(1), clock=3)

    assert looks_like(Counter(drawn[:, 0].tolist()), dict.fromkeys(range(3), 1 / 3))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_subsets_are_each_as_likely(count):
    drawn = counted(hop("click").sample(count, replace=False))

    subsets = list(combinations(range(5), count))
    expected = dict.fromkeys(subsets, 1 / len(subsets))
    assert looks_like(Counter(map(tuple, drawn.tolist())), expected)


@pytest.mark.parametrize("ever", [False, True])
def test_weighted_draws_are_as_likely_as_their_weight(ever):
    step = hop("click").all_time() if ever else hop("click")
    drawn = counted(step.sample(1, by="w"))

    expected = {i: (i + 1) / 15 for i in range(5)}
    assert looks_like(Counter(drawn[:, 0].tolist()), expected)


def test_weighted_draws_of_part_of_a_row_are_as_likely_as_their_weight():
    drawn = counted(hop("click").within(seconds=3).sample(1, by="w"))

    assert looks_like(Counter(drawn[:, 0].tolist()), {2: 3 / 12, 3: 4 / 12, 4: 5 / 12})


@pytest.mark.parametrize("whole", [False, True])
def test_a_weighted_draw_is_where_the_running_sum_passes_a_random_share(whole):
    rng = np.random.default_rng(0)
    # One row is longer than the searches that go side by side.
    length = np.array([0, 1, 3, 1500, 40])
    source = np.repeat(np.arange(5, dtype=np.int32), length)
    weight = rng.choice([0, 0.5, 1, 1e6], len(source)).astype(np.float32)
    side = TemporalCSR.build(source, source, None, 5, weight)
    row = np.tile(np.arange(5), 40)
    start = side.start[row] + (0 if whole else length[row] // 3)
    stop = side.stop[row]
    keys, slot = root_keys(1, 0, 200), np.empty((200, 3), np.int64)

    assert side.indexes.sums.pays(1.0)
    draw_by_weight(side, (start, stop), keys, slot, whole=whole)

    for q, j in np.ndindex(200, 3):
        through = np.cumsum(weight[start[q] : stop[q]], dtype=np.float64)
        state = keys[q]
        for _ in range(j + 1):
            state = np.uint64(after(state))
        share = unit(np.uint64(mixed(state)))
        if not len(through) or through[-1] == 0:
            assert slot[q, j] == -1
            continue
        at = int(np.searchsorted(through, share * through[-1], side="right"))
        assert slot[q, j] == start[q] + at


@pytest.mark.parametrize("count", [1, 5])
def test_few_weighted_draws_are_those_of_many(count):
    plan = hop("click").all_time().sample(count, by="w")
    seeds = Seeds.of(np.array([-1, 0, 2], np.int32), None, seed=4)
    few, many = graph_of(LOG), graph_of(LOG)
    many["click"].indexes.sums.pays(1.0)

    found = [plan.sample(graph, seeds).ids[1] for graph in (few, many)]

    made = [graph["click"].indexes.sums.is_made for graph in (few, many)]
    assert made == [False, True]
    assert np.array_equal(*found)
    assert (found[0][1] >= 0).all()


def test_weighted_subsets_are_drawn_one_after_the_other():
    drawn = counted(hop("click").sample(2, by="w", replace=False))

    expected = {
        (a, b): (a + 1) / 15 * (b + 1) / (15 - a - 1)
        for a, b in permutations(range(5), 2)
    }
    assert looks_like(Counter(map(tuple, drawn.tolist())), expected)


def test_importance_weights_make_sums_unbiased():
    field = (
        hop("click")
        .importance(4, by="w")
        .sample(graph_of(STAR), np.zeros(40_000, np.int32), np.full(40_000, 5))
    )

    # The sum of (item + 1) ** 2 over all five neighbours is 55.
    estimates = (field.weight[1] * (field.ids[1] + 1.0) ** 2).sum(axis=1)
    error = estimates.std() / math.sqrt(len(estimates))
    assert abs(estimates.mean() - 55) < 4 * error


@pytest.mark.parametrize("kind", ["recent", "top", "subset", "unequal"])
def test_a_count_beyond_all_edges_takes_memory_for_those_there_are(kind):
    def take(step: Hops, count: int) -> Hops:
        if kind in ("recent", "top"):
            return getattr(step, kind)(count)
        return step.sample(count, by="w" * (kind == "unequal") or None, replace=False)

    nodes, clocks, graph = np.arange(3, dtype=np.int32), np.full(3, 9), graph_of(STAR)
    some = take(hop("click"), 5).sample(graph, nodes, clocks)
    take(hop("click"), 2000).sample(graph, nodes, clocks)
    tracemalloc.start()

    every = take(hop("click"), 10**8).sample(graph, nodes, clocks)

    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert every.mask[1].sum() == 5
    for name in ("ids", "time", "weight", "edge"):
        one, other = getattr(some, name)[1], getattr(every, name)[1]
        assert np.array_equal(one, other[:, :5])


def test_many_edges_are_taken_where_a_node_has_them():
    graph = graph_of([(0, i % ITEMS, i, 1) for i in range(3000)])

    found = hop("click").recent(2500).sample(graph, [0, 1], [4000, 4000])

    assert found.ids[1].shape == (2, 2500)
    assert found.time[1][0].tolist() == list(range(500, 3000))


def test_rows_with_other_keys_draw_otherwise_and_seeds_matter():
    drawn = counted(hop("click").sample(8), count=50)
    again = counted(hop("click").sample(8), count=50)

    assert np.array_equal(drawn, again)
    assert len({tuple(row) for row in drawn.tolist()}) == 50


@sampler("every_other")
def every_other(past: Neighborhood, count: int) -> Picks:
    """Take every other edge from the latest back."""
    slot = past.stop[:, None] - 1 - 2 * np.arange(count)
    return Picks(np.where(slot >= past.start[:, None], slot, -1))


@sampler("prophet")
def prophet(past: Neighborhood) -> Run:
    """Take the edge after the past."""
    return Run(past.stop, past.stop + 1, 1)


@sampler("seer")
def seer(past: Neighborhood) -> Picks:
    """Take the edge after the past."""
    return Picks(past.stop[:, None])


def test_a_sampler_of_ones_own_is_a_plan_like_any_other():
    plan = hop("click").using(every_other(2))
    field = one(plan, STAR, 0, 5)

    assert field.ids[1].tolist() == [[4, 2]]
    assert plan == hop("click").using(SAMPLERS.named("every_other", count=2))
    assert len({plan, hop("click").using(every_other(count=2))}) == 1


@pytest.mark.parametrize("peek", [prophet, seer])
def test_a_sampler_cannot_bring_the_future_in(peek):
    with pytest.raises(RequestError, match="outside the past"):
        one(hop("click").using(peek()), STAR, 0, 3)


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ConfigError, match=r"recent\(0\) draws nothing"):
        one(hop("click").recent(0), STAR, 0, 3)
    with pytest.raises(ConfigError, match="a node has 5 neighbours"):
        one(hop("click").all(limit=4), STAR, 0, 9)
    with pytest.raises(DataError, match=r"no feature 'dwell'\. They have: w"):
        one(hop("click").sample(1, by="dwell"), STAR, 0, 3)
    with pytest.raises(DataError, match="a weight is below 0"):
        one(hop("click").sample(1, by="w"), [(0, 0, 1, -1)], 0, 3)
    with pytest.raises(ConfigError, match="there is a sampler 'recent' already"):
        sampler("recent")(lambda past: Run(past.start, past.stop, 1))
    with pytest.raises(ConfigError, match="there is no sampler 'resent'"):
        SAMPLERS.named("resent")
    with pytest.raises(ConfigError, match=r"has no setting 'number'\. It knows: count"):
        SAMPLERS.named("recent", number=3)


@pytest.mark.parametrize("weight", [-1.0, 1e30])
@pytest.mark.parametrize("view", [True, False])
def test_no_weight_to_come_stops_or_changes_a_draw(weight, view):
    by_weight = (
        hop("click").sample(3, by="w"),
        hop("click").sample(2, by="w", replace=False),
        hop("click").importance(3),
        hop("click").within(seconds=25).sample(2, by="w"),
        hop("click").within(seconds=25).sample(1, by="w").hop("~click").sample(1),
    )
    grown, before = graph_of(LOG), graph_of(LOG)
    for plan in by_weight:  # So that there is an index to keep up.
        plan.sample(grown.snapshot(), *_FIRST_TWO)
    grown.append_rows("click", [0, 1], [3, 1], [40, 41], {"w": [weight, weight]})
    now = grown.snapshot().before(40) if view else grown.snapshot()

    for plan in by_weight:
        had, has = (plan.sample(g, *_FIRST_TWO) for g in (before, now))
        for name in ("ids", "weight", "edge"):
            for then, now_ in zip(getattr(had, name), getattr(has, name), strict=True):
                np.testing.assert_array_equal(then, now_)


def test_a_weight_below_zero_stops_those_whose_past_it_is_in():
    graph = graph_of(LOG)
    graph.append_rows("click", [1], [1], [40], {"w": [-1.0]})
    plan, users = hop("click").sample(1, by="w"), np.arange(2, dtype=np.int32)

    with pytest.raises(DataError, match="a weight is below 0"):
        plan.sample(graph.snapshot(), users, np.array([41, 41]))
    assert plan.sample(graph.snapshot(), users, np.array([41, 40])).mask[1].all()


def test_items_and_users_without_edges_have_no_neighbours():
    field = (
        hop("~click")
        .recent(2)
        .sample(graph_of([]), np.arange(ITEMS, dtype=np.int32), np.full(ITEMS, 9))
    )

    assert not field.mask[1].any()


@tg.sampler("reaches_on")
def reaches_on(past: Neighborhood) -> Run:
    past.stop[:] += 1
    return Run(past.start, past.stop, 9)


@tg.sampler("too_short")
def too_short(past: Neighborhood) -> Picks:
    return Picks(past.start[:1, None])


def test_a_sampler_can_change_nothing_that_it_is_given():
    with pytest.raises(ValueError, match="read-only"):
        graph_of(LOG).V("user", [0]).before(25).with_(
            a=tg.hop("click").using(reaches_on())
        )


@tg.sampler("says_nothing")
def says_nothing(past: Neighborhood):
    return None


@tg.sampler("half_slots")
def half_slots(past: Neighborhood) -> Picks:
    return Picks(past.start[:, None] + 0.5)


def test_a_sampler_answers_with_slots():
    user = graph_of(LOG).V("user", [0]).before(25)
    with pytest.raises(RequestError, match="returned NoneType"):
        user.with_(a=tg.hop("click").using(says_nothing()))
    with pytest.raises(RequestError, match="slots of float64"):
        user.with_(a=tg.hop("click").using(half_slots()))


def test_a_sampler_answers_for_each_node():
    with pytest.raises(RequestError, match=r"for 1 nodes instead of 2"):
        graph_of(LOG).V("user", [0, 1]).before(25).with_(
            a=tg.hop("click").using(too_short())
        )


@given(HEAVY, st.integers(0, 11), st.integers(0, 5))
def test_a_heavy_edge_of_the_future_takes_no_draw(events, clock, seed):
    before = [e for e in events if e[2] < clock]
    plans = (
        tg.hop("click").sample(4, by="w"),
        tg.hop("click").importance(4, by="w"),
        tg.walk("click", "~click", times=2, length=2).weighted("w"),
    )
    nodes = list(range(USERS))
    for plan in plans:
        one, other = (
            graph_of(log).V("user", nodes).before(clock).with_(seed=seed, p=plan).p
            for log in (events, before)
        )
        assert np.array_equal(one.ids[-1], other.ids[-1])


def test_every_draw_finds_an_edge_beside_a_heavy_row():
    plan = tg.hop("click").sample(50, by="w")
    graph = graph_of([*LIGHT, (0, 0, 99, 1e17)])

    found = graph.V("user", [1]).before(50).with_(p=plan).p

    assert found.mask[1].all()
    assert set(found.ids[1][0].tolist()) == set(range(5))


def test_a_past_without_edges_that_was_handed_over_has_none_to_draw():
    nothing = deepcopy(graph_of(LOG).snapshot().before(0))
    for plan in (hop("click").importance(3), hop("click").sample(3, by="w")):
        field = plan.sample(nothing, np.zeros(1, np.int32), np.full(1, 25))

        assert not field.mask[1].any()
        assert not field.weight[1].any()
