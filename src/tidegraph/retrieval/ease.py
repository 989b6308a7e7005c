"""Dense linear item weights in closed form."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32
from scipy.linalg import lapack

from tidegraph.arguments import checked, settings
from tidegraph.artifact.sealed import State
from tidegraph.errors import DataError
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.ranges import above, span
from tidegraph.retrieval.from_log import (
    FROM_LOG,
    HALF_LIVES,
    FromLog,
    chosen_settings,
    settle_on_log,
    value_of,
)
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.retrieval.scoring.dense_votes import largest_vote, sum_votes
from tidegraph.retrieval.scoring.describe import describe_retriever
from tidegraph.retrieval.scoring.evidence import evidence, trained_until
from tidegraph.retrieval.scoring.memory import check_memory, limited_bytes
from tidegraph.retrieval.scoring.similar_items import above_zero, but_itself
from tidegraph.retrieval.scoring.top_k import SCATTERED, Columns, best_allowed, top_k
from tidegraph.retrieval.scoring.weighted_history import WeightedHistory
from tidegraph.stages import (
    NO_ITEM,
    Candidates,
    Fold,
    Requests,
    Train,
    check_k,
    remembers,
)

QUESTIONS = ([{"l2": 100.0}, {"l2": 500.0}], HALF_LIVES)
"""What is chosen on a log; see ``from_log``."""
TRIED = 1_000
"""Items that settings are tried on, the most frequent: further inverses of all would
take longer than the fit itself."""
BLOCK = 256
"""Requests scored at a time, which bounds memory."""


@settings
class EASE:
    """Recommends by the weights that best rebuild all items from the others at once.

    The weights B minimise |X - X B|^2 + l2 |B|^2 with a zero diagonal; with P the
    inverse of X'X + l2 I, B is I - P diag(1 / P). Time grows with the cube of the
    number of items and memory with its square. What is ``FROM_LOG`` is chosen on the
    log, on the most frequent of its items.

    Attributes:
        l2: Strength of the penalty.
        single_precision: Invert in float32: half the memory and time, about four
            correct digits.
        memory_limit_gb: Refuse to need more than this, in 10^9 bytes.
        half_life_days: Age of an item's last event, since the newest of the history, at
            which it counts half; None where age does not matter.

    Source:
        Steck (2019), "Embarrassingly shallow autoencoders for sparse data", equation 8.

    Departs: B is learnt from sums of weights, so that repeated events count, and a
        history is answered with each of its items once, weighed by age alone.
    """

    l2: float | FromLog = FROM_LOG
    single_precision: bool = False
    memory_limit_gb: float = 8.0
    half_life_days: float | FromLog | None = FROM_LOG

    def __post_init__(self) -> None:
        above("EASE", 0, l2=self.l2, memory_limit_gb=self.memory_limit_gb)
        span("EASE", half_life_days=self.half_life_days)

    @remembers
    @checked(DataError)
    def fit(self, train: Train) -> "FittedEASE":
        """Invert the matrix of common users.

        Raises:
            DataError: ``train`` holds no action, or has no times for a half-life.
            ConfigError: Memory would exceed the limit.
        """
        fold = Fold.of(train, "EASE")
        matrix = evidence(fold, "EASE")
        kind = np.float32 if self.single_precision else np.float64
        # Rows are by first appearance; what the future brings must not change the
        # rounding of a blocked inversion.
        known = int(matrix.item.max()) + 1
        self._check_memory(known)
        method = settle_on_log(self, QUESTIONS, fold, items=TRIED)
        half_life = check_half_life(method.half_life_days, fold, "EASE")
        x = matrix.csr()[:, :known].astype(kind)
        gram = (x.T @ x).toarray(order="F")
        gram.flat[:: len(gram) + 1] += value_of(method.l2)
        weights = _weights_of_inverse(_inverse_in_place(gram))
        seen = np.bincount(matrix.item, minlength=len(weights)) > 0
        until, said = trained_until(fold), chosen_settings(self, method)
        return FittedEASE(weights, seen, half_life, until, said)

    def needs_bytes(self, items: int) -> int:
        """Return how much memory ``fit`` takes for so many items."""
        # The inverse replaces the matrix; a float64 one is then copied to float32.
        return items**2 * (4 if self.single_precision else 12)

    def check(self, train: Train) -> None:
        """Find out before any work whether the items of a log fit.

        Raises:
            ConfigError: They take more than ``memory_limit_gb``.
            DataError: ``train`` holds no action.
        """
        self._check_memory(int(evidence(train, "EASE").item.max()) + 1)

    def _check_memory(self, items: int) -> None:
        needed = self.needs_bytes(items)
        fits = int(items * (limited_bytes(self.memory_limit_gb) / needed) ** 0.5)
        less = (
            ""
            if self.single_precision
            else f", or take single_precision = true, {needed / 3e9:,.1f} GB"
        )
        instead = (
            f"keep at most {fits:,} items{less}. SLIM and RP3beta are sparse and need "
            "no limit"
        )
        check_memory(f"EASE on {items:,} items", needed, instead, self.memory_limit_gb)


def _inverse_in_place(matrix: Float[np.ndarray, "items items"]) -> np.ndarray:
    """Return the upper triangle of a positive definite matrix's inverse, in place."""
    single = matrix.dtype == np.float32
    factor, invert = (
        (lapack.spotrf, lapack.spotri) if single else (lapack.dpotrf, lapack.dpotri)
    )
    triangle, failed = factor(matrix, lower=0, overwrite_a=1, clean=0)
    if failed:
        raise DataError(
            f"EASE cannot invert X'X + l2 I: it is not positive definite at item "
            f"{failed}. Raise l2, or bring the weights of the events closer together."
        )
    inverse, _ = invert(triangle, lower=0, overwrite_c=1)
    return inverse


