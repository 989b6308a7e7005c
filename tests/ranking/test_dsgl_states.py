"""DSGL over unique states, against its equations taken one sample at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.click.literal_dsgl import DAY, Literal, drawn_events
from tidegraph.data.interactions import interactions
from tidegraph.errors import ConfigError
from tidegraph.features.columns import Features
from tidegraph.features.tables import Side, Tables
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.around import Reads
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.ranking.receptive_fields import Reader
from tidegraph.stages import ItemSets, Requests
from tidegraph.training.weights import initialised
from tiers import chosen

KINDS = np.array([0, 1, 0, -1, 1, 0], np.int32)
TABLES = Tables(Side(5, (2,), KINDS[:, None] + 1), Side(4))
"""The last item and the last user of a full log are unknown."""


class Known(Features):
    """Inputs of events that a loop knows: they depend on user and time alone."""

    @property
    def event_names(self):
        return ("a", "b") if "events" in self.groups else ()

    def of_events(self, past):
        days = (past.clock + past.base) / DAY
        each = [np.sin(past.user + days), np.cos(2 * past.user - days)]
        return np.stack(each, axis=1).astype(np.float32)


def known_of(*groups):
    none = np.zeros(0, np.float32)
    return Known(groups, (), KINDS, none, none, np.zeros((2, 0), np.float32))


KNOWN, NOTHING = known_of("events", "cross"), known_of()
SMALL = DSGL(4, (6,), history=3)
MODELS = {
    "2, 1": SMALL,
    "1, 0": replace(SMALL, user_depth=1, item_depth=0),
    "0, 2": replace(SMALL, user_depth=0, item_depth=2),
    "1, 3": replace(SMALL, user_depth=1, item_depth=3),
    "3, 2": replace(SMALL, user_depth=3, item_depth=2),
    "3, 3": replace(SMALL, user_depth=3, item_depth=3),
    "gru": replace(SMALL, layer=SequenceLayer("gru", time_base=3.0)),
    "no encoder": replace(SMALL, layer=SequenceLayer("none")),
    "time-lstm": replace(SMALL, layer=SequenceLayer("time_lstm")),
    "transformer": replace(SMALL, layer=SequenceLayer("transformer", residual=True)),
    "dual": replace(SMALL, item_depth=2, layer=SequenceLayer(attention="dual")),
    "gat": replace(SMALL, item_depth=2, layer=SequenceLayer(attention="gat")),
    "no attention": replace(SMALL, layer=SequenceLayer(attention="none")),
    "no time of users": replace(SMALL, layer=SequenceLayer(time="item")),
    "no time of items": replace(SMALL, layer=SequenceLayer(time="user", buckets=3)),
    "no time": replace(SMALL, layer=SequenceLayer(time="none", heads=4)),
    "neither": replace(SMALL, layer=SequenceLayer("none", time="none")),
    "last layer": replace(SMALL, item_depth=2, combine=False),
    "known": replace(SMALL, user_depth=3, item_depth=2, products=True),
    "known, residual": replace(SMALL, layer=SequenceLayer(residual=True)),
    "known, dual": replace(SMALL, layer=SequenceLayer("gru", "dual")),
    "known, no attention": replace(SMALL, layer=SequenceLayer(attention="none")),
}


def log_of(events):
    """A log whose rows of users and items are the numbers of the events."""
    return interactions(
        [f"u{u}" for u, _, _ in events],
        [f"i{i}" for _, i, _ in events],
        np.array([t for _, _, t in events], np.int64),
    )


def numbered(events):
    """The graph of some events, and the events by its rows."""
    log = log_of(events)
    rows = zip(log.user.tolist(), log.item.tolist(), log.time.tolist(), strict=True)
    return Snapshot.of(log), list(rows)


def network(config, known=NOTHING):
    items, users = TABLES.item.counts, TABLES.user.counts
    widths = (3, 2) if known.groups else (0, 0)
    spec = InputSpec(items, users, 2, len(known.event_names), *widths)
    net = initialised(lambda: config.build(spec), np.random.default_rng(0)).eval()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for weights in net.parameters():
            weights.normal_(std=0.6, generator=generator)
    return net.double()


def doubled(states):
    age, event = (tuple(a.double() for a in part) for part in states[3:5])
    return states._replace(age=age, event=event)


def answered(net, config, graph, user, item, time, known=NOTHING):
    """Logits of every candidate of every request, and the numbers that they got."""
    reader = Reader.of(config.reads(), TABLES, known)
    requests = Requests.of_users(graph, np.array(user, np.int32), np.array(time))
    item = np.array(item, np.int32)
    around = reader.around(requests, np.arange(len(user)), item)
    around = around._replace(
        user=doubled(around.user),
        item=doubled(around.item),
        cross=around.cross.double(),
        back=around.back.double(),
    )
    numbers = torch.from_numpy(np.random.default_rng(5).normal(size=(*item.shape, 2)))
    nothing = torch.zeros(len(user), 1, 2, dtype=torch.int64)
    inputs = Inputs(
        item=torch.from_numpy(TABLES.item.rows(item)),
        user=torch.from_numpy(TABLES.user.rows(requests.user)),
        numbers=numbers,
        present=torch.ones(item.shape, dtype=torch.bool),
        step=nothing,
        event=torch.zeros(len(user), 1, 0),
        cross=torch.zeros(*item.shape, 1, 0),
        age=nothing[..., 0],
        real_step=nothing[..., 0] > 0,
    )
    return net(inputs, around), numbers


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", chosen({"few": 0, "many": 1}, "few"))
def test_unique_states_are_the_equations_sample_by_sample(name, seed):
    config, rng = MODELS[name], np.random.default_rng(seed)
    graph, events = numbered(drawn_events(rng, 30 if seed else 12))
    known = KNOWN if name.startswith("known") else NOTHING
    net = network(config, known)
    # A known user, one without row, one beyond; items beyond, none, twice the same.
    user, time = [0, 1, -1, 9], [12 * DAY, 5 * DAY, 9 * DAY, 12 * DAY]
    item = [[0, 3], [2, 2], [1, 7], [4, -1]]

    found, numbers = answered(net, config, graph, user, item, time, known)
    found.sum().backward()
    grads = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    literal = Literal(net, config, TABLES, events)
    expected = torch.stack(
        [
            literal.logit(user[b], item[b][k], time[b], numbers[b, k])
            for b in range(4)
            for k in range(2)
        ]
    ).reshape(4, 2)
    expected.sum().backward()
    others = [p.grad for p in net.parameters() if p.grad is not None]

    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert len(others) <= len(grads)
    for one, other in zip(
        # A bias of all keys moves nothing, but for rounding.
        [g for g in grads if g.abs().sum() > 1e-10],
        [g for g in others if g.abs().sum() > 1e-10],
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 9)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=10)
@given(EVENTS, EVENTS, st.integers(0, 10))
def test_no_event_at_or_after_the_clock_changes_a_bit(events, others, clock):
    config = replace(SMALL, user_depth=3, item_depth=2)
    net = network(config)
    every = [(u, i, 0) for u in range(5) for i in range(6)]
    past = [(u, i, t * DAY + 1) for u, i, t in events if t < clock]
    answers = []
    for later in (events, others):
        future = [(u, i, t * DAY + 1) for u, i, t in later if t >= clock]
        graph, _ = numbered(sorted(every + past + future, key=lambda e: e[2]))
        when = [clock * DAY + 1] * 3
        with torch.no_grad():
            found, _ = answered(
                net, config, graph, [0, 3, -1], [[0, 1], [5, 2], [3, 4]], when
            )
        answers.append(found)

    assert torch.equal(*answers)


def test_each_state_is_there_once():
    graph, events = numbered(drawn_events(np.random.default_rng(3), 40))
    reader = Reader.of(replace(SMALL, user_depth=3).reads(), TABLES, NOTHING)
    user = np.array([0, 1, 0, 2, 3], np.int32)
    requests = Requests.of_users(graph, user, np.full(5, 12 * DAY))
    item = np.array([[0, 1, 2]] * 5, np.int32)

    around = reader.around(requests, np.arange(5), item)

    # Five requests at one moment have three candidates between them.
    assert len(around.item.node[0]) == 3
    assert around.seat.tolist() == [[0, 1, 2]] * 5
    for states in around.user.node[1:]:
        assert len(states) <= len(events)


def test_somebody_with_a_history_is_read_as_a_user_who_has_it():
    graph, _ = numbered(drawn_events(np.random.default_rng(4), 40))
    user = Requests.of_users(graph, np.array([0], np.int32), np.array([12 * DAY]))
    stranger = replace(user, user=np.array([-1], np.int32))
    nobody = graph["action"].histories(np.array([-1], np.int32), user.time)
    reader = Reader.of(SMALL.reads(), TABLES, NOTHING)
    item = np.array([[0, 1, 2]], np.int32)
    found = [
        reader.around(requests, np.array([0]), item)
        for requests in (user, stranger, replace(stranger, history=nobody))
    ]

    for one, other in zip(found[0].user.child, found[1].user.child, strict=True):
        assert torch.equal(one, other)
    for one, other in zip(found[0].user.node[1:], found[1].user.node[1:], strict=True):
        assert torch.equal(one, other)
    assert (found[2].user.child[0] < 0).all()


def test_some_of_the_requests_are_read_as_they_are_among_all():
    graph, _ = numbered(drawn_events(np.random.default_rng(4), 40))
    reader = Reader.of(SMALL.reads(), TABLES, NOTHING)
    user = np.array([-1, 0, -1, 2], np.int32)
    history = graph["action"].histories(
        np.array([3, 0, 1, 2], np.int32), np.full(4, 12 * DAY)
    )
    requests = Requests(graph, user, np.full(4, 12 * DAY), history, ItemSets.none(4))
    item = np.array([[0, 1]] * 4, np.int32)
    whole = reader.around(requests, np.arange(4), item).user
    part = reader.around(requests, np.array([2, 1]), item[:2]).user

    def pasts(states, row):
        place = states.child[0][row]
        return states.node[1][place[place >= 0]].tolist(), states.age[0][row].tolist()

    assert pasts(part, 0) == pasts(whole, 2)
    assert pasts(part, 1) == pasts(whole, 1)


def test_a_plan_without_unique_states_is_refused():
    plans = Reads("hop('action').recent(2)", "unique(identity())")
    with pytest.raises(ConfigError, match="has no unique states"):
        Reader.of(plans, TABLES, NOTHING)
