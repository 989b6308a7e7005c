"""What a cloud and its devices are between two rounds, and how a round went."""

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from tidegraph.device.patch import MetaPatch, Patched
from tidegraph.device.privacy import nothing_spent
from tidegraph.device.split import split
from tidegraph.device.trust import Trust
from tidegraph.device.versions import before
from tidegraph.extras import needed
from tidegraph.ranking.neural import FittedNeuralRanker
from tidegraph.training.weights import tensor, weights_of

with needed("torch", "neural", "a neural network"):
    from torch import Tensor

NEVER = -1
"""The version under which a device that never learnt has learnt."""
PLAIN = 0
"""The version before the cloud has learnt of any device."""


@dataclass(frozen=True)
class Round:
    """How a round went.

    Attributes:
        clock: Unix seconds of the round, which knows only what was before.
        rows: How many rows were new.
        devices: How many devices took steps.
        model: Mean loss of the new rows under the model of all, before the round.
        own: That under what devices were answered by.
        teachers: Share of the devices learnt from whose own models were teachers.
        before: Loss of the later rows of the devices set aside, under the model of all
            before the round; nan where they have none, so that nobody judges, or
            nothing was learnt.
        after: That under what the model has learnt in the round.
        saved_before: What own models save these devices a row, beside the model that
            goes on, under the bases and U that were; 0 where none served.
        saved_after: That under what bases and U have learnt in the round.
        version: The version from this round on.
        epsilon: What bases and start have told of any one device so far, at the
            setting's delta; nan where they are not private.
    """

    clock: int
    rows: int
    devices: int
    model: float
    own: float
    teachers: float
    before: float
    after: float
    saved_before: float
    saved_after: float
    version: int
    epsilon: float

    def table(self) -> dict[str, float | int | None]:
        """Return it as JSON can hold it; what is no number is none."""
        held: dict[str, Any] = asdict(self)
        return {n: None if math.isnan(v) else v for n, v in held.items()}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "Round":
        """Rebuild from what ``table`` returned."""
        # Rounds that were saved before say nothing of these.
        new = dict.fromkeys(("epsilon", "saved_before", "saved_after"), math.nan)
        held: dict[str, Any] = new | {
            n: math.nan if v is None else v for n, v in table.items()
        }
        return cls(**held)


@dataclass(frozen=True, eq=False)
class CloudState:
    """The cloud and its devices after some rounds.

    Attributes:
        ranker: The published ranker, of whose network the trunk is used.
        head: The published tower and metapatches.
        version: How often other ones were published.
        level: What is added to offsets, since rows hold more or fewer actions than
            what the model learnt from.
        theta: The numbers of each user's device.
        learnt: Version under which each theta was learnt; ``NEVER`` without one.
        trust: How well each theta has served so far.
        spent: What bases and start have told of any one device; see ``privacy``.
    """

    ranker: FittedNeuralRanker
    head: Patched
    version: int
    level: float
    theta: Float32[np.ndarray, "d theta"]
    learnt: Int32[np.ndarray, " d"]
    trust: Trust
    spent: Float64[np.ndarray, " orders"] = field(default_factory=nothing_spent)

    @classmethod
    def first(
        cls,
        ranker: FittedNeuralRanker,
        patch: MetaPatch,
        users: int,
        rng: np.random.Generator,
    ) -> "CloudState":
        """Return what is there before the first round: the model of all."""
        head = patch.patched(split(ranker.network).tower, rng=rng).requires_grad_(False)
        theta = np.zeros((users, patch.theta), np.float32)
        learnt = np.full(users, NEVER, np.int32)
        return cls(ranker, head, PLAIN, 0.0, theta, learnt, Trust.none(users))

    @property
    def patched(self) -> bool:
        """Do bases serve? Those that are all 0 are none, and devices rest."""
        bases = self.head.bases.values()
        return self.version != PLAIN and any(bool(one.any()) for one in bases)

    @property
    def current(self) -> Bool[np.ndarray, " d"]:
        """Whose theta was learnt under what is published; others mean nothing now."""
        return (self.learnt == self.version) & self.patched

    @property
    def earlier(self) -> Float32[np.ndarray, "d theta"]:
        """The theta that ``U`` begins from for each user; 0 where there is none."""
        return self.theta_of(self.learnt == before(self.version))

    @property
    def answering(self) -> Float32[np.ndarray, "d theta"]:
        """The theta that answers each user; 0, which is the model, where none shall."""
        return self.theta_of(self.current & self.trust.own())

    def theta_of(self, some: Bool[np.ndarray, " d"]) -> Float32[np.ndarray, "d theta"]:
        """Return the theta of some users, and 0 for the others whatever theirs is."""
        return np.where(some[:, None], self.theta, np.float32(0))

    @property
    def finite(self) -> bool:
        """Are all weights of the network and of the bases numbers?"""
        modules = self.head, split(self.ranker.network).trunk
        return all(
            bool(np.isfinite(array).all())
            for module in modules
            for array in weights_of(module).values()
        )

    def without(self, users: Int32[np.ndarray, " n"]) -> "CloudState":
        """Return the same without what some users' devices have learnt."""
        theta, learnt = self.theta.copy(), self.learnt.copy()
        known = users[users < len(learnt)]
        theta[known], learnt[known] = 0, NEVER
        saved, weight = self.trust.saved.copy(), self.trust.weight.copy()
        saved[known] = weight[known] = 0
        ranker, trust = self.ranker.without_users(users), Trust(saved, weight)
        return replace(self, ranker=ranker, theta=theta, learnt=learnt, trust=trust)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays but the ranker's, by names that ``from_arrays`` knows."""
        head = {f"head/{n}": value for n, value in weights_of(self.head).items()}
        return {
            **head,
            "theta": self.theta,
            "learnt": self.learnt,
            "saved": self.trust.saved,
            "weight": self.trust.weight,
            "spent": self.spent,
        }

    def from_arrays(
        self, arrays: Mapping[str, np.ndarray], version: int, level: float
    ) -> "CloudState":
        """Return what ``arrays`` were of; its ranker is this one, its head built so."""
        head, own = copy.deepcopy(self.head), dict[str, Tensor]()
        for name, array in arrays.items():
            part, _, rest = name.partition("/")
            if part == "head":
                own[rest] = tensor(np.array(array))
        head.load_state_dict(own)
        trust = Trust(np.array(arrays["saved"]), np.array(arrays["weight"]))
        theta, learnt = np.array(arrays["theta"]), np.array(arrays["learnt"])
        # Clouds that were saved before have none.
        spent = np.array(arrays.get("spent", nothing_spent()))
        return CloudState(
            self.ranker, head, version, level, theta, learnt, trust, spent
        )
