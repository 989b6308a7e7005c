"""PinSage's curriculum: n - 1 hard negatives in epoch n, from a window of ranks."""

import numpy as np
import pytest

from tidegraph.catalog import model
from tidegraph.errors import ConfigError
from tidegraph.retrieval import embedding
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import TripletMargin
from tidegraph.retrieval.objective.negatives import (
    Curriculum,
    Mixed,
    PerPair,
    Ranked,
    Shared,
    drawer_of,
)
from tidegraph.retrieval.objective.pairs import Edges
from tidegraph.retrieval.recipes.gnn import pinsage
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws
from tidegraph.training.settings import Training

RANKS = 8, 20
FEW = Training(3, 128, patience=None)


class TestPinSageOfACurriculum(RetrieverLaws):
    variant_of = "TestPinSage"
    retriever = pinsage(3, embedding_size=8, training=FEW, hard_ranks=RANKS)
    seeded_by_row = True  # First weights and samples are drawn row by row.


@pytest.fixture(scope="module")
def pairs():
    return Edges().of(Fold.of(draw_log(), "a test"), "a test")


def ranks_of(pairs, restart=0.15):
    """Items by PageRank from each user, solved densely: (users, items)."""
    users, items = pairs.graph.users, pairs.graph.items
    linked = np.zeros((users + items, users + items))
    linked[pairs.user, users + pairs.item] = 1
    linked += linked.T
    step = linked / linked.sum(axis=1, keepdims=True)
    whole = restart * np.linalg.inv(np.eye(len(step)) - (1 - restart) * step)
    return np.argsort(-whole[:users, users:], axis=1, kind="stable"), linked


def test_each_epoch_has_one_hard_negative_more(pairs):
    negatives, rng = Curriculum(Shared(7), RANKS), np.random.default_rng(0)
    batch = next(pairs.epoch(64, rng))
    drawn = [negatives.at(n).drawer(pairs, rng).draw(batch) for n in range(4)]

    assert drawn[0].node.shape == (7,)
    for n, each in enumerate(drawn[1:], start=1):
        assert each.node.shape == (64, 7 + n)
        assert each.common == 7


def test_a_curriculum_beside_others_goes_on_as_alone(pairs):
    negatives, rng = Mixed((PerPair(2), Curriculum(Shared(7), RANKS))), np.random
    batch = next(pairs.epoch(64, rng.default_rng(0)))

    drawn = [
        drawer_of(negatives, n, pairs, rng.default_rng(1)).draw(batch) for n in range(3)
    ]

    assert [each.node.shape for each in drawn] == [(64, 9), (64, 10), (64, 11)]


def test_a_curriculum_whose_easy_ones_change_changes_them(pairs):
    negatives = Curriculum(Curriculum(Shared(7), RANKS), (2, 8))

    assert negatives.at(0) == Shared(7)
    one = Mixed((Shared(7), Ranked(1, RANKS)))
    assert negatives.at(1) == Mixed((one, Ranked(1, (2, 8))))


def test_training_draws_n_less_one_hard_ones_in_epoch_n(pairs, monkeypatch):
    seen = []

    class Watched(embedding._Pairs):
        def batches(self, epoch, rng):
            for batch in super().batches(epoch, rng):
                own = len(batch.against.node) - batch.against.shared
                seen.append((epoch, batch.against.shared, own / batch.size))
                yield batch

    monkeypatch.setattr(embedding, "_Pairs", Watched)
    loss = TripletMargin(negatives=Curriculum(Shared(7), RANKS))
    Embedding("x", objective=Objective(loss=loss), embedding_size=4, training=FEW).fit(
        draw_log()
    )

    assert set(seen) == {(0, 7, 0), (1, 7, 1), (2, 7, 2)}


def test_hard_negatives_are_of_the_window_and_not_the_users_own(pairs):
    order, linked = ranks_of(pairs)
    users, rng = pairs.graph.users, np.random.default_rng(0)
    drawer = Ranked(2, RANKS).drawer(pairs, rng)
    met = {}
    for _ in range(40):
        for batch in pairs.epoch(64, rng):
            drawn = drawer.draw(batch)
            there = np.ones(drawn.node.shape, bool)
            there[drawn.missing] = False
            for row, user in enumerate(batch.source):
                mine = drawn.node[row][there[row]] - users
                assert len(set(mine.tolist())) == len(mine)
                met.setdefault(int(user), set()).update(mine.tolist())

    same = 0
    for user, found in met.items():
        window = order[user, slice(*RANKS)]
        want = {int(i) for i in window if not linked[user, users + i]}
        assert not any(linked[user, users + i] for i in found)
        # The push stops at small remainders, so ranks at the edges may swap.
        assert len(found ^ want) <= 2
        same += found == want
    assert same > 0.8 * len(met)


def test_how_often_a_hard_negative_is_drawn_is_what_it_says(pairs):
    rng = np.random.default_rng(0)
    drawer = Ranked(3, RANKS).drawer(pairs, rng)
    batch = next(pairs.epoch(32, rng))
    users, items = pairs.graph.users, pairs.graph.items
    everything = np.tile(np.arange(users, users + items), (32, 1))
    count = np.zeros((32, items))
    for _ in range(600):
        drawn = drawer.draw(batch)
        there = np.ones(drawn.node.shape, bool)
        there[drawn.missing] = False
        row, column = np.nonzero(there)
        np.add.at(count, (row, drawn.node[row, column] - users), 1 / 600)

    said = np.exp(drawer.log_count(everything, batch))
    np.testing.assert_allclose(count, said, atol=0.1)
    assert ((count > 0) == (said > 0)).all()


def test_ranks_that_hold_nothing_are_refused(pairs):
    with pytest.raises(ConfigError, match=r"2,000 to 5,000 hold no item.*nearer"):
        Ranked().drawer(pairs, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="5 to 5 hold no item"):
        Curriculum(Shared(3), (5, 5))
    with pytest.raises(ConfigError, match="count is 0"):
        Ranked(0)
    both = Edges(both_ways=True).of(pairs.fold, "a test")
    with pytest.raises(ConfigError, match="not users alone"):
        Ranked(1, RANKS).drawer(both, np.random.default_rng(0))


def test_a_recipe_names_the_ranks():
    table = {"model": "pinsage", "hard_ranks": [20, 50]}

    assert model(table, "recipe.toml", "retrieve") == pinsage(hard_ranks=(20, 50))
