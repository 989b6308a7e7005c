"""Calibration: probabilities that come true as often as they say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32
from scipy.optimize import isotonic_regression
from scipy.special import logit

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.fitting.labels import check_both_labels
from tidegraph.ranking.logit import RecencyLogit, fit_logistic, sigmoid
from tidegraph.ranking.network import Network, check_ranks, ranker_of
from tidegraph.run import Curve, Run
from tidegraph.stages import (
    Candidates,
    Checks,
    Examples,
    FittedRanker,
    Ranker,
    Requests,
    Train,
    called,
    curve_of,
    features_read_by,
    label_answered,
    right_for,
    without,
)

Method = Literal["platt", "isotonic"]

ORDER = 1e-3
"""Share of a ranker's own probability in a step's, so that a step has an order."""
SUREST = 1e-7
"""A probability is taken to be this far from 0 and from 1."""


@settings
class Calibrated:
    """A ranker whose probabilities are mended on validation.

    They come true as often as they say over requests like those of validation. In a
    pipeline these are of users who act in its window or are shown something in it: of
    a log without impressions a probability is that of an action by a user who does act
    in such a window, and over all users less comes true.

    The order of candidates stays, but for Platt's line of a ranker that is worse than
    chance on validation, which goes down.

    Attributes:
        ranker: The ranker, or a click model.
        method: ``platt`` is a line on the logit, for few examples; ``isotonic`` is any
            curve that does not go down, for thousands.

    Source:
        Platt, "Probabilistic outputs for support vector machines", 1999; Zadrozny and
        Elkan, "Transforming classifier scores into accurate multiclass probability
        estimates", KDD 2002. Departs: what is equal after isotonic regression keeps the
        ranker's order, by a thousandth of its own probability.
    """

    ranker: Ranker | Network = field(default_factory=RecencyLogit)
    method: Method = "platt"

    def __post_init__(self) -> None:
        check_ranks("Calibrated", self.ranker)

    @property
    def name(self) -> str:
        """What it is called where a pipeline says what it is made of."""
        return f"{called(self.ranker)}, calibrated"

    @property
    def answers(self) -> str:
        """Whose probability the score is: that of the ranker."""
        return label_answered(self.ranker)

    @property
    def features_read(self) -> frozenset[str]:
        """The features of a log that the ranker reads, where it says them."""
        return features_read_by(ranker_of(self.ranker))

    def check(self, train: Train) -> None:
        """Find out before any work what the ranker would fail in, where it can say."""
        ranker = ranker_of(self.ranker)
        if isinstance(ranker, Checks):
            ranker.check(train)

    def fit(self, train: Examples, valid: Examples, *, run: Run) -> "FittedCalibrated":
        """Fit the ranker, and then the curve from its probabilities to what happened.

        Args:
            train: Past requests, for the ranker.
            valid: Later ones, by which the ranker stops; the curve is fitted by what
                retrieval proposed of them.
            run: Where, and what draws.

        Raises:
            DataError: What retrieval proposed in ``valid`` has one label only.
        """
        fitted = ranker_of(self.ranker).fit(train, valid, run=run)
        # Negatives that were drawn beside retrieval's answers are never asked about.
        there = valid.candidates.proposed
        score = fitted.score(valid.requests, valid.candidates)[there]
        label = right_for(fitted, valid)[there] > 0
        check_both_labels(label, "validation")
        curve = CURVES[self.method].of(score, label, valid.weights[there])
        return FittedCalibrated(fitted, curve)


@dataclass(frozen=True, eq=False)
class Line:
    """A line on the logit.

    Attributes:
        weight: Its slope, and where it starts.
    """

    weight: Float64[np.ndarray, " 2"]

    @classmethod
    def of(
        cls,
        score: Float32[np.ndarray, " n"],
        label: Bool[np.ndarray, " n"],
        count: Float32[np.ndarray, " n"],
    ) -> "Line":
        """Return the line that makes labels likeliest.

        They are drawn in by as much as a uniform prior would: with p positives among n
        to (p + 1) / (p + 2) and 1 / (n - p + 2).

        Args:
            score: A ranker's probabilities.
            label: What was right.
            count: How much each counts, 1 on average.
        """
        p = float(count[label].sum(dtype=np.float64))
        n = float(count.sum(dtype=np.float64))
        drawn = np.where(label, (p + 1) / (p + 2), 1 / (n - p + 2))
        inputs = _clipped_logit(score.astype(np.float64))[:, None].astype(np.float32)
        return cls(fit_logistic(inputs, drawn.astype(np.float32), 1e-9, count))

    def __call__(
        self, probability: Float64[np.ndarray, "*shape"]
    ) -> Float64[np.ndarray, "*shape"]:
        """Return what a ranker's probabilities become."""
        return sigmoid(self.weight[0] * _clipped_logit(probability) + self.weight[1])


