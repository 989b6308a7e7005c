from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import DSG, EVENTS, ITEMS, USERS, graph_of, past, rows
from tidegraph.ego.hops import hop
from tidegraph.ego.negative_plans import negatives
from tidegraph.errors import ArtifactError, ConfigError, DataError
from tidegraph.graph.negatives.distribution import distribution
from tidegraph.graph.projection import CoOccurrence
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.times import check_tick, ticks_and_misfits, ticks_of

BEGINS = st.sampled_from([datetime(2024, 5, 1, 12, 30), datetime(1905, 6, 30)])
"""What tick 0 of the events stands for; either has microseconds beside it."""


def ticks_from(start: datetime) -> int:
    return (start - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def fine_graph(events, start: datetime, **settings) -> tg.Graph:
    """The events of ``graph_of``, microseconds rather than seconds apart."""
    graph = tg.Graph(tick="us", **settings)
    graph.nodes("user", {"user_id": np.arange(USERS)}, key="user_id")
    prices = {"item_id": np.arange(ITEMS), "price": np.arange(ITEMS) * 2.0}
    graph.nodes("item", prices, key="item_id")
    return graph.edges(
        "click", table(events, start), "user_id -> item_id", time="ts", weight="w"
    )


def table(events, start: datetime) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": pl.Series([e[0] for e in events], dtype=pl.Int64),
            "item_id": pl.Series([e[1] for e in events], dtype=pl.Int64),
            "ts": pl.Series(
                [start + timedelta(microseconds=e[2]) for e in events],
                dtype=pl.Datetime("us"),
            ),
            "w": pl.Series([float(e[3]) for e in events], dtype=pl.Float64),
        }
    )


def spellings(moment: datetime) -> list[object]:
    """One moment as clocks are written."""
    utc = moment.replace(tzinfo=UTC)
    return [
        *(moment, utc, moment.isoformat(timespec="microseconds")),
        *(np.datetime64(moment, "us"), ticks_from(moment) / 1e6),
    ]


@given(EVENTS, BEGINS, st.integers(0, USERS - 1), st.integers(0, 10))
def test_queries_see_what_is_strictly_before_to_the_microsecond(
    events, start, user, clock
):
    graph, expected = fine_graph(events, start), past(events, "click", user, clock)

    for moment in spellings(start + timedelta(microseconds=clock)):
        before = graph.V("user", [user]).before(moment).out("click")
        assert before.ids().to_list() == [e[0] for e in expected]
    found = (before.frame("ts")["ts"].to_numpy() * 1e6).round() - ticks_from(start)
    assert found.tolist() == [e[1] for e in expected]


@given(EVENTS, BEGINS)
def test_plans_take_what_they_take_where_a_tick_is_a_second(events, start):
    fine, coarse = fine_graph(events, start), graph_of(events)
    nodes = np.repeat(np.arange(USERS, dtype=np.int32), 12)
    clocks = np.tile(np.arange(12), USERS)
    moments = np.datetime64(start, "us") + clocks.astype("timedelta64[us]")
    drawn = hop("click").sample(3, by="w").hop("~click").sample(2)
    plans = (DSG, drawn, hop("click").within(seconds=2).all())
    close = (DSG, drawn, hop("click").within(seconds=2e-6).all())

    for plan, same_plan in zip(plans, close, strict=True):
        there = plan.sample(coarse, nodes, clocks, seed=3)
        here = same_plan.sample(fine, nodes, moments, seed=3)
        assert len(here.ids) == len(there.ids)
        for depth in range(len(there.ids)):
            for name in ("ids", "dt", "weight", "edge", "mask"):
                one, other = getattr(here, name)[depth], getattr(there, name)[depth]
                assert np.array_equal(one, other), (name, depth)
            since = here.time[depth] - ticks_from(start)
            assert (since == there.time[depth])[there.mask[depth]].all()


@settings(max_examples=20)
@given(EVENTS, EVENTS, BEGINS)
def test_what_is_appended_saved_and_mapped_is_as_fine(
    tmp_path_factory, events, more, start
):
    graph = fine_graph(events, start, late_seconds=None)
    graph.append("click", table(more, start))
    folder = tmp_path_factory.mktemp("fine") / "g"
    graph.save(folder)
    opened = tg.Graph.open(folder, late_seconds=None)
    opened.append("click", table(more, start))
    at = np.datetime64(start, "us") + np.timedelta64(6, "us")

    assert opened.snapshot().tick == "us"
    for held, every in ((graph, events + more), (opened, events + more + more)):
        field = hop("click").all().sample(held, np.arange(USERS), at)
        for user in range(USERS):
            expected = past(every, "click", user, 6)
            found = rows(field, 1, (user,))
            assert [(e[0], e[1] - ticks_from(start), e[3]) for e in found] == [
                (e[0], e[1], e[3]) for e in expected
            ]


