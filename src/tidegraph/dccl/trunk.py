"""What enters the tower of a ranker, for candidates of requests."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.device.split import Trunk
from tidegraph.extras import needed
from tidegraph.ranking.neural import BLOCK, FittedNeuralRanker
from tidegraph.stages import Candidates, Requests

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


class Entering(NamedTuple):
    """What enters the tower for some requests.

    Attributes:
        requests: Which.
        x: What enters, for each candidate.
        offset: What is added to the tower's number.
    """

    requests: Int64[np.ndarray, " b"]
    x: Float[Tensor, "b k width"]
    offset: Float[Tensor, "b k"]


def entering(
    ranker: FittedNeuralRanker,
    trunk: Trunk,
    requests: Requests,
    candidates: Candidates,
) -> Iterator[Entering]:
    """Yield what enters the tower, some requests at a time."""
    numbers = ranker.features.of(requests, candidates)
    known = ranker.batches.known(requests)
    for start in range(0, len(requests), BLOCK):
        rows = np.arange(start, min(len(requests), start + BLOCK))
        inputs = ranker.batches.inputs(
            requests, rows, candidates.item[rows], numbers[rows], known
        )
        around = ranker.batches.around(requests, rows, candidates.item[rows])
        with torch.no_grad():
            yield Entering(rows, *trunk(inputs, around))
