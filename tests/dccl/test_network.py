"""Eq 19.18 over the whole network: its gradient, and what learns and what does not."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from dccl.clouds import SHORT, fleet, method, model, parts
from tidegraph.data.interactions import interactions
from tidegraph.dccl.cloud_state import CloudState
from tidegraph.dccl.network import NetworkTask, TrainingData
from tidegraph.device.distill import MoMoDistill, Teachers
from tidegraph.device.split import split
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.vectors import FieldVectors, UserVectors
from tidegraph.training.weights import weights_of
from tiers import chosen

BETA, LEVEL = 0.7, 0.3


def training_data(seed=0) -> TrainingData:
    known, log = parts()
    later = log.since(int(known.time[-1]) + 1)
    graph = Snapshot.of(log)
    inputs = fleet().inputs(
        model(), graph, graph.numbered(later), rng=np.random.default_rng(0)
    )
    rng = np.random.default_rng(seed)
    clock = int(np.median(later.time))
    learn = inputs.latest(clock, 20)
    judge = learn & (rng.random(len(learn)) < 0.2)
    learn &= ~judge
    count = int(learn.sum())
    weight = (0.5 + rng.random(count)).astype(np.float32)
    trusted = (rng.random(count) < 0.5).astype(np.float32)
    taught = Teachers(rng.random(count).astype(np.float32), trusted)
    return TrainingData(inputs, learn, judge, weight, taught, clock)


def task(**settings) -> NetworkTask:
    """A task whose one batch holds all rows, ids and all."""
    ranker = model().ranker
    shown = replace(ranker.settings, id_dropout=0.0)
    ranker = replace(ranker, settings=shown, network=copy.deepcopy(ranker.network))
    training = replace(SHORT, batch_size=10**6)
    distill = MoMoDistill(beta=BETA, model=training, **settings)
    return NetworkTask(ranker, training_data(), LEVEL, distill)


def eq_19_18(of: NetworkTask) -> float:
    """Return the loss of the rows that enter the tower, by NumPy."""
    rows = of.data.inputs.rows(of.ranker).where(of.data.learn).rows
    there = torch.ones(len(rows.x), dtype=torch.bool)
    with torch.no_grad():
        tower = split(of.ranker.network).tower
        z = (rows.offset + tower(rows.x, there)).double().numpy() + LEVEL
    y = rows.label.numpy().astype(np.float64)
    assert of.data.taught is not None
    p, trusted = (part.astype(np.float64) for part in of.data.taught)
    q = 1 / (1 + np.exp(-z))
    entropy = -(y * np.log(q) + (1 - y) * np.log(1 - q))
    kl = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    weight = of.data.weight.astype(np.float64)
    return float((weight * (entropy + BETA * trusted * kl)).sum() / weight.sum())


def test_eq_19_18_the_gradient_of_the_whole_network_is_that_of_differences():
    """Along drawn directions of the trunk's weights, and of the tower's."""
    of = task()
    network = of.ranker.network.eval()
    (batch,) = of.batches(0, np.random.default_rng(0))
    loss = of.loss(batch)
    assert abs(loss.item() - eq_19_18(of)) < 1e-5
    network.zero_grad()
    loss.backward()
    tower = {id(weight) for weight in split(network).tower.parameters()}
    rng, step = np.random.default_rng(1), 3e-3

    for inside in (False, True):
        some = [w for w in network.parameters() if (id(w) in tower) == inside]
        assert any(w.grad is not None and bool(w.grad.any()) for w in some)
        for _ in range(4):
            # Where the gradient points, and somewhere else beside.
            with torch.no_grad():
                way = [
                    w.grad / w.grad.norm().clamp(min=1e-9)
                    + 0.3 * torch.from_numpy(rng.normal(size=w.shape)).float()
                    if w.grad is not None
                    else torch.zeros_like(w)
                    for w in some
                ]
                slope = sum(
                    float((w.grad * d).sum())
                    for w, d in zip(some, way, strict=True)
                    if w.grad is not None
                )
                ends = []
                for sign in (1, -2, 1):
                    for w, d in zip(some, way, strict=True):
                        w += sign * step * d
                    ends.append(eq_19_18(of))

            assert abs(slope) > 1e-2
            difference = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(slope, difference, rtol=0.02)


def test_every_row_is_learnt_from_once_an_epoch_and_no_other():
    of = task()
    small = replace(of.settings, model=replace(SHORT, batch_size=50))
    of = replace(of, settings=small)
    batches = list(of.batches(0, np.random.default_rng(0)))

    assert len(batches) > 5
    weight = torch.cat([batch.weight.flatten() for batch in batches])
    teacher = torch.cat([batch.teacher.flatten() for batch in batches])
    there = weight > 0
    assert of.data.taught is not None
    pairs = zip(of.data.weight, of.data.taught.probability, strict=True)
    found = zip(weight[there].numpy(), teacher[there].numpy(), strict=True)
    assert sorted(found) == sorted(pairs)


def test_ids_are_hidden_from_a_batch_as_the_ranker_s_own_training_does():
    of = task()
    hiding = replace(of.ranker.settings, id_dropout=0.6)
    hidden = replace(of, ranker=replace(of.ranker, settings=hiding))
    (plain,) = of.batches(0, np.random.default_rng(0))
    (batch,) = hidden.batches(0, np.random.default_rng(0))

    def known(inputs):
        return float((inputs.item[..., 0] > 0).float().mean())

    assert 0.2 < known(batch.inputs) / known(plain.inputs) < 0.6


@pytest.fixture(scope="module")
def clouds():
    def learnt(learns):
        distill = MoMoDistill(model=SHORT, patches=SHORT, learns=learns)
        return method(rounds=2, distill=distill).fit(parts()[1], model(), fleet())

    before = {n: a.copy() for n, a in weights_of(model().ranker.network).items()}
    found = {learns: learnt(learns) for learns in ("network", "tower")}
    # Whatever a cloud learns, the pipeline that it began from stays as it was.
    for name, array in weights_of(model().ranker.network).items():
        assert np.array_equal(before[name], array), name
    return found


def test_of_the_tower_alone_nothing_of_the_trunk_changes(clouds):
    after = clouds["tower"].personal.after

    assert after.version >= 1
    assert after.ranker is model().ranker
    first = CloudState.first(model().ranker, fleet().patch, 1, np.random.default_rng(0))
    own, old = (weights_of(one.head.f) for one in (after, first))
    assert not np.array_equal(own["last.weight"], old["last.weight"])


def test_of_the_network_trunk_and_tower_change_and_the_head_has_its_tower(clouds):
    after = clouds["network"].personal.after
    trunk, tower = split(after.ranker.network)

    assert after.version >= 1
    old = weights_of(split(model().ranker.network).trunk)
    changed = [
        name
        for name, array in weights_of(trunk).items()
        if array.shape != old[name].shape or not np.array_equal(array, old[name])
    ]
    assert any("item" in name for name in changed)
    for name, array in weights_of(tower).items():
        assert np.array_equal(array, weights_of(after.head.f)[name]), name


def newcomers():
    """What happened after the training, some of it by and with new ones."""
    known, log = parts()
    later = log.since(int(known.time[-1]) + 1)
    sides = []
    for nodes, row in ((later.users, later.user), (later.items, later.item)):
        ids, new = nodes.ids.to_numpy()[row], row % 3 == 0
        sides.append(np.where(new, [f"new {one}" for one in ids], ids))
    return interactions(*sides, later.time)


@pytest.mark.parametrize("rounds", chosen({"one": 1, "three": 3}, "three"))
def test_who_came_after_the_training_has_a_vector_as_soon_as_a_round_knows(rounds):
    distill = MoMoDistill(model=SHORT, patches=SHORT)
    # Nobody judges, so every round is published.
    cloud = method(rounds=rounds, distill=distill, aside=0.0).fit(
        newcomers(), model(), fleet()
    )
    after, before = cloud.personal.after, model().ranker
    graph, tables = cloud.pipeline.graph, after.ranker.tables

    assert after.version == rounds
    spares = []
    for side, kind, old in (
        (tables.user, UserVectors, before.tables.user),
        (tables.item, FieldVectors, before.tables.item),
    ):
        (table,) = (
            part.tables[0].weight
            for part in after.ranker.network.modules()
            if type(part) is kind
        )
        name = "user" if kind is UserVectors else "item"
        assert side.known == len(graph.typed(name).vocabulary) > old.known
        assert len(table) == 1 + side.known + side.spare
        new, spare = table[old.known + 1 : side.known + 1], table[side.known + 1 :]
        assert (new != table[0]).any(dim=1).float().mean() > 0.8
        spares.append(len(spare))
        # What stands for nobody is what the unknown one was, and nothing has moved it.
        assert torch.equal(spare, spare[:1].expand_as(spare))
    assert any(spares)


def test_a_round_knows_nobody_who_came_after_it():
    inputs = training_data().inputs
    graph, times = inputs.examples.requests.graph, inputs.time
    for clock in np.quantile(times, [0.2, 0.5, 0.9]).astype(np.int64):
        for kind, found in zip(("item", "user"), inputs.nodes(int(clock)), strict=True):
            log = parts()[1].before(int(clock))
            rows = getattr(graph, f"{kind}s").encode(getattr(log, f"{kind}s").ids)
            assert found == rows[getattr(log, kind)].max() + 1