@given(EVENTS, st.integers(0, 4), st.integers(0, 30))
def test_a_graph_counted_in_longer_ticks_shows_nothing_earlier(events, user, clock):
    # Ticks of 300 ms, so that a second holds some, queried at any of them.
    fine = tg.Graph(tick="ms").nodes("user", {"user_id": np.arange(5)}, key="user_id")
    fine.nodes("item", {"item_id": np.arange(ITEMS)}, key="item_id")
    base, step = 1_714_521_600_000, 300
    when = np.array([base + step * e[2] for e in events], np.int64)
    ends = {"user_id": [e[0] for e in events], "item_id": [e[1] for e in events]}
    kinds = {"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Int64}
    log = pl.DataFrame({**ends, "ts": when}, schema=kinds)
    fine.edges("click", log, "user_id -> item_id", time="ts", time_unit="ms")
    coarse = tg.Graph(fine.snapshot(), tick="s")
    moment = np.datetime64(base + 100 * clock, "ms")

    seen, left = (
        g.V("user", [user]).before(moment).out("click").ids().to_list()
        for g in (fine, coarse)
    )
    second = np.datetime64(moment, "s").astype(int) * 1000
    earlier = [
        e for e in past(events, "click", user, 99) if base + step * e[1] < second
    ]
    assert left == [e[0] for e in earlier] == seen[: len(left)]
    assert coarse.snapshot().latest == (when.max() // 1000 if len(when) else -(2**63))


def clicks(when, **settings) -> tg.Graph:
    graph = tg.Graph(**settings).nodes("u", {"u": [0]}, key="u")
    graph.nodes("i", {"i": np.arange(len(when))}, key="i")
    rows = {"u": [0] * len(when), "i": np.arange(len(when)), "t": when}
    return graph.edges("click", rows, "u -> i", time="t")


MAY = 1_714_521_600


@pytest.mark.parametrize(
    ("when", "tick", "shown"),
    [
        ([MAY, MAY + 0.5], "ms", "edge 1 of 'click' is 2024-05-01T00:00:00.5,"),
        ([MAY * 1000 + 7], "ms", "2024-05-01T00:00:00.007,"),
        ([MAY + 0.0001], "us", "2024-05-01T00:00:00.0001"),
        ([datetime(1965, 1, 1, 0, 0, 0, 20)], "us", "1965-01-01T00:00:00.00002,"),
    ],
)
def test_a_time_within_a_tick_is_refused_with_the_tick_that_holds_it(when, tick, shown):
    with pytest.raises(DataError, match=rf"tg\.Graph\(tick='{tick}'\)") as caught:
        clicks(when)

    assert shown in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(clicks(when, tick=tick).snapshot()["click"].node) == len(when)


def test_an_append_that_is_finer_is_refused_and_what_it_says_mends_it():
    graph, more = (
        clicks([MAY]),
        {"u": [0], "i": [0], "t": [datetime(2024, 5, 2, 0, 0, 0, 9)]},
    )

    with pytest.raises(DataError, match=r"tg\.Graph\(graph\.snapshot\(\), tick='us'\)"):
        graph.append("click", more)
    with pytest.raises(DataError, match="counts whole seconds"):
        graph.append_rows("click", [0], [0], [MAY + 0.25])

    finer = tg.Graph(graph.snapshot(), tick="us").append("click", more)
    at = np.datetime64("2024-05-02T00:00:00.000009")
    assert len(finer.V("u", 0).before(at).out("click")) == 1
    assert len(finer.V("u", 0).before(at + 1).out("click")) == 2
    assert len(graph.snapshot()["click"].node) == 1


def test_what_is_finer_than_any_tick_is_to_be_rounded():
    when = pl.Series([1_714_521_600_000_000_001]).cast(pl.Datetime("ns"))

    with pytest.raises(DataError, match="Round the column to microseconds"):
        clicks(when, tick="us")


@pytest.mark.parametrize("tick", ["s", "ms", "us"])
@pytest.mark.parametrize("fraction", [".0000001", ".500000000001Z", ",0000020001"])
def test_text_that_says_less_than_a_microsecond_is_refused(tick, fraction):
    text = f"2024-05-01T00:00:00{fraction}"
    with pytest.raises(DataError, match="Round the column to microseconds") as caught:
        clicks([text], tick=tick)

    assert text in str(caught.value)
    assert ("tick='us'" in str(caught.value)) == (tick != "us")
    graph = clicks([MAY], tick=tick)
    with pytest.raises(DataError, match="Round the column to microseconds"):
        graph.append_rows("click", [0], [0], [text])


def test_zeros_behind_a_microsecond_say_nothing():
    graph = clicks(["1965-01-01T00:00:00.0000020000Z"], tick="us")

    assert graph.snapshot().latest % 10**6 == 2


def test_a_number_that_says_less_than_a_microsecond_is_shown_whole():
    with pytest.raises(DataError, match="to milliseconds") as caught:
        clicks([2.0000001], tick="ms")

    assert "1970-01-01T00:00:02.0000001," in str(caught.value)
    assert "tick='us'" not in str(caught.value)


@pytest.mark.parametrize(
    "when",
    [
        [datetime(2024, 5, 1, 0, 0, 1, 1000)],
        (datetime(2024, 5, 1, 0, 0, 1, 1000, UTC),),
        ["2024-05-01T00:00:01.001"],
        np.array(["2024-05-01T02:00:01.001+02:00"]),
        pl.Series([datetime(2024, 5, 1, 0, 0, 1, 1000)]),
        np.array([datetime(2024, 5, 1, 0, 0, 1, 1000)], dtype=object),
    ],
    ids=["datetimes", "zoned", "text", "array of text", "series", "array of datetimes"],
)
def test_rows_are_appended_by_what_names_moments_in_a_table(when):
    graph = clicks([MAY], tick="ms").append_rows("click", [0], [0], when)

    assert graph.snapshot().latest == 1000 * MAY + 1001


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ([None], "is missing"),
        (["noon"], "is 'noon', not a time"),
        ([datetime(2024, 5, 1), 7], "times of edges 'click' cannot be read"),
        ([[1], [2, 3]], "are no Unix seconds or datetimes"),
    ],
)
def test_what_names_no_moment_is_appended_by_no_row(when, said):
    graph = clicks([MAY], tick="ms")
    with pytest.raises(DataError, match=said):
        graph.append_rows("click", [0] * len(when), [0] * len(when), when)


