import copy
import multiprocessing

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, graph_of
from tidegraph.ego.hops import hop
from tidegraph.ego.negative_plans import negatives
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.live import Graph
from tidegraph.kernels import jit

LOG = [(0, 0, 10, 1.0), (0, 1, 20, 2.0), (1, 1, 20, 1.0), (0, 2, 30, 1.0)]

DSG = hop("click").recent(3).hop("~click").recent(2)
RNG = np.random.default_rng(0)
MANY = [tuple(map(int, e)) for e in RNG.integers(0, [4, 5, 9, 5], (200, 4))]


@given(EVENTS, st.integers(0, 10), st.integers(0, 10), st.integers(1, 7))
def test_edges_come_in_time_order_each_once(events, first, last, size):
    query = graph_of(events).E("click", between=(first, last)).batch(size)
    batches = list(query)

    numbered = [(*event, number) for number, event in enumerate(events)]
    kept = [e for e in numbered if first <= e[2] < last]
    expected = sorted(kept, key=lambda e: e[2])
    found = [
        (int(u), int(i), int(t), int(w), int(n))
        for b in batches
        for u, i, t, w, n in zip(
            b.source, b.target, b.time, b.weight, b.edge, strict=True
        )
    ]
    assert found == expected
    assert len(batches) == len(query) == -(-len(expected) // size)
    assert all(len(b.edge) == size for b in batches[:-1])


@given(EVENTS)
def test_the_label_edge_is_never_inside_its_own_field(events):
    query = graph_of(events).E("click").with_(src=DSG, dst=DSG.flip())
    for b in query:
        for field in (b.src, b.dst):
            for depth in (1, 2):
                edges, mask = field.edge[depth], field.mask[depth]
                own = b.edge.reshape(-1, *[1] * depth)
                clock = b.time.reshape(-1, *[1] * depth)
                assert not ((edges == own) & mask).any()
                assert (field.time[depth] < clock)[mask].all()
                assert (field.dt[depth] > 0)[mask].all()


def test_a_batch_is_the_plans_at_both_ends():
    graph = graph_of(MANY)
    neg = negatives("item", 4, by="degree", power=0.75, avoid="click")
    for b in (
        graph.E("click")
        .shuffle(seed=7)
        .batch(64)
        .with_(src=DSG, dst=DSG.flip(), neg=neg)
    ):
        one = DSG.sample(graph, b.source, b.time)
        other = DSG.flip().sample(graph, b.target, b.time)
        assert all(
            np.array_equal(x, y) for x, y in zip(b.src.ids, one.ids, strict=True)
        )
        assert all(
            np.array_equal(x, y) for x, y in zip(b.dst.edge, other.edge, strict=True)
        )
        assert [len(level.shape) for level in b.src.ids] == [1, 2, 3]
        assert not (b.neg.ids == b.target[:, None]).any()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_size_of_a_batch_and_threads_change_no_bit(monkeypatch, threads):
    plans = {
        "src": hop("click").sample(3, by="w").hop("~click").sample(2, replace=False),
        "dst": walk("~click", "click", times=9, length=2).top(3),
        "neg": negatives("item", 5, by="degree", power=0.75, avoid="click"),
    }
    query = graph_of(MANY).E("click").shuffle(seed=3).with_(**plans)
    whole = next(iter(query))
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: threads)

    parts = list(query.batch(33))

    for name in ("src", "dst"):
        for depth, held in enumerate(getattr(whole, name).ids):
            cut = [getattr(p, name).ids[depth] for p in parts]
            assert np.array_equal(np.concatenate(cut), held)
    assert np.array_equal(np.concatenate([p.neg.ids for p in parts]), whole.neg.ids)


def large() -> Graph:
    """So many edges that blocks of rows go to several threads."""
    rng = np.random.default_rng(5)
    graph = Graph().nodes("user", {"user": np.arange(300)}, key="user")
    graph.nodes("item", {"item": np.arange(200)}, key="item")
    log = {
        "user": rng.integers(0, 300, 12_000),
        "item": rng.integers(0, 200, 12_000),
        "ts": np.sort(rng.integers(0, 10**6, 12_000)),
        # Sums of these depend on their order in the last digits.
        "w": rng.lognormal(0, 3, 12_000),
    }
    named = {"time": "ts", "weight": "w", "time_unit": "s"}
    return graph.edges("click", log, "user -> item", **named)


