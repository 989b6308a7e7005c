"""Negatives are drawn as their distributions say, and say how often they are drawn."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

import tidegraph as tg
from conftest import draw_log
from tidegraph.errors import ConfigError
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import InfoNCE, SampledSoftmax
from tidegraph.retrieval.objective.negatives import (
    Drawer,
    Drawn,
    InBatch,
    Mixed,
    PerPair,
    Planned,
    Queue,
    Shared,
)
from tidegraph.retrieval.objective.negatives.linked import Linked
from tidegraph.retrieval.objective.pairs import Edges, Positives
from tidegraph.run import Run
from tidegraph.stages import Fold
from tidegraph.training.settings import Training
from tiers import chosen


@pytest.fixture(scope="module")
def pairs():
    return Edges().of(Fold.of(draw_log(), "a test"), "a test")


@dataclass(frozen=True)
class ByRows:
    """A mixture with a row of its own for each pair."""

    mixed: Mixed

    def drawer(self, pairs, rng):
        return _ByRows(self.mixed.drawer(pairs, rng))


@dataclass(frozen=True)
class _ByRows:
    drawer: Drawer

    def draw(self, batch):
        drawn = self.drawer.draw(batch)
        assert drawn.common == 5 + len(batch.source)
        return drawn._replace(common=0)

    def log_count(self, node, batch):
        return self.drawer.log_count(node, batch)


@dataclass(frozen=True)
class Given:
    """Negatives of one's own that are all there: the first three nodes."""

    def drawer(self, pairs, rng):
        return self

    def draw(self, batch):
        return Drawn(np.arange(3), np.zeros(1))

    def log_count(self, node, batch):
        return np.zeros(1)


def first(pairs, size=32):
    return next(iter(pairs.epoch(size, np.random.default_rng(1))))


def counted(drawer, batch, draws, nodes):
    """How often each node is drawn for a pair of the batch on average."""
    total = np.zeros((len(batch.source), nodes))
    for _ in range(draws):
        drawn = drawer.draw(batch)
        node = np.broadcast_to(drawn.node, (len(batch.source), drawn.node.shape[-1]))
        for row, of_row in enumerate(node):
            np.add.at(total[row], of_row, 1)
        if drawn.missing is not None:
            np.add.at(total, (drawn.missing[0], node[drawn.missing]), -1)
    return total / draws


def noise_of_pairs(count, power):
    return PerPair(count, power, linked=True)


class Stops:
    """A monitor that interrupts a training after its second epoch."""

    def epoch(self, number, loss, metric):
        if number == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("power", chosen({"0": 0.0, "0.75": 0.75}, "0.75"))
@pytest.mark.parametrize("kind", [Shared, PerPair, noise_of_pairs])
def test_nodes_come_as_often_as_log_q_says(pairs, kind, power):
    batch = Positives(*(side[:2] for side in first(pairs)))
    drawer = kind(6, power).drawer(pairs, np.random.default_rng(0))

    found = counted(drawer, batch, 4000, pairs.graph.nodes)

    for row in range(2):
        node = np.flatnonzero(found[row])
        expected = np.exp(drawer.log_count(np.tile(node, (2, 1)), batch))
        expected = np.broadcast_to(expected, (2, len(node)))[row]
        np.testing.assert_allclose(found[row, node], expected, rtol=0.25)
        assert batch.target[row] not in node
        assert np.all(node >= pairs.graph.users)


def test_negatives_of_a_pair_are_no_items_of_its_user(pairs):
    batch = first(pairs)
    drawn = PerPair(50).drawer(pairs, np.random.default_rng(0)).draw(batch)
    edges = set(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))

    kept = np.ones(drawn.node.shape, bool)
    kept[drawn.missing] = False

    items = drawn.node - pairs.graph.users
    for row, user in enumerate(batch.source):
        for item in items[row][kept[row]]:
            assert (int(user), int(item)) not in edges


def test_negatives_that_may_be_linked_are_but_are_never_the_target(pairs):
    batch = first(pairs)
    kind = PerPair(50, linked=True)
    drawn = kind.drawer(pairs, np.random.default_rng(0)).draw(batch)
    edges = set(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))

    kept = np.ones(drawn.node.shape, bool)
    kept[drawn.missing] = False

    assert not (drawn.node[kept] == np.repeat(batch.target, kept.sum(axis=1))).any()
    user = np.repeat(batch.source, 50).tolist()
    item = (drawn.node - pairs.graph.users).ravel().tolist()
    assert edges.intersection(zip(user, item, strict=True))