def test_rows_are_appended_by_seconds_or_datetimes_in_any_graph():
    graph = clicks([MAY], tick="ms")

    graph.append_rows("click", [0, 0], [0, 0], [MAY + 0.001, MAY + 1])
    graph.append_rows("click", [0], [0], np.array(["2024-05-01T00:00:02.5"], "M8[ms]"))

    side = graph["click"]
    assert side.time_at(side.slots()).tolist() == [
        1000 * MAY + n for n in (0, 1, 1000, 2500)
    ]


def test_how_late_an_edge_may_be_is_said_in_seconds():
    graph = clicks([MAY + 0.5], tick="ms", late_seconds=0.2)

    graph.append_rows("click", [0], [0], [MAY + 0.3])
    with pytest.raises(DataError, match=r"is 0\.201 seconds older .* up to 0\.2 late"):
        graph.append_rows("click", [0], [0], [MAY + 0.299])


def test_an_edge_may_be_as_late_as_was_said_to_the_tick():
    graph = clicks([MAY + 1.001], tick="ms", late_seconds=1.001)

    graph.append_rows("click", [0], [0], [MAY])
    with pytest.raises(DataError, match=r"is 1\.002 seconds older"):
        graph.append_rows("click", [0], [0], [MAY - 0.001])


def test_a_session_shorter_than_a_tick_is_of_one_moment():
    graph = clicks([MAY, MAY, MAY + 1])

    linked = CoOccurrence("click", session_seconds=0.5).induced(graph)

    assert sorted(zip(*map(list, linked[:2]), strict=True)) == [(0, 1), (1, 0)]


def test_a_session_lasts_as_long_as_was_said_to_the_tick():
    graph = clicks([MAY, MAY + 1.001], tick="ms")

    assert len(CoOccurrence("click", session_seconds=1.001).induced(graph).source) == 2


def test_conditions_compare_with_seconds():
    graph = clicks([MAY, MAY + 0.25, MAY + 0.5], tick="ms")

    early = graph.V("u", 0).all_time().out("click").where(pl.col("t") < MAY + 0.5)
    assert early.ids().to_list() == [0, 1]
    assert early.frame("t")["t"].to_list() == [MAY, MAY + 0.25]
    batch = next(iter(graph.E("click").where(pl.col("t") >= MAY + 0.25)))
    assert batch.target.tolist() == [1, 2]
    between = (datetime(2024, 5, 1), MAY + 0.5)
    assert next(iter(graph.E("click", between=between))).target.tolist() == [0, 1]


