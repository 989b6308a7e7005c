"""LightGCN trains as a dense reference does, from the same start and samples."""

import numpy as np

from tidegraph.retrieval.embedding import _Pairs
from tidegraph.retrieval.objective.pairs import Edges
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

LAYERS, RATE, L2, BATCH = 3, 5e-3, 1e-2, 64


def dense_epoch(first, user, item, batches):
    """He et al. (2020), equations 3, 4, 15 and Adam, with matrices and by hand."""
    a = np.zeros((len(first), len(first)))
    a[user, item] = a[item, user] = 1
    root = np.sqrt(np.maximum(a.sum(axis=1), 1))
    a = a / root[:, None] / root
    powers = [np.linalg.matrix_power(a, k) for k in range(LAYERS + 1)]
    spread = np.mean(powers, axis=0)
    mean, square, losses = np.zeros_like(first), np.zeros_like(first), []
    for step, nodes in enumerate(batches, start=1):
        u, i, j = nodes
        e = spread @ first
        gap = (e[u] * (e[i] - e[j])).sum(axis=1)
        own = first[nodes.ravel()]
        losses.append(np.log1p(np.exp(-gap)).mean() + L2 / 2 * (own**2).sum() / len(u))
        slope = (-1 / (1 + np.exp(gap)) / len(u))[:, None]
        grad = np.zeros_like(first)
        np.add.at(grad, u, slope * (e[i] - e[j]))
        np.add.at(grad, i, slope * e[u])
        np.add.at(grad, j, -slope * e[u])
        grad = spread.T @ grad
        np.add.at(grad, nodes.ravel(), L2 * own / len(u))
        mean = 0.9 * mean + 0.1 * grad
        square = 0.999 * square + 0.001 * grad**2
        root = np.sqrt(square / (1 - 0.999**step)) + 1e-8
        first = first - RATE * mean / (1 - 0.9**step) / root
    return losses, spread @ first


def test_an_epoch_of_the_recipe_is_that_of_a_dense_reference(monkeypatch):
    """By the loop and the optimiser that fit it, to the vectors that answer."""
    begun, batches, found = [], [], []
    made, lost = _Pairs.of, _Pairs.loss

    def watched_start(*given):
        task = made(*given)
        begun.append(task.module.first.own.weight.detach().numpy().astype(float))
        return task

    def watched_loss(self, batch):
        loss = lost(self, batch)
        batches.append(batch.nodes.numpy().reshape(3, -1))
        found.append(loss.item())
        return loss

    monkeypatch.setattr(_Pairs, "of", watched_start)
    monkeypatch.setattr(_Pairs, "loss", watched_loss)
    log = draw_log(events=900)
    training = Training(1, BATCH, Adam(RATE), patience=None)
    fitted = lightgcn(LAYERS, 8, l2=L2, training=training).fit(log)
    pairs = Edges().of(Fold.of(log, "LightGCN"), "LightGCN")

    losses, vectors = dense_epoch(
        begun[0], pairs.user, pairs.item + pairs.users, batches
    )

    assert len(losses) > 5
    np.testing.assert_allclose(found, losses, rtol=1e-4)
    np.testing.assert_allclose(fitted.curve.loss, [np.mean(losses)], rtol=1e-4)
    # Adam divides by what may be rounding: where a slope is nearly 0 its sign is.
    np.testing.assert_allclose(fitted.user, vectors[: pairs.users], atol=1e-4)
    np.testing.assert_allclose(fitted.item, vectors[pairs.users :], atol=1e-4)
