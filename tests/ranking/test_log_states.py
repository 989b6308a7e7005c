"""States of a log, each once for many requests, against those of each batch."""

import logging
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import draw_log
from nn.click.literal_dsgl import DAY, drawn_events
from ranking import test_dsgl
from ranking.test_dsgl_states import KNOWN, MODELS, NOTHING, SMALL, TABLES, log_of
from tidegraph.ego.dedup import unique
from tidegraph.ego.hops import hop
from tidegraph.errors import RequestError
from tidegraph.features.columns import FeatureSet
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.around import Reads
from tidegraph.nn.click import DIB, NGCF, TIEN, LightGCN, NextEvent, TopoLSTM
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.wide import Wide
from tidegraph.ranking import batches, log_states
from tidegraph.ranking.log_states import LogStates
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.ranking.read_side import hop_of_each_side
from tidegraph.ranking.receptive_fields import Reader
from tidegraph.run import Run
from tidegraph.stages import ItemSets, Requests
from tidegraph.testing.rankers import RankerLaws, split_examples
from tidegraph.training.settings import Training
from tidegraph.training.weights import initialised
from tiers import chosen

DEEP = replace(SMALL, user_depth=3, item_depth=3)
PROPAGATED = {
    "LightGCN": LightGCN(4, layers=3, history=3),
    "NGCF": NGCF(4, layers=3, history=3),
    "next event": NextEvent(DEEP),
}


def wide(config, known=NOTHING):
    """The network of a model with weights that nothing forgives."""
    widths = (3, 2) if known.groups else (0, 0)
    items, users = TABLES.item.counts, TABLES.user.counts
    spec = InputSpec(items, users, 1, len(known.event_names), *widths)
    network = initialised(
        lambda: Wide(config.build(spec), 1), np.random.default_rng(0)
    ).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights in network.parameters():
            weights.normal_(std=0.6, generator=generator)
    return network


def requests_of(graph, rng, count=12):
    """Users, some unknown and some with a history in their place, and candidates."""
    user = rng.integers(-1, 6, count).astype(np.int32)
    time = rng.integers(0, 14, count) * DAY
    lent = graph["action"].histories(np.where(user < 0, 0, user), time)
    item = rng.integers(-1, 7, (count, 2)).astype(np.int32)
    return Requests(graph, user, time, lent, ItemSets.none(count)), item


def answered(network, reader, requests, item, log, size=4):
    """The logits of all requests, some at a time."""
    nothing = torch.zeros(size, 1, 2, dtype=torch.int64)
    found = []
    for start in range(0, len(requests), size):
        rows = np.arange(start, start + size)
        inputs = Inputs(
            item=torch.from_numpy(TABLES.item.rows(item[rows])),
            user=torch.from_numpy(TABLES.user.rows(requests.user[rows])),
            numbers=torch.ones(size, 2, 1),
            present=torch.ones(size, 2, dtype=torch.bool),
            step=nothing,
            event=torch.zeros(size, 1, 0),
            cross=torch.zeros(size, 2, 1, 0),
            age=nothing[..., 0],
            real_step=nothing[..., 0] > 0,
        )
        with torch.inference_mode():
            around = reader.around(requests, rows, item[rows], log=log)
            found.append(network.answer(inputs, around))
    return torch.cat(found)


def both_ways(config, events, seed=0, known=NOTHING):
    """The logits by the states of each batch, and by those of the log."""
    rng, network = np.random.default_rng(seed), wide(config, known)
    requests, item = requests_of(Snapshot.of(log_of(events)), rng)
    reader = Reader.of(config.reads(), TABLES, known)
    log = LogStates.of(network, reader, requests, item, 4)
    each = answered(network, reader, requests, item, None)
    return each, answered(network, reader, requests, item, log), log


@pytest.mark.parametrize(
    "name", chosen([*MODELS, *PROPAGATED], "3, 3", "known", "transformer", "NGCF")
)
@pytest.mark.parametrize("events", [2, 40])
def test_answers_are_those_of_the_states_of_each_batch(name, events):
    config = {**MODELS, **PROPAGATED}[name]
    known = KNOWN if name.startswith("known") else NOTHING
    some = drawn_events(np.random.default_rng(events), events)

    each, once, log = both_ways(config, some, events, known)

    assert (log is None) == (name == "1, 0")
    torch.testing.assert_close(once, each, rtol=0, atol=1e-6)


EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 9)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=15)
@given(EVENTS, st.integers(0, 99))
def test_ties_repeats_and_empty_pasts_change_no_answer(events, seed):
    some = sorted(((u, i, t * DAY) for u, i, t in events), key=lambda e: e[2])

    each, once, _ = both_ways(DEEP, some, seed)

    torch.testing.assert_close(once, each, rtol=0, atol=1e-6)


@settings(max_examples=10)
@given(EVENTS, EVENTS, st.integers(0, 10))
def test_no_event_at_or_after_the_clock_changes_what_a_log_says(events, others, clock):
    every = [(u, i, 0) for u in range(5) for i in range(6)]
    past = [(u, i, t * DAY + 1) for u, i, t in events if t < clock]
    network, answers = wide(DEEP), []
    reader = Reader.of(DEEP.reads(), TABLES, NOTHING)
    for later in (events, others):
        future = [(u, i, t * DAY + 1) for u, i, t in later if t >= clock]
        graph = Snapshot.of(log_of(sorted(every + past + future, key=lambda e: e[2])))
        rng = np.random.default_rng(0)
        user, item = np.arange(8, dtype=np.int32) % 5, rng.integers(0, 6, (8, 2))
        requests = Requests.of_users(graph, user, np.full(8, clock * DAY + 1))
        log = LogStates.of(network, reader, requests, item.astype(np.int32), 4)
        answers.append(answered(network, reader, requests, item.astype(np.int32), log))

    assert torch.equal(*answers)