def test_linked_nodes_are_those_of_any_order_of_edges(pairs):
    graph = pairs.graph
    end = (graph.row == graph.row[-1]).sum()
    column = torch.cat([graph.column[:-end], graph.column[-end:].flip(0)])
    turned = Linked.of(graph._replace(column=column)).rows

    np.testing.assert_array_equal(turned.column, Linked.of(graph).rows.column)
    assert end > 1


def test_a_user_of_every_item_has_no_negative():
    log = tg.interactions(["a", "a", "a", "b"], ["x", "y", "z", "x"], range(4))
    pairs = Edges().of(Fold.of(log, "a test"), "a test")
    batch = Positives(np.array([0]), np.array([2]))

    drawn = PerPair(4).drawer(pairs, np.random.default_rng(0)).draw(batch)

    np.testing.assert_array_equal(drawn.missing[1], np.arange(4))


def test_those_in_the_batch_are_its_other_targets(pairs):
    batch = first(pairs)

    drawn = InBatch().drawer(pairs, np.random.default_rng(0)).draw(batch)

    np.testing.assert_array_equal(drawn.node, batch.target)
    row, column = np.nonzero(batch.target[:, None] == batch.target[None, :])
    np.testing.assert_array_equal(np.sort(drawn.missing[0]), np.sort(row))
    assert set(zip(*drawn.missing, strict=True)) == set(zip(row, column, strict=True))


@pytest.mark.parametrize("loss", [SampledSoftmax, InfoNCE])
def test_a_batch_of_one_pair_has_no_other_and_is_learnt_from(pairs, loss):
    training = Training(2, len(pairs) - 1, patience=None)
    objective = Objective(loss=loss(0.2, InBatch()))

    fitted = Embedding(objective=objective, embedding_size=6, training=training).fit(
        pairs.fold.log
    )

    assert np.isfinite(fitted.item).all()
    assert np.isfinite(fitted.curve.loss).all()


def test_a_queue_holds_the_targets_of_batches_before(pairs):
    drawer = Queue(40).drawer(pairs, np.random.default_rng(0))
    batches = list(pairs.epoch(16, np.random.default_rng(2)))[:5]

    held = [drawer.draw(batch) for batch in batches]

    before = np.concatenate([held[0].node, *(batch.target for batch in batches)])
    for n, drawn in enumerate(held):
        np.testing.assert_array_equal(drawn.node, before[16 * n :][:40])
        share = pairs.frequency / pairs.frequency.sum()
        np.testing.assert_allclose(np.exp(drawn.log_q), 40 * share[drawn.node])


def test_a_queue_begins_with_targets_by_popularity(pairs):
    rng, batch = np.random.default_rng(0), first(pairs)
    begun = [Queue(500).drawer(pairs, rng).draw(batch).node for _ in range(40)]

    found = np.bincount(np.concatenate(begun), minlength=pairs.graph.nodes)

    share = pairs.frequency / pairs.frequency.sum()
    np.testing.assert_allclose(found / found.sum(), share, atol=0.006)
    assert share.max() - share[share > 0].min() > 0.02


def test_a_log_of_one_batch_learns_from_a_queue(pairs):
    def vectors(epochs):
        training = Training(epochs, len(pairs), patience=None)
        objective = Objective(loss=InfoNCE(0.2, Queue(64)))
        method = Embedding(objective=objective, embedding_size=6, training=training)
        return method.fit(pairs.fold.log).item

    assert np.abs(vectors(1) - vectors(3)).max() > 1e-3


def test_a_training_with_a_queue_that_was_stopped_ends_with_the_same_bits(
    pairs, tmp_path
):
    objective = Objective(loss=InfoNCE(0.2, Queue(64)))
    training = Training(4, 100, patience=None)
    method = Embedding(objective=objective, embedding_size=6, training=training)
    run = {"rng": np.random.default_rng(0), "checkpoints": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):
        method.fit(pairs.fold.log, run=Run(**run, monitor=Stops()))

    resumed = method.fit(pairs.fold.log, run=Run(**run))

    whole = method.fit(pairs.fold.log, run=Run(np.random.default_rng(0)))
    np.testing.assert_array_equal(resumed.item, whole.item)


