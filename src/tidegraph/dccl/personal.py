"""A ranker that answers each user by the model of their own device."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.artifact.sealed import State
from tidegraph.config import build, to_table
from tidegraph.dccl.cloud_state import CloudState, Round
from tidegraph.dccl.trunk import tower_inputs
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.split import Trunk, split
from tidegraph.extras import needed
from tidegraph.ranking.neural import SUREST, FittedNeuralRanker
from tidegraph.stages import Candidates, Requests
from tidegraph.training.threads import threads
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch.func import vmap


@dataclass(frozen=True, eq=False)
class FittedPersonal:
    """The ranker of a pipeline with a patch for each user.

    Attributes:
        patch: How its tower is patched.
        local: How devices learn.
        after: The cloud and its devices after the last round.
        rounds: How each round went.
    """

    patch: MetaPatch
    local: LocalSteps
    after: CloudState
    rounds: tuple[Round, ...] = field(default=())

    @property
    def ranker(self) -> FittedNeuralRanker:
        """The published ranker, of which the trunk is used."""
        return self.after.ranker

    @property
    def name(self) -> str:
        """What the network is called, where a pipeline says what it is made of."""
        return f"personal {self.ranker.name}"

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        out = np.zeros(candidates.item.shape, np.float32)
        if not out.size:
            return out
        theta, head, user = self._answering, self.after.head, requests.user
        known = (user >= 0) & (user < len(theta))
        own = theta[np.where(known, user, 0)] * known[:, None]
        numbers = self.ranker.features.of(requests, candidates)
        with threads(1), torch.no_grad():
            for rows, x, offset in tower_inputs(
                self.ranker, self._trunk, requests, candidates, numbers
            ):
                logit = vmap(head)(x, offset, tensor(own[rows]))
                sure = torch.sigmoid(logit.clamp(-SUREST, SUREST)).numpy()
                out[rows] = np.where(candidates.present[rows], sure, 0)
        return out

    @cached_property
    def _trunk(self) -> Trunk:
        return split(self.ranker.network).trunk

    @cached_property
    def _answering(self) -> Float32[np.ndarray, "d theta"]:
        return self.after.answering

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedPersonal":
        """Return the same without what was learnt of some users alone."""
        return replace(self, after=self.after.without(rows))

    def state(self) -> State:
        """Return what a file needs to hold."""
        settings = {
            "patch": to_table(self.patch),
            "local": to_table(self.local),
            "version": self.after.version,
            "level": self.after.level,
            "rounds": [one.table() for one in self.rounds],
        }
        parts = {"ranker": self.ranker.state()}
        return State("FittedPersonal", settings, self.after.arrays(), parts=parts)

    @classmethod
    def from_state(cls, state: State) -> "FittedPersonal":
        """Rebuild from what ``state`` returned."""
        held = state.settings
        ranker = state.part("ranker", FittedNeuralRanker)
        patch = build(MetaPatch, held["patch"], "a saved patch", own=state.kinds)
        local = build(LocalSteps, held["local"], "saved steps", own=state.kinds)
        first = CloudState.first(ranker, patch, 0, np.random.default_rng(0))
        after = first.from_arrays(state.arrays, held["version"], held["level"])
        rounds = tuple(Round.from_table(one) for one in held["rounds"])
        return cls(patch, local, after, rounds)