def _weights_of_inverse(
    inverse: Float[np.ndarray, "items items"],
) -> Float32[np.ndarray, "items items"]:
    """Return B of an inverse of which only the upper triangle is meant."""
    # A Fortran array's upper triangle is its transpose's lower one, without a copy.
    lower = inverse.T
    scale = -1 / np.diagonal(lower)
    _mirror_lower_triangle(lower)
    out = lower if lower.dtype == np.float32 else lower.astype(np.float32)
    over_rows(lambda a, b: _scale_columns(out, scale, a, b), len(out), grain=64)
    return out


@dataclass(frozen=True, eq=False, repr=False)
class FittedEASE:
    """Scores an item by the sum of its weights to the distinct items of the history.

    A request without a history that training saw gets an empty answer.

    Attributes:
        weight: Row h says how much history item h votes for each item.
        seen: Which items training saw; others are not answered.
        half_life_days: Age of an item's last event, since the newest of the history, at
            which it counts half; None where age does not matter.
        trained_until: Time of the last training event; None for training without times.
        chosen: What the log has chosen, by setting.
    """

    weight: Float32[np.ndarray, "items items"]
    seen: Bool[np.ndarray, " items"]
    half_life_days: float | None = None
    trained_until: int | None = None
    chosen: Mapping[str, object] = field(default_factory=dict[str, object])

    def __repr__(self) -> str:
        return describe_retriever(
            "EASE",
            self.trained_until,
            f"{int(self.seen.sum()):,} items",
            l2=self.chosen.get("l2"),
            half_life_days=self.half_life_days,
        )

    def faded(self, half_life_days: float | None) -> "FittedEASE":
        """Return the same with another half-life."""
        return replace(self, half_life_days=half_life_days)

    @property
    def reason(self) -> str:
        """Why it recommends."""
        return "goes together with {item}"

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of every item; ``-inf`` where training never saw it."""
        return self._scores(requests, None)

    def _scores(
        self, requests: Requests, item: Columns
    ) -> Float32[np.ndarray, "b some"]:
        if item is not None and len(item) * SCATTERED > len(self.seen):
            return self._scores(requests, None).take(item, axis=1)
        if item is None:
            item = np.arange(len(self.seen), dtype=np.int32)
        out = np.zeros((len(requests), len(item)), np.float32)
        voters = WeightedHistory.of_history(
            requests.positive.history, len(self.seen), self.half_life_days
        )
        over_rows(
            lambda a, b: sum_votes(
                voters.arrays, self.weight, self.seen, item, out, a, b
            ),
            len(requests),
            grain=16,
        )
        return out

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the ``k`` items with the highest scores."""
        check_k(k)
        answers: list[Candidates] = []
        for start in range(0, max(1, len(requests)), BLOCK):
            block = requests.rows(start, start + BLOCK)
            scores = partial(self._scores, block)
            answers.append(best_allowed(scores, block, len(self.seen), k, "EASE"))
        return Candidates.concatenated(answers)

    def similar(self, rows: Int32[np.ndarray, " b"], k: int) -> Candidates:
        """Return the ``k`` other items that each item has the largest weights to."""
        check_k(k)
        size = len(self.seen)
        answers: list[Candidates] = []
        for start in range(0, max(1, len(rows)), BLOCK):
            some = rows[start : start + BLOCK]
            known = (some >= 0) & (some < size)
            weight = np.full((len(some), size), -np.inf, np.float32)
            weight[known] = self.weight[some[known]]
            answers.append(top_k(weight, but_itself(some), k, "EASE"))
        return above_zero(Candidates.concatenated(answers))

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item with the largest weight to each item, -1 for none."""
        out = np.full(item.shape, NO_ITEM, np.int32)
        voters = WeightedHistory.of_history(
            requests.positive.history, len(self.seen), self.half_life_days
        )
        largest_vote(voters.arrays, self.weight, self.seen, item, out)
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedEASE",
            settings={
                "half_life_days": self.half_life_days,
                "trained_until": self.trained_until,
                "chosen": dict(self.chosen),
            },
            arrays={"weight": self.weight, "seen": self.seen},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedEASE":
        """Rebuild from what ``state`` returned."""
        return cls(
            state.arrays["weight"],
            state.arrays["seen"],
            cast(float | None, state.settings.get("half_life_days")),
            cast(int | None, state.settings.get("trained_until")),
            cast(Mapping[str, object], state.settings.get("chosen", {})),
        )


@compiled
def _mirror_lower_triangle(matrix: np.ndarray) -> None:
    # In tiles, because a column of a large matrix is one cache miss an entry.
    size, tile = matrix.shape[0], 64
    for top in range(0, size, tile):
        for left in range(0, top + 1, tile):
            for i in range(top, min(top + tile, size)):
                for j in range(left, min(left + tile, i)):
                    matrix[j, i] = matrix[i, j]


@compiled
def _scale_columns(out: np.ndarray, scale: np.ndarray, first: int, last: int) -> None:
    for i in range(first, last):
        for j in range(out.shape[1]):
            out[i, j] *= scale[j]
        out[i, i] = 0
