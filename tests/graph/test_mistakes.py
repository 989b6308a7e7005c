"""What people get wrong with a graph, and what they are told."""

import copy
import multiprocessing
from datetime import datetime

import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from graph.brute import graph_of, table
from tidegraph.errors import ConfigError, DataError, RequestError
from tidegraph.graph.query.filters import check
from tidegraph.graph.sampling.gather import Neighborhood, Picks, Run
from tidegraph.graph.sampling.seeds import check_plan

LOG = [(0, 0, 10, 1.0), (0, 1, 20, 2.0), (1, 1, 20, 1.0), (0, 2, 30, 1.0)]
ONE = np.array([1], np.int32)


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
            a=tg.hop("click").draw(reaches_on())
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
        user.with_(a=tg.hop("click").draw(says_nothing()))
    with pytest.raises(RequestError, match="slots of float64"):
        user.with_(a=tg.hop("click").draw(half_slots()))


def test_a_sampler_answers_for_each_node():
    with pytest.raises(RequestError, match=r"for 1 nodes and was asked for 2"):
        graph_of(LOG).V("user", [0, 1]).before(25).with_(
            a=tg.hop("click").draw(too_short())
        )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((np.zeros(5, np.int32), ONE, np.array([40])), "5 sources, 1 targets, 1 times"),
        ((ONE, ONE, None), "have a time, and none was given"),
        ((ONE, ONE, np.array([40_000_000_000_000])), "beyond the year 5138"),
        ((ONE, ONE, np.array([40.5])), "no whole Unix seconds"),
        ((np.array([0.5]), ONE, np.array([40])), "not a list of whole numbers"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(given, said):
    graph = graph_of(LOG)
    before = graph.snapshot()

    with pytest.raises(DataError, match=said):
        graph.append_rows("click", *given, {"w": np.array([1.0])})

    assert graph.snapshot() is before


def test_features_have_a_row_for_each_edge_and_their_type():
    graph = graph_of(LOG)
    with pytest.raises(DataError, match="2 rows of features"):
        graph.append_rows("click", ONE, ONE, np.array([40]), {"w": np.array([1.0, 2])})
    new = {"user_id": [0], "item_id": [1], "ts": [50], "w": ["heavy"]}
    with pytest.raises(DataError, match="of other types than those of the others"):
        graph.append("click", new)


def test_an_empty_append_is_none():
    graph = graph_of(LOG)

    graph.append("click", table([]))

    assert len(graph.snapshot().edges["click"]) == len(LOG)


def test_a_graph_keeps_the_columns_and_unit_of_its_tables(tmp_path):
    people = tg.Graph().nodes("user", {"user": ["a", "b", "c"]}, key="user")
    first = {"from": ["a"], "to": ["b"], "at": [5_000]}
    people.edges("met", first, "from: user -> to: user", time="at", time_unit="ms")
    people.save(tmp_path / "g")
    again = tg.Graph.open(tmp_path / "g")

    again.append("met", {"from": ["b"], "to": ["c"], "at": [7_000]})

    assert again.V("user", "b").before(9).out("met").frame("user", "at").rows() == [
        ("c", 7)
    ]


def test_a_unit_once_found_is_kept():
    graph = tg.Graph().nodes("u", {"u": [1]}, key="u").nodes("i", {"i": [1]}, key="i")
    graph.edges("met", {"u": [1, 1], "i": [1, 1], "t": [5, 9_000]}, "u -> i", time="t")

    # 2000 alone would read as a year.
    graph.append("met", {"u": [1], "i": [1], "t": [9_000]})
    graph.append("met", {"u": [1], "i": [1], "t": [9_001]})

    assert graph.snapshot().latest == 9_001


def test_a_time_is_not_compared_with_a_date():
    reached = graph_of(LOG).V("user", [0]).before(99).out("click")
    with pytest.raises(RequestError, match="'ts' holds Unix seconds"):
        reached.where(pl.col("ts") < datetime(2024, 5, 3))
    with pytest.raises(RequestError, match="'ts' holds Unix seconds"):
        graph_of(LOG).E("click").where(pl.col("ts") < datetime(2024, 5, 3))

    assert len(reached.where(pl.col("ts") < 25)) == 2


def test_a_condition_that_does_not_fit_is_one_sentence():
    reached = graph_of(LOG).V("user", [0]).before(99).out("click")
    with pytest.raises(RequestError, match="'price > 3' is no condition"):
        check("price > 3")
    for wrong in (
        pl.col("price") > "x",
        pl.col("price"),
        pl.lit(3),
        pl.col("cost") > 1,
    ):
        with pytest.raises(RequestError) as caught:
            reached.where(wrong)
        assert "\n" not in str(caught.value)


def test_a_condition_at_the_start_narrows_the_start():
    items = graph_of(LOG).V("item").where(pl.col("price") > 5)

    assert items.count()["start"].to_list() == [3, 4]
    assert len(items.before([1, 2]).out("~click").count()) == 2


def test_one_id_alone_is_one_and_ids_may_be_of_two_types():
    graph = graph_of(LOG)

    assert graph.V("user", 0).ids().to_list() == [0]
    assert graph.V("user", {1}).ids().to_list() == [1]
    assert graph.V("user", [0, "1"]).ids().to_list() == [0, 1]
    with pytest.raises(RequestError, match="user 'ana' is not in the graph"):
        graph.V("user", [0, "ana"])
    with pytest.raises(RequestError, match="place 1: True is a truth and no id"):
        graph.V("user", [0, True])


def test_half_said_and_contradictory_plans_are_refused():
    graph = graph_of(LOG)
    with pytest.raises(ConfigError, match="needs to be told which neighbours"):
        check_plan("a", tg.hop("click"))
    with pytest.raises(ConfigError, match="all time and at a window"):
        tg.hop("click").within(days=1).all_time()
    with pytest.raises(ConfigError, match="looks back from a clock"):
        graph.V("user").all_time().within(days=1)
    with pytest.raises(ConfigError, match="1 counts"):
        tg.fan_out("click", "~click", counts=(3,))
    with pytest.raises(ConfigError, match="'source' or 'target'"):
        graph.E("click").shuffle(together="user")
    with pytest.raises(RequestError, match="cannot name a plan"):
        graph.V("user").with_(**{"class": tg.identity()})


def test_hard_negatives_avoid_what_their_own_node_met():
    pool = tg.walk("~click", "click", times=9).top(3)
    with pytest.raises(ConfigError, match="the pool starts from 'item'"):
        graph_of(LOG).E("click").with_(
            neg=tg.hard(pool, 2, ranks=(0, 3), avoid="click")
        )


def test_a_weight_below_zero_stops_a_weighted_walk():
    with pytest.raises(DataError, match="a weight of 'click' is below 0"):
        graph_of([(0, 0, 1, -1)]).V("user").before(9).with_(
            a=tg.walk("click").weighted()
        )


def test_a_hop_without_time_keeps_the_clock_of_its_parent():
    graph = graph_of(LOG).edges("made", {"a": [0], "b": [3]}, "a: item -> b: item")
    plan = tg.hop("click").recent(1).hop("made").all()
    field = graph.V("user", [0]).before(15).with_(a=plan).a

    # Item 0 was clicked at 10; what it leads to has that clock too.
    assert field.ids[2].tolist() == [[[3]]]
    assert field.time[2].tolist() == [[[10]]]
    assert field.dt[2].tolist() == [[[0]]]


def test_a_feature_named_start_is_not_hidden():
    graph = tg.Graph().nodes("u", {"u": [1], "start": [7]}, key="u")

    assert graph.V("u").frame("start", "u.start").rows() == [(1, 7)]


def test_batches_can_be_handed_to_other_processes():
    batch = next(iter(graph_of(LOG).E("click").with_(src=tg.hop("click").recent(2))))

    queue = multiprocessing.get_context("spawn").SimpleQueue()
    queue.put(batch)
    again = queue.get()

    assert np.array_equal(again.src.ids[1], batch.src.ids[1])
    assert copy.copy(batch)._fields == batch._fields


def _sampled_elsewhere(queue, graph) -> None:
    rows = np.zeros(20_000, np.int32)
    field = tg.hop("click").recent(2).sample(graph, rows, np.full(20_000, 99))
    queue.put(int(field.mask[1].sum()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_samples_as_its_parent():
    graph, rows = graph_of(LOG), np.zeros(20_000, np.int32)
    tg.hop("click").recent(2).sample(graph, rows, np.full(20_000, 99))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_sampled_elsewhere, args=(queue, graph))
    child.start()

    assert queue.get(timeout=60) == 40_000
    child.join(timeout=60)
    assert child.exitcode == 0


def test_numbers_that_make_no_sense_are_refused():
    graph = graph_of(LOG)
    with pytest.raises(ConfigError, match="seed is -1"):
        graph.V("user", [0]).before(9).with_(seed=-1, p=tg.hop("click").sample(2))
    with pytest.raises(ConfigError, match="seed is -1"):
        graph.E("click").shuffle(-1)
    for endless in (float("inf"), 1e15, 0):
        with pytest.raises(ConfigError, match="holds nothing or everything"):
            tg.hop("click").within(days=endless)
    with pytest.raises(ConfigError, match="of at least 1"):
        tg.local_cluster("click", type="user", size=-5)
