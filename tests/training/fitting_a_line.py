"""A small task with everything that a resumed training has to put back."""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tidegraph.run import Run
from tidegraph.training.loop import train
from tidegraph.training.optimizers import SGD, Adagrad, Adam, AdamW
from tidegraph.training.schedules import HalfCosine, WarmUp
from tidegraph.training.settings import Training
from tidegraph.training.weights import initialised, shuffled_batches, weights_of

OPTIMIZERS = {
    "adamw": AdamW(0.01),
    "adam": Adam(0.01),
    "sgd": SGD(0.01, momentum=0.9),
    "adagrad": Adagrad(0.05),
}


class Line:
    """Find 3 x + 1 under noise, dropout and normalisation."""

    unit = "points"

    def __init__(self, rng, slow=0.0):
        self.slow = slow
        self.x = torch.linspace(-1, 1, 64)[:, None]
        self.module = initialised(
            lambda: nn.Sequential(
                nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1)
            ),
            rng,
        )

    def batches(self, epoch, rng):
        for rows in shuffled_batches(64, 16, rng):
            noise = torch.from_numpy(rng.normal(size=(len(rows), 1))).float()
            yield self.x[rows], 3 * self.x[rows] + 1 + 0.1 * noise
            time.sleep(self.slow)

    def loss(self, batch):
        x, y = batch
        return ((self.module(x) - y) ** 2).mean()

    def validate(self):
        return -float(((self.module(self.x) - (3 * self.x + 1)) ** 2).mean())


def learnt(folder, name="adamw", slow=0.0):
    rng = np.random.default_rng(0)
    task = Line(rng, slow)
    settings = Training(
        epochs=12,
        optimizer=OPTIMIZERS[name],
        schedule=WarmUp(5, then=HalfCosine()),
        patience=None,
        validate_every=2,
        average=0.9,
    )
    curve = train(task, settings, Run(rng, checkpoints=folder))
    return curve, weights_of(task.module), rng.random()


if __name__ == "__main__":
    learnt(Path(sys.argv[1]), sys.argv[2], slow=0.05)
