from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.errors import DataError
from tidegraph.graph import disk
from tidegraph.graph.events import events_of
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot

COLUMNS = ("user", "item", "time", "label", "weight")


def assert_same(found, expected):
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    assert found.users.ids.equals(expected.users.ids)
    assert found.items.ids.equals(expected.items.ids)
    assert found.context.equals(expected.context)


def test_a_graph_gives_back_the_log_it_was_made_of():
    log = draw_log()
    weighed = replace(log, weight=np.linspace(0, 1, len(log), dtype=np.float32))

    assert_same(events_of(Snapshot.of(log)), log)
    assert_same(events_of(Snapshot.of(weighed)), weighed)


def test_impressions_come_back_with_their_label():
    log = interactions(list("abab"), list("xyyx"), [1, 2, 3, 4], label=[1, 0, 0, 1])

    assert_same(events_of(Snapshot.of(log)), log)


def test_observed_events_are_in_it_too():
    log = draw_log()
    early, late = log.before(int(log.time[400])), log.since(int(log.time[400]))

    assert_same(events_of(Snapshot.of(early).observed(late)), log)


def with_context(log):
    """The log with a place and a label of its own, and one event in three unchosen."""
    place = pl.Series("position", np.arange(len(log)) % 7)
    spelt = place.cast(pl.String).alias("page").set(place == 3, None)
    label = (np.arange(len(log)) % 3 > 0).astype(np.int8)
    # Without ties in time, of which actions come before impressions.
    time = 60 * np.arange(len(log))
    context = pl.DataFrame([place, spelt])
    return replace(log, time=time, label=label, context=context)


def test_the_context_of_a_log_is_on_its_edges_and_comes_back():
    log = with_context(draw_log())
    weighed = replace(log, weight=np.linspace(0, 1, len(log), dtype=np.float32))
    graph = Snapshot.of(log)

    assert_same(events_of(graph), log)
    assert_same(events_of(Snapshot.of(weighed)), weighed)
    assert graph.edge("impression").features.equals(log.take(log.label == 0).context)
    found = graph.V("user", [log.users.ids[0]]).all_time().out("action")
    mine = log.take((log.user == 0) & (log.label == 1))
    assert found.frame("position", "page").equals(mine.context)


def test_the_context_of_observed_events_is_taken_in(tmp_path):
    log = with_context(draw_log())
    cut = int(log.time[400])
    early, late = log.before(cut), log.since(cut)
    live = Graph.of(early)
    for start in range(0, len(late), 50):
        live.observe(late.take(slice(start, start + 50)))
    live.save(tmp_path / "g")

    assert_same(events_of(live.snapshot()), log)
    assert_same(events_of(disk.load(tmp_path / "g")), log)
    assert_same(events_of(live.snapshot().before(cut)), early)


def test_a_context_that_later_events_lack_is_null_and_one_only_they_have_is_passed():
    early = interactions(["a"], ["x"], [1], context=pl.DataFrame({"place": [4]}))
    other = pl.DataFrame({"price": [2.0, 3.0]})
    late = interactions(["a", "b"], ["y", "x"], [2, 3], label=[0, 1], context=other)

    found = events_of(Graph.of(early).observe(late).snapshot())

    assert found.context.equals(pl.DataFrame({"place": [4, None, None]}))
    assert found.label.tolist() == [1, 0, 1]


def test_a_weight_that_comes_later_leaves_the_context_where_it_is():
    early = interactions(["a"], ["x"], [1], context=pl.DataFrame({"place": [4]}))
    late = replace(
        interactions(["a"], ["y"], [2], context=pl.DataFrame({"place": [5]})),
        weight=np.array([3], np.float32),
    )

    found = events_of(Graph.of(early).observe(late).snapshot())

    assert found.context["place"].to_list() == [4, 5]
    assert found.weight.tolist() == [1, 3]


def test_a_context_of_another_type_is_refused_and_nothing_is_taken_in():
    live = Graph.of(
        interactions(["a"], ["x"], [1], context=pl.DataFrame({"place": [4]}))
    )
    wrong = interactions(["a"], ["x"], [2], context=pl.DataFrame({"place": ["top"]}))

    with pytest.raises(DataError, match="column 'place' of the new events holds Str"):
        live.observe(wrong)
    assert len(live.snapshot().edge("action")) == 1


def test_a_context_cannot_bear_a_name_of_the_log():
    with pytest.raises(DataError, match="cannot be called 'weight'"):
        interactions(["a"], ["x"], [1], context=pl.DataFrame({"weight": [4]}))


def test_a_column_that_was_null_so_far_takes_the_type_of_its_first_value():
    nothing = pl.DataFrame({"coupon": [None] * 4, "shelf": [None] * 4})
    log = interactions(list("abab"), list("xyyx"), [1, 2, 3, 4], [1, 0, 0, 1])
    graph = Graph.of(replace(log, context=nothing))
    for time, label, coupon in ((5, 0, "X9"), (6, 1, None), (7, 1, "Y1"), (8, 0, "Z")):
        said = pl.DataFrame({"coupon": [coupon]})
        graph.observe(interactions(["a"], ["x"], [time], [label], context=said))
        assert events_of(graph.snapshot()).context["coupon"].to_list()[-1] == coupon

    context = events_of(graph.snapshot()).context
    assert context["coupon"].to_list() == [None] * 4 + ["X9", None, "Y1", "Z"]
    assert context["shelf"].to_list() == [None] * 8
    with pytest.raises(DataError, match="coupon"):
        graph.observe(
            interactions(["a"], ["x"], [9], context=pl.DataFrame({"coupon": [[1]]}))
        )


@pytest.mark.parametrize("price", [None, [1.0, 2.0, 3.0, 4.0]])
def test_a_graph_that_goes_on_from_the_past_takes_weights(price):
    log = interactions(list("abca"), list("xyxz"), [10, 20, 30, 40])
    if price is not None:
        log = replace(log, context=pl.DataFrame({"price": price}))
    graph = Graph(Snapshot.of(log).before(30))
    graph.observe(interactions(["a"], ["x"], [50], weight=[2.0]))

    found = events_of(graph.snapshot())
    assert found.time.tolist() == [10, 20, 50]
    assert found.weight.tolist() == [1, 1, 2]
    if price is not None:
        assert found.context["price"].to_list() == [1.0, 2.0, None]
