"""LightGCN trains as a dense reference does, from the same start and samples."""

from dataclasses import replace

import numpy as np
import torch

from tidegraph.retrieval.embedding import _Pairs
from tidegraph.retrieval.recipes.gnn import lightgcn
from tidegraph.run import Run
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.training.settings import Training

LAYERS, RATE, L2, BATCH = 3, 5e-3, 1e-2, 64


def dense_losses(first, user, item, batches):
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
    return losses


def test_the_losses_of_an_epoch_are_those_of_a_dense_reference():
    fold, rng = Fold.of(draw_log(events=900), "LightGCN"), np.random.default_rng(0)
    method = lightgcn(LAYERS, 8, l2=L2, training=Training(1, BATCH))
    method = replace(method, objective=replace(method.objective, l2=L2))
    pairs = method.objective.pairs.of(fold, "LightGCN")
    task = _Pairs.of(method, pairs, Run(rng), None)
    first = task.module.first.own.weight.detach().numpy().astype(float)
    optimizer = torch.optim.Adam(task.module.parameters(), RATE)

    found, batches = [], []
    for batch in task.batches(0, rng):
        loss = task.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
        batches.append(batch.nodes.numpy().reshape(3, -1))

    expected = dense_losses(first, pairs.user, pairs.item + pairs.users, batches)
    assert len(found) > 5
    np.testing.assert_allclose(found, expected, rtol=1e-4)
