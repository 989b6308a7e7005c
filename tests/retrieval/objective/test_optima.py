"""What losses of pairs are least at, where every score is free.

As many numbers as users let a product be any table of scores. Each user's items come as
often as a table says, and an epoch holds each event once, so that nothing is left to
chance but the order.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import InfoNCE, SampledSoftmax
from tidegraph.retrieval.objective.negatives import InBatch, Shared
from tidegraph.retrieval.objective.pairs import Positives
from tidegraph.stages import Fold
from tidegraph.training.optimizers import Adam
from tidegraph.training.schedules import HalfCosine
from tidegraph.training.settings import Training
from tidegraph.training.weights import shuffled_batches, tensor
from tiers import chosen

USERS, ITEMS = 4, 48
TRAINING = Training(30, 240, Adam(0.2), HalfCosine(), patience=None, average=0.95)


def table():
    """Events of each user with each item: some items are popular, tastes differ."""
    rng = np.random.default_rng(0)
    weight = np.exp(rng.normal(0, 0.8, ITEMS) + rng.normal(0, 0.8, (USERS, ITEMS)))
    return np.ceil(600 * weight / weight.sum(axis=1, keepdims=True)).astype(np.int64)


@dataclass(frozen=True)
class Counted:
    """Pairs that come as often as in a table."""

    def of(self, fold, method):
        return _Counted(fold)


@dataclass(frozen=True, eq=False)
class _Counted:
    fold: Fold

    @cached_property
    def ends(self):
        user, item = np.divmod(np.arange(USERS * ITEMS), ITEMS)
        times = table().ravel()
        return np.repeat(user, times), np.repeat(item, times)

    @cached_property
    def graph(self):
        return GraphInputs.bipartite(USERS, ITEMS, *map(tensor, self.ends))

    @property
    def frequency(self):
        return np.concatenate([np.zeros(USERS), table().sum(axis=0)])

    def epoch(self, size, rng):
        user, item = self.ends
        for rows in shuffled_batches(len(user), size, rng):
            yield Positives(user[rows], item[rows] + USERS)


def scores(loss):
    """The score of every user and item where the loss is least."""
    names = [(f"u{u}", f"i{i}") for u in range(USERS) for i in range(ITEMS)]
    log = tg.interactions(*zip(*names, strict=True), range(len(names)))
    objective = Objective(Counted(), loss)
    method = Embedding(
        "Table", objective=objective, embedding_size=USERS, training=TRAINING
    )
    fitted = method.fit(log)
    return fitted.user @ fitted.item.T


def centred(values):
    return values - values.mean(axis=1, keepdims=True)


def likelihood():
    return centred(np.log(table() / table().sum(axis=1, keepdims=True)))


def popularity():
    return centred(np.log(table().sum(axis=0) / table().sum())[None, :])


def shares(loss):
    """How much of log p(item | user) and of log q(item) is in the scores, and the rest.

    A constant of each user, which orders nothing, is taken off everything.
    """
    found = centred(scores(loss)).ravel()
    parts = np.stack([likelihood(), np.tile(popularity(), (USERS, 1))], axis=-1)
    parts = parts.reshape(-1, 2)
    share = np.linalg.lstsq(parts, found)[0]
    return share, np.std(found - parts @ share)


@pytest.mark.parametrize(
    "kind", chosen({"batch": InBatch(), "shared": Shared(480, 1.0)}, "batch")
)
def test_info_nce_is_least_at_the_likelihood_over_popularity(kind):
    share, rest = shares(InfoNCE(None, kind))

    np.testing.assert_allclose(share, [1, -1], atol=0.08)
    assert rest < 0.1


@pytest.mark.parametrize(
    "kind", chosen({"batch": InBatch(), "shared": Shared(480)}, "batch")
)
def test_sampled_softmax_is_least_at_the_likelihood(kind):
    share, rest = shares(SampledSoftmax(None, kind))

    np.testing.assert_allclose(share, [1, 0], atol=0.08)
    assert rest < 0.1


def test_both_tables_are_far_from_flat():
    """So neither of the two can stand for the other, nor for nothing."""
    assert likelihood().std() > 0.9
    assert popularity().std() > 0.5
