"""What enters the tower of a ranker, for candidates of requests."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.device.split import Trunk
from tidegraph.extras import needed
from tidegraph.ranking.neural import FittedNeuralRanker
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
    for block in ranker.batches.blocks(requests, candidates.item, numbers):
        with torch.no_grad():
            found = trunk(block.inputs, block.around)
        yield Entering(block.rows, *found)