def test_windows_are_seconds_and_no_shorter_than_a_tick():
    graph = clicks([MAY, MAY + 0.25, MAY + 0.5], tick="ms")

    before = graph.V("u", 0).before(MAY + 0.75)
    assert before.within(seconds=0.5).out("click").ids().to_list() == [1, 2]
    with pytest.raises(ConfigError, match="counts milliseconds"):
        before.within(seconds=0.0001)
    with pytest.raises(ConfigError, match="counts seconds"):
        hop("click").within(seconds=0.5).all().sample(clicks([MAY]), [0], MAY)


def test_sessions_and_half_lives_are_seconds():
    when = [0, 0.25, 0.5, 2.5]
    fine = clicks([MAY + t for t in when], tick="ms")
    slow = clicks([MAY + int(4 * t) for t in when])
    named = {"via": "click", "decay": 0.5}

    one = CoOccurrence(**named, session_seconds=0.3, half_life_seconds=0.25).induced(
        fine
    )
    other = CoOccurrence(**named, session_seconds=1, half_life_seconds=1.0).induced(
        slow
    )
    assert len(one.source) == 6
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_distributions_read_seconds():
    told = []

    @distribution("told in seconds")
    def tell(seen) -> np.ndarray:
        told.append((seen.clock, seen.first, seen.last))
        return np.ones(len(seen.node))

    graph = clicks([MAY + 0.25, MAY + 0.5], tick="ms")
    plan = negatives("i", 4, by=tell(), via="click")
    batch = next(iter(graph.E("click", between=(MAY + 0.5, None)).with_(neg=plan)))

    assert set(batch.neg.ids.ravel()) == {0}
    for clock, first, last in told:
        assert set(clock) == {MAY + 0.5}
        assert set(first) == set(last) == {MAY + 0.25}


def test_a_log_counts_seconds_so_a_finer_graph_takes_none_in():
    log = tg.interactions(["a"], ["x"], [MAY])
    graph = tg.Graph.of(log)
    finer = tg.Graph(graph.snapshot(), tick="ms")

    with pytest.raises(DataError, match="before it happened"):
        finer.observe(log)
    assert len(graph.observe(log).snapshot().edges["action"]) == 2


def test_finer_edges_beside_a_log_fall_to_its_seconds():
    log = tg.interactions(["a", "a"], ["x", "y"], [MAY, MAY + 9])
    more = tg.Graph(tick="ms").nodes("user", {"user": ["a"]}, key="user")
    more.nodes("tag", {"tag": [1]}, key="tag")
    likes = {"user": ["a"], "tag": [1], "t": [MAY + 1.75]}
    more.edges("likes", likes, "user -> tag", time="t")

    whole = Snapshot.of(log, more.snapshot())

    assert (whole.tick, whole.edges["likes"].latest) == ("s", MAY + 1)
    model = tg.Pipeline(retrieve=tg.Popular()).fit(log, graph=more)
    assert model.graph.tick == "s"
    assert model.graph.edges["likes"].latest == MAY + 1


def test_a_saved_graph_that_counts_in_something_else_is_refused():
    state = clicks([MAY]).snapshot().state()
    state.settings["tick"] = "fortnights"

    with pytest.raises(ArtifactError, match="fortnights"):
        Snapshot.from_state(state)
    del state.settings["tick"]
    with pytest.raises(ConfigError, match="'s', 'ms', 'us'"):
        check_tick("ns")


@given(st.integers(-(2**40), 2**40), st.sampled_from(["ms", "us"]))
def test_a_tick_written_as_seconds_with_a_fraction_is_that_tick(number, tick):
    per_second = {"ms": 1_000, "us": 1_000_000}[tick]

    assert ticks_of(np.array([number / per_second]), 1, tick).tolist() == [number]
    assert not ticks_and_misfits(np.array([number / per_second]), 1, tick)[1].any()


@given(
    st.integers(-(2**60), 2**60),
    st.sampled_from([10**3, 10**6, 10**9]),
    st.sampled_from(["s", "ms", "us"]),
)
def test_a_whole_number_falls_to_the_tick_that_is_not_after_it(
    number, per_second, tick
):
    into = {"s": 1, "ms": 10**3, "us": 10**6}[tick]
    if per_second == 10**3 and into == 10**6:
        number //= 2**12

    (found,) = ticks_of(np.array([number]), per_second, tick).tolist()

    assert found == number * into // per_second
    exact = found * per_second == number * into
    assert ticks_and_misfits(np.array([number]), per_second, tick)[1].tolist() == [
        not exact
    ]