@pytest.mark.parametrize(("threads", "size"), [(2, 12_000), (8, 12_000), (8, 5_000)])
def test_blocks_that_go_to_several_threads_change_no_bit(monkeypatch, threads, size):
    plans = {
        "recent": hop("click").recent(9).hop("~click").recent(3),
        "weighed": hop("click").sample(3, by="w").hop("~click").importance(2, by="w"),
        "subset": hop("~click").sample(4, replace=False),
        "walked": walk("~click", "click", times=9, length=2).weighted("w").top(3),
        "neg": negatives("item", 5, by="degree", power=0.75, avoid="click"),
    }
    query = large().E("click").shuffle(seed=3).with_(**plans)
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: 1)
    alone = next(iter(query))
    blocks: list[int] = []
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: threads)
    pool = jit._thread_pool

    def counted(wanted: int):
        blocks.append(wanted)
        return pool(wanted)

    monkeypatch.setattr(jit, "_thread_pool", counted)

    parts = list(query.batch(size))

    # Each plan really was spread over threads.
    assert len(blocks) >= len(plans)
    for name in plans:
        held = getattr(alone, name)
        for field in held._fields:
            whole = getattr(held, field)
            found = [getattr(getattr(part, name), field) for part in parts]
            if isinstance(whole, np.ndarray):
                assert np.array_equal(np.concatenate(found), whole)
                continue
            for depth, one in enumerate(whole):
                assert np.array_equal(np.concatenate([f[depth] for f in found]), one)


def test_another_seed_draws_otherwise_and_the_same_seed_the_same():
    def drawn(seed):
        query = graph_of(MANY).E("click").shuffle(seed=seed)
        return next(iter(query.with_(src=hop("click").sample(3)))).src.edge[1]

    assert np.array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))


def test_edges_of_one_source_can_stay_together():
    query = graph_of(MANY).E("click").shuffle(seed=1, together="source")
    batch = next(iter(query))

    changes = int((batch.source[1:] != batch.source[:-1]).sum())
    assert changes == 3
    for user in range(4):
        assert (np.diff(batch.time[batch.source == user]) >= 0).all()
    assert np.array_equal(np.sort(batch.edge), np.arange(200))


def test_edges_can_be_chosen_by_their_features():
    query = graph_of(MANY).E("click").where(pl.col("w") >= 3, pl.col("ts") < 5)
    batch = next(iter(query))

    expected = [n for n, e in enumerate(MANY) if e[3] >= 3 and e[2] < 5]
    assert sorted(batch.edge.tolist()) == expected
    with pytest.raises(RequestError, match="They have: w, ts"):
        graph_of(MANY).E("click").where(pl.col("v") > 1)


def test_a_query_brings_the_same_as_a_batch():
    graph = graph_of(MANY)
    clocks = np.array([5, 7])

    found = graph.V("user", [0, 3]).before(clocks).with_(dsg=DSG).dsg

    expected = DSG.sample(graph, np.array([0, 3], np.int32), clocks)
    assert all(
        np.array_equal(a, b) for a, b in zip(found.ids, expected.ids, strict=True)
    )
    with pytest.raises(RequestError, match="starts from 'item'"):
        graph.V("user", [0]).before(3).with_(dsg=DSG.flip())


def test_the_reverse_of_an_edge_changes_source_and_target():
    one = next(iter(graph_of(MANY).E("click")))
    other = next(iter(graph_of(MANY).E("~click")))

    assert np.array_equal(one.source, other.target)
    assert np.array_equal(one.edge, other.edge)


def test_plans_that_fit_neither_end_are_refused():
    graph = graph_of(MANY)
    graph.nodes("shop", {"shop": [1]}, key="shop")
    graph.edges("sold", {"shop": [1], "item_id": [0]}, "shop -> item_id")
    with pytest.raises(RequestError, match="starts from 'shop'"):
        graph.E("click").with_(x=hop("sold").recent(1))
    with pytest.raises(RequestError, match="a batch has a 'time' already"):
        graph.E("click").with_(time=DSG)
    with pytest.raises(ConfigError, match=r"batch\(0\) holds nothing"):
        graph.E("click").batch(0)
    with pytest.raises(RequestError, match="have no time"):
        graph.E("sold", between=(0, 1))


def test_batches_can_be_handed_to_other_processes():
    batch = next(iter(graph_of(LOG).E("click").with_(src=tg.hop("click").recent(2))))

    queue = multiprocessing.get_context("spawn").SimpleQueue()
    queue.put(batch)
    again = queue.get()

    assert np.array_equal(again.src.ids[1], batch.src.ids[1])
    assert copy.copy(batch)._fields == batch._fields