def test_each_state_of_the_log_is_made_once_a_layer(monkeypatch):
    made: dict[tuple[str, int], int] = {}
    whole = Wide.next_layer

    def counted(self, side, number, states, *rest):
        made[side, number] = made.get((side, number), 0) + len(states.node[0])
        return whole(self, side, number, states, *rest)

    monkeypatch.setattr(Wide, "next_layer", counted)
    monkeypatch.setattr(log_states, "BLOCK", 7)
    events = drawn_events(np.random.default_rng(3), 40)

    each, once, _ = both_ways(replace(SMALL, user_depth=3, item_depth=2), events)

    # Of depth (3, 2) items need two layers below the root, and users one.
    assert made.keys() == {("item", 0), ("item", 1), ("user", 0)}
    assert max(made.values()) <= len(events)
    torch.testing.assert_close(once, each, rtol=0, atol=1e-6)


def test_what_is_answered_at_once_or_has_no_layers_is_read_as_it_is():
    graph = Snapshot.of(log_of(drawn_events(np.random.default_rng(0), 20)))
    requests, item = requests_of(graph, np.random.default_rng(0))

    def log_of_model(config, size, reads=None):
        reader = Reader.of(reads or config.reads(), TABLES, NOTHING)
        return LogStates.of(wide(config), reader, requests, item, size)

    assert log_of_model(SMALL, 4) is not None
    assert log_of_model(SMALL, 12) is None
    for config in (TIEN(4, (6,)), DIB(4, (6,)), TopoLSTM(4, (6,))):
        assert log_of_model(config, 4) is None
    uneven = "unique(hop('action').recent(3).hop('~action').recent({}))".format
    item_plan = "unique(hop('~action').recent(3))"
    assert log_of_model(SMALL, 4, Reads(uneven(2), item_plan)) is None
    drawn = "unique(hop('action').recent(3).hop('~action').sample(3))"
    assert log_of_model(SMALL, 4, Reads(drawn, "unique(identity())")) is None


def test_a_hop_is_of_its_side_alone_where_all_take_the_same_of_the_latest():
    there, back = hop("action").recent(4), hop("~action").recent(4)
    whole = unique(there.hop("~action").recent(4).hop("action").recent(4))

    assert hop_of_each_side(whole, unique(back)) == {
        "user": unique(there),
        "item": unique(back),
    }
    for other in (
        hop("~action").recent(3),
        hop("~action").sample(4),
        hop("~action").recent(4).hop("follows").recent(4),
    ):
        assert hop_of_each_side(whole, unique(other)) == {}


def test_more_than_memory_should_hold_is_mapped_from_a_file(monkeypatch, caplog):
    monkeypatch.setattr(log_states, "MOST", 0)
    events = drawn_events(np.random.default_rng(3), 40)

    with caplog.at_level(logging.INFO):
        each, once, log = both_ways(DEEP, events)

    assert isinstance(log.layers["user"][0].base.base, np.memmap)
    torch.testing.assert_close(once, each, rtol=0, atol=1e-6)
    assert "states of events are made, and take 0.00 GiB" in caplog.text


def test_a_file_for_which_there_is_no_room_is_refused_before_any_work(monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(log_states, "MOST", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(Wide, "next_layer", None)

    with pytest.raises(RequestError, match="Let TMPDIR name a folder with more"):
        both_ways(DEEP, drawn_events(np.random.default_rng(3), 40))


@pytest.fixture
def few_at_once(monkeypatch):
    """Requests are answered eight at a time."""
    monkeypatch.setattr(batches, "BLOCK", 8)
    monkeypatch.setattr(batches, "CELLS", 8)


@pytest.mark.usefixtures("few_at_once")
class TestManyBlocks(RankerLaws):
    variant_of = test_dsgl.TestDSGL
    drawn_by_row = True
    ranker = test_dsgl.SHORT


@pytest.mark.usefixtures("few_at_once")
def test_fields_ids_returns_and_strangers_are_read_as_batch_by_batch(monkeypatch):
    log = draw_log(events=700, users=12, items=20)
    rng = np.random.default_rng(0)
    mood = pl.DataFrame({"mood": rng.choice(["gay", "sad"], 700)})
    weight = np.where(rng.random(700) < 0.1, -1, 1).astype(np.float32)
    log = replace(log, context=mood, weight=weight)
    fields = FeatureSet(category="category", fields=("event.mood",), history=3)
    ranker = NeuralRanker(
        replace(DEEP, products=True), fields, training=Training(epochs=1)
    )
    learn, stop, judge = split_examples(log)
    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))
    user = judge.requests.user.copy()
    user[::3] = -1
    requests = replace(judge.requests, user=user)

    once = fitted.score(requests, judge.candidates)
    monkeypatch.setattr(LogStates, "of", lambda *_: None)
    each = fitted.score(requests, judge.candidates)

    assert len(requests) > 8
    np.testing.assert_allclose(once, each, rtol=0, atol=1e-6)
