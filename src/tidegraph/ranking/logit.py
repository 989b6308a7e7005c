"""RecencyLogit: the honest control of every ranking table."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy import special

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.features.candidate_columns import CandidateColumns
from tidegraph.features.columns import Features
from tidegraph.features.groups import OF_CANDIDATES, Group
from tidegraph.fitting.labels import check_both_labels
from tidegraph.kernels.blas import blas_threads
from tidegraph.ranges import above
from tidegraph.run import Run
from tidegraph.stages import Candidates, Examples, Requests, Train

STEPS = 50
TOLERANCE = 1e-9
BLOCK = 4096
FIRST = 50_000
"""So many examples, evenly chosen, say where to begin with many more."""
GOLDEN = (5**0.5 - 1) / 2
"""Its multiples are spread most evenly over a circle."""


@settings
class RecencyLogit:
    """Logistic regression on counts, recency, habit, co-occurrence and votes.

    Minimises mean log loss + l2 / 2 x squared norm of the weights, the intercept free.
    It knows no ids, so it is what a ranker with embeddings has to beat.

    Attributes:
        l2: Strength of the penalty; inputs are standardised.
        category: Item feature column that groups items, if any.
        groups: Groups of inputs, of ``OF_CANDIDATES``, and features of one's own; one
            left out is off.
        fields: Further features, such as ``item.color``, ``user.age`` or
            ``event.device``.
    """

    l2: float = 1e-4
    category: str | None = None
    groups: tuple[Group, ...] = OF_CANDIDATES
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._columns.check_settings()
        above("RecencyLogit", 0, l2=self.l2)

    @property
    def features_read(self) -> frozenset[str]:
        """The features of a log that it reads, the category among them."""
        return self._columns.named

    @property
    def _columns(self) -> CandidateColumns:
        settings = self.category, self.groups, self.fields
        return CandidateColumns("RecencyLogit", *settings)

    def check(self, train: Train) -> None:
        """Find out before any work whether a log has the features.

        Raises:
            DataError: It lacks one.
        """
        self._columns.check(train)

    def fit(
        self, train: Examples, valid: Examples, *, run: Run
    ) -> "FittedRecencyLogit":
        """Find the one optimum by Newton's method.

        Args:
            train: Past requests.
            valid: Not needed: the problem is convex and its penalty given.
            run: Not needed: nothing is random.

        Raises:
            DataError: Every label is the same.
        """
        features, inputs = self._columns.fit(train)
        there = train.candidates.present
        inputs = inputs[there]
        label = train.label[there]
        check_both_labels(label, "the past")
        with blas_threads(1):
            weight = fit_logistic(inputs, label, self.l2, train.weights[there])
        return FittedRecencyLogit(features, weight)


@dataclass(frozen=True, eq=False)
class FittedRecencyLogit:
    """Scores from one weight per input.

    Attributes:
        features: The inputs.
        weight: One per input, then the intercept.
    """

    features: Features
    weight: Float64[np.ndarray, " f1"]

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        inputs = self.features.of(requests, candidates)
        # einsum without BLAS: the same bits for a row alone and in a block.
        logit = np.einsum("bkf,f->bk", inputs.astype(np.float64), self.weight[:-1])
        probability = sigmoid(logit + self.weight[-1])
        return np.where(candidates.present, probability, 0).astype(np.float32)

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedRecencyLogit",
            arrays={"weight": self.weight},
            parts={"features": self.features.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedRecencyLogit":
        """Rebuild from what ``state`` returned."""
        return cls(state.part("features", Features), state.arrays["weight"])


def sigmoid(logit: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Return the probability of a logit."""
    return np.asarray(special.expit(logit), np.float64)


def fit_logistic(
    inputs: Float32[np.ndarray, "n f"],
    label: Float32[np.ndarray, " n"],
    l2: float,
    count: Float32[np.ndarray, " n"] | None = None,
) -> Float64[np.ndarray, " f1"]:
    """Return the weights and the intercept that minimise the penalised log loss.

    Args:
        inputs: Inputs of examples.
        label: What was right.
        l2: Strength of the penalty.
        count: How much each example counts, 1 on average; all alike if left out.
    """
    if count is None:
        count = np.ones(len(label), np.float32)
    penalty = np.full(inputs.shape[1] + 1, l2)
    penalty[-1] = 0.0
    weight = np.zeros(len(penalty))
    if len(inputs) >= 4 * FIRST:
        # From the optimum of a part the optimum of the whole is a step or two away.
        some = _spread_rows(len(inputs))
        if len(np.unique(label[some])) == 2:
            weight = fit_logistic(inputs[some], label[some], l2, count[some])
    loss = _penalised_loss(inputs, label, count, weight, penalty)
    for _ in range(STEPS):
        slope, bend = _derivatives(inputs, label, count, weight)
        bend += np.diag(penalty + 1e-12)
        step = np.linalg.solve(bend, slope + penalty * weight)
        size, before = 1.0, loss
        while True:
            loss = _penalised_loss(inputs, label, count, weight - size * step, penalty)
            if loss <= before or size < 1e-6:
                break
            size /= 2
        weight = weight - size * step
        if before - loss < TOLERANCE * max(1.0, abs(loss)):
            break
    return weight


def _spread_rows(rows: int) -> Int64[np.ndarray, " first"]:
    """Return rows that are evenly spread and follow no period.

    A stride would: with a request's candidates row by row it may meet the first of
    each alone, which are those that were right.
    """
    return (np.arange(FIRST) * GOLDEN % 1.0 * rows).astype(np.int64)


def _row_blocks(
    inputs: np.ndarray, label: np.ndarray, count: np.ndarray
) -> Iterator[
    tuple[
        Float64[np.ndarray, "m f1"],
        Float32[np.ndarray, " m"],
        Float32[np.ndarray, " m"],
    ]
]:
    """Yield rows with an intercept, few enough at a time to stay in the cache."""
    for start in range(0, len(inputs), BLOCK):
        part = inputs[start : start + BLOCK]
        ones = np.ones((len(part), 1))
        at = slice(start, start + BLOCK)
        yield np.hstack([part.astype(np.float64), ones]), label[at], count[at]


def _derivatives(
    inputs: np.ndarray, label: np.ndarray, count: np.ndarray, weight: np.ndarray
) -> tuple[Float64[np.ndarray, " f1"], Float64[np.ndarray, "f1 f1"]]:
    """Return the first and second derivatives of the mean log loss."""
    slope = np.zeros(len(weight))
    bend = np.zeros((len(weight), len(weight)))
    for x, y, n in _row_blocks(inputs, label, count):
        probability = sigmoid(x @ weight)
        slope += x.T @ (n * (probability - y))
        bend += (x * (n * probability * (1 - probability))[:, None]).T @ x
    return slope / len(inputs), bend / len(inputs)


def _penalised_loss(
    inputs: np.ndarray,
    label: np.ndarray,
    count: np.ndarray,
    weight: np.ndarray,
    penalty: np.ndarray,
) -> float:
    total = 0.0
    for x, y, n in _row_blocks(inputs, label, count):
        logit = x @ weight
        total += float((n * (np.logaddexp(0, logit) - y * logit)).sum())
    return total / len(inputs) + 0.5 * float((penalty * weight**2).sum())
