"""What enters the tower of a ranker, for candidates of requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from tidegraph.device.rows import FleetRows, Rows
from tidegraph.device.split import Trunk, split
from tidegraph.extras import needed
from tidegraph.features.events import StepNumbers
from tidegraph.features.tables import count_known_before
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.kernels.ragged import owners, starts
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.stages import Candidates, Examples, Requests
from tidegraph.training.threads import threads
from tidegraph.training.weights import tensor

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


def tower_inputs(
    ranker: FittedNeuralRanker,
    trunk: Trunk,
    requests: Requests,
    candidates: Candidates,
    numbers: Float32[np.ndarray, "b k n"],
    known: StepNumbers | None = None,
) -> Iterator[Entering]:
    """Yield what enters the tower, some requests at a time.

    Args:
        ranker: Reads what the trunk gets.
        trunk: That of the ranker.
        requests: Users, clocks and histories.
        candidates: Of each.
        numbers: The shared inputs of these.
        known: Those of the events of the requests, where they are at hand.
    """
    for block in ranker.batches.blocks(requests, candidates.item, numbers, known):
        with torch.no_grad():
            found = trunk(block.inputs, block.around)
        yield Entering(block.rows, *found)


@dataclass(frozen=True, eq=False)
class FleetInputs:
    """What the rows of all devices are made of, whatever a network makes of it.

    Attributes:
        ranker: Whose shared inputs these are; its network is not looked at.
        examples: A request for each time that a user acted, in the order of time.
        numbers: The shared inputs of its candidates.
    """

    ranker: FittedNeuralRanker
    examples: Examples
    numbers: Float32[np.ndarray, "b k n"]

    @classmethod
    def of(cls, ranker: FittedNeuralRanker, examples: Examples) -> "FleetInputs":
        """Read the shared inputs, which do not change as a network learns."""
        numbers = ranker.features.of(examples.requests, examples.candidates)
        return cls(ranker, examples, numbers)

    @cached_property
    def known(self) -> StepNumbers:
        """What was known of the events of each request before."""
        return self.ranker.batches.known(self.examples.requests)

    @cached_property
    def cell(self) -> Int64[np.ndarray, " n"]:
        """Place of each row among all cells of the requests, b times k.

        The rows of each user stand together, those of a user by time.
        """
        requests, there = self.examples.requests, self.examples.candidates.present
        order = np.lexsort((requests.time, requests.user))
        row, column = np.nonzero(there[order])
        return order[row] * there.shape[1] + column

    @cached_property
    def time(self) -> Int64[np.ndarray, " n"]:
        """When each row happened."""
        width = self.examples.label.shape[1]
        return self.examples.requests.time[self.cell // width]

    @cached_property
    def ptr(self) -> Int64[np.ndarray, " starts"]:
        """Where the rows of each device begin."""
        requests, width = self.examples.requests, self.examples.label.shape[1]
        owner = requests.user[self.cell // width]
        return starts(np.bincount(owner, minlength=len(requests.graph.users)))

    def rows(self, ranker: FittedNeuralRanker) -> FleetRows:
        """Return the rows of all devices as they enter the tower of a network.

        Args:
            ranker: Whose network; one with the same shared inputs.
        """
        trunk = split(ranker.network).trunk
        shape = self.examples.label.shape
        x = torch.zeros(*shape, trunk.width)
        offset = torch.zeros(shape)
        given = self.examples.requests, self.examples.candidates
        with threads(1):
            for some in tower_inputs(ranker, trunk, *given, self.numbers, self.known):
                at = tensor(some.requests)
                x[at], offset[at] = some.x, some.offset
        cell, label = tensor(self.cell), tensor(self.examples.label.ravel())
        rows = Rows(
            x.flatten(0, 1)[cell],
            offset.ravel()[cell],
            label[cell],
            torch.ones(len(cell)),
        )
        return FleetRows(self.ptr, rows, self.time)

    def latest(self, clock: int, count: int) -> Bool[np.ndarray, " n"]:
        """Return which rows are the last ``count`` of a device before a moment."""
        owner = owners(self.ptr)
        before = np.bincount(owner[self.time < clock], minlength=len(self.ptr) - 1)
        left = (self.ptr[:-1] + before)[owner] - np.arange(len(self.time))
        return (left >= 1) & (left <= count)

    def nodes(self, clock: int) -> tuple[int, int]:
        """Return how many items, and how many users, had acted before a moment."""
        graph = self.examples.requests.graph
        return count_known_before(graph, ITEM, clock), count_known_before(
            graph, USER, clock
        )