def test_a_mixture_is_drawn_as_often_as_its_parts_together(pairs):
    batch = first(pairs)
    rng = np.random.default_rng(0)
    drawer = Mixed((Shared(8), InBatch())).drawer(pairs, rng)

    drawn = drawer.draw(batch)

    assert drawn.node.shape == (8 + len(batch.source),)
    popular = InBatch().drawer(pairs, rng).draw(batch)
    share = pairs.frequency / pairs.frequency.sum()
    uniform = 8 / np.count_nonzero(pairs.frequency)
    expected = uniform + (len(batch.source) - 1) * share[drawn.node]
    np.testing.assert_allclose(np.exp(drawn.log_q), expected)
    assert len(drawn.missing[0]) >= len(popular.missing[0])


def test_a_mixture_counts_no_draw_that_a_part_never_makes(pairs):
    """Those of ``PerPair`` are no items of the user, and those of ``Shared`` may be."""
    batch = Positives(*(side[:2] for side in first(pairs)))
    drawer = Mixed((PerPair(6), Shared(6))).drawer(pairs, np.random.default_rng(0))

    found = counted(drawer, batch, 4000, pairs.graph.nodes)

    for row in range(2):
        node = np.flatnonzero(found[row])
        said = np.exp(drawer.log_count(np.tile(node, (2, 1)), batch))[row]
        np.testing.assert_allclose(found[row, node], said, rtol=0.25)
        assert said.max() > 1.5 * said.min()


def test_a_plan_in_a_mixture_is_counted_by_its_own_draws(pairs):
    planned = Planned(tg.negatives("item", 5, via="action"))
    drawer = Mixed((planned, Shared(100))).drawer(pairs, np.random.default_rng(0))
    alive = np.count_nonzero(pairs.frequency)

    drawn = drawer.draw(first(pairs))

    assert drawn.node.shape[1] == 105
    np.testing.assert_allclose(np.exp(drawn.log_q), 5 / (alive - 1) + 100 / alive)


def test_a_mixture_of_parts_that_miss_nothing_misses_nothing(pairs):
    rng = np.random.default_rng(0)
    drawn = Mixed((Given(), Given())).drawer(pairs, rng).draw(first(pairs))

    assert drawn.node.shape == (6,)
    assert not len(drawn.missing[0])


def test_a_mixture_trains_alike_however_its_parts_are_held(pairs):
    """What all pairs share is held once, and costs what a row for each would cost."""
    kind = Mixed((PerPair(3), Shared(5), InBatch()))
    rows = ByRows(kind)
    training = Training(2, 16, patience=None)

    def vectors(negatives):
        objective = Objective(loss=SampledSoftmax(0.2, negatives))
        method = Embedding(objective=objective, embedding_size=6, training=training)
        return method.fit(pairs.fold.log).item

    np.testing.assert_allclose(vectors(kind), vectors(rows), rtol=1e-4, atol=1e-6)


def test_a_plan_draws_items_that_were_there_at_the_time_of_the_pair(pairs):
    plan = tg.negatives("item", 5, avoid="action")
    drawer = Planned(plan).drawer(pairs, np.random.default_rng(0))
    log, users = pairs.fold.log, pairs.graph.users
    born = {}
    for item, time in zip(log.item, log.time, strict=True):
        born.setdefault(int(item), int(time))
    batch = first(pairs)

    drawn = drawer.draw(batch)

    kept = np.ones(drawn.node.shape, bool)
    kept[drawn.missing] = False
    assert kept.any()
    for row, time in enumerate(batch.time):
        for item in drawn.node[row][kept[row]] - users:
            assert born[int(item)] < time


def test_a_plan_that_starts_elsewhere_is_refused(pairs):
    plan = tg.negatives("user", 5, avoid="~action")

    with pytest.raises(ConfigError, match="starts from 'item'"):
        Planned(plan).drawer(pairs, np.random.default_rng(0))


def test_a_plan_that_draws_users_for_items_is_refused(pairs):
    plan = tg.hard(tg.walk("action", "~action", times=9).top(5), 2, ranks=(0, 5))

    with pytest.raises(ConfigError, match="draws nodes of type 'user'"):
        Planned(plan).drawer(pairs, np.random.default_rng(0))


def test_a_plan_for_pairs_whose_sources_are_not_users_alone_is_refused(pairs):
    both = Edges(both_ways=True).of(pairs.fold, "a test")
    plan = tg.negatives("item", 5, avoid="action")

    with pytest.raises(ConfigError, match="not users alone"):
        Planned(plan).drawer(both, np.random.default_rng(0))