@dataclass(frozen=True, eq=False)
class Steps:
    """A curve that never goes down, with a line between each two steps.

    Attributes:
        at: Probabilities where a step begins or ends.
        to: What they become.
    """

    at: Float64[np.ndarray, " knots"]
    to: Float64[np.ndarray, " knots"]

    @classmethod
    def of(
        cls,
        score: Float32[np.ndarray, " n"],
        label: Bool[np.ndarray, " n"],
        count: Float32[np.ndarray, " n"],
    ) -> "Steps":
        """Return the steps nearest to the labels; equal scores are one point.

        Args:
            score: A ranker's probabilities.
            label: What was right.
            count: How much each counts, 1 on average.
        """
        at, place = np.unique(score.astype(np.float64), return_inverse=True)
        size = np.bincount(place, count)
        mean = np.bincount(place, count * label) / size
        step = np.asarray(isotonic_regression(mean, weights=size).x)
        # Within a step only its ends matter.
        inner = np.zeros(len(at), np.bool_)
        inner[1:-1] = (step[1:-1] == step[:-2]) & (step[1:-1] == step[2:])
        return cls(at[~inner], step[~inner])

    def __call__(
        self, probability: Float64[np.ndarray, "*shape"]
    ) -> Float64[np.ndarray, "*shape"]:
        """Return what a ranker's probabilities become."""
        step = np.interp(probability, self.at, self.to)
        return (1 - ORDER) * step + ORDER * probability


CURVES: Mapping[str, type[Line | Steps]] = {"platt": Line, "isotonic": Steps}


@dataclass(frozen=True, eq=False)
class FittedCalibrated:
    """A fitted ranker, and what mends its probabilities.

    Attributes:
        ranker: The ranker.
        mend: The curve from its probabilities to better ones.
    """

    ranker: FittedRanker
    mend: Line | Steps

    @property
    def answers(self) -> str:
        """Whose probability the score is: that of the ranker."""
        return label_answered(self.ranker)

    @property
    def curve(self) -> Curve:
        """How the ranker's training went, if it trains."""
        return curve_of(self.ranker)

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        own = self.ranker.score(requests, candidates)
        mended = self.mend(own.astype(np.float64))
        return np.where(candidates.present, mended, 0).astype(np.float32)

    def right(self, examples: Examples) -> Float32[np.ndarray, "b k"]:
        """Return the label of examples whose probability is answered."""
        return right_for(self.ranker, examples)

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedCalibrated":
        """Return the same without a trace of some users."""
        return replace(self, ranker=without(self.ranker, rows))

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedCalibrated",
            arrays=vars(self.mend),
            parts={"ranker": self.ranker.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedCalibrated":
        """Rebuild from what ``state`` returned."""
        ranker = cast(FittedRanker, state.part("ranker", object))
        kind = Line if "weight" in state.arrays else Steps
        return cls(ranker, kind(**state.arrays))


def _clipped_logit(
    probability: Float64[np.ndarray, "*shape"],
) -> Float64[np.ndarray, "*shape"]:
    return np.asarray(logit(np.clip(probability, SUREST, 1 - SUREST)), np.float64)
