"""The metrics of a ranker's probabilities, in the log and in resamples of its users."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from tidegraph.arguments import no_unknown
from tidegraph.errors import DataError
from tidegraph.evaluation.metrics.classification import (
    auc,
    log_loss,
    log_losses,
    user_auc,
)
from tidegraph.evaluation.significance import user_weights
from tidegraph.kernels.jit import compiled, inlined, over_rows
from tidegraph.stages import Examples

TESTED = ("auc", "gauc", "macro_auc", "log_loss")
"""The metrics that have intervals and tests, in the order of the columns of draws."""

LANES = 256
"""Resamples that are worked through at once; their sums stay in the nearest cache."""

Run = Float32[np.ndarray, " n"]
"""The probabilities of one training of a model, per impression."""


@no_unknown
@dataclass(frozen=True, eq=False)
class Impressions:
    """Impressions laid end to end, with everything that does not change by model.

    Attributes:
        user: Whose each is, as a row of ``names``.
        label: Was it acted on?
        names: The users' rows in the graph.
    """

    user: Int64[np.ndarray, " n"]
    label: Bool[np.ndarray, " n"]
    names: Int64[np.ndarray, " users"]

    @classmethod
    def of(cls, examples: Examples) -> "Impressions":
        """Lay the candidates of examples end to end.

        Raises:
            DataError: There is none.
        """
        present = examples.candidates.present
        if not present.any():
            raise DataError(
                "the examples hold no candidate, so there is nothing to judge."
            )
        owner = np.broadcast_to(examples.requests.user[:, None], present.shape)
        names, user = np.unique(owner[present], return_inverse=True)
        label = examples.label[present] > 0
        return cls(user.astype(np.int64), label, names.astype(np.int64))


def measured_metrics(
    rows: Impressions, runs: Sequence[Run]
) -> Float64[np.ndarray, " tested"]:
    """Return the tested metrics of a model, means over its runs."""
    found: list[list[float]] = []
    for probability in runs:
        grouped = user_auc(rows.user, rows.label, probability)
        whole = auc(rows.label, probability)
        loss = log_loss(rows.label, probability)
        found.append([whole, grouped.gauc, grouped.macro, loss])
    return np.array(found).mean(axis=0)


def resampled_means(
    rows: Impressions, runs: Sequence[Run], resamples: int, seed: int
) -> Float64[np.ndarray, "resamples tested"]:
    """Return the tested metrics in resamples of the users, means over the runs.

    Args:
        rows: The impressions.
        runs: Probabilities of the trainings of one model.
        resamples: How many to draw.
        seed: Draws users; models with the same one are compared in the same resamples.
    """
    total = np.zeros((resamples, len(TESTED)))
    for probability in runs:
        total += _resampled_metrics(rows, probability, resamples, seed)
    return total / len(runs)


def _resampled_metrics(
    rows: Impressions, probability: Run, resamples: int, seed: int
) -> Float64[np.ndarray, "resamples tested"]:
    """Return the tested metrics in resamples of the users."""
    size = np.bincount(rows.user).astype(np.float64)
    loss = np.bincount(rows.user, log_losses(rows.label, probability))
    grouped = user_auc(rows.user, rows.label, probability)
    has, own = np.zeros(len(size)), np.zeros(len(size))
    has[grouped.user], own[grouped.user] = 1.0, grouped.auc
    sums = np.column_stack([size * own, size * has, own, has, loss, size])
    order = np.argsort(probability, kind="stable")
    user, label, score = rows.user[order], rows.label[order], probability[order]
    blocks: list[np.ndarray] = []
    for weights in user_weights(len(size), resamples, np.random.default_rng(seed)):
        total = weights @ sums
        ratios = np.divide(
            total[:, ::2],
            total[:, 1::2],
            out=np.full((len(total), 3), np.nan),
            where=total[:, 1::2] > 0,
        )
        whole = np.empty(len(weights))
        _weighted_auc(weights, user, label, score, whole)
        blocks.append(np.column_stack([whole, ratios]))
    return np.concatenate(blocks)


def _weighted_auc(
    weights: Float64[np.ndarray, "resamples users"],
    user: Int64[np.ndarray, " n"],
    label: Bool[np.ndarray, " n"],
    score: Float32[np.ndarray, " n"],
    out: Float64[np.ndarray, " resamples"],
) -> None:
    """Fill in the AUC of all rows, each counted as often as its user was drawn."""
    # Resamples lie side by side: they are worked through in one pass over the rows.
    drawn = np.ascontiguousarray(weights.T, np.float32)  # Small whole numbers.
    over_rows(
        lambda a, b: _auc_columns(drawn, user, label, score, out, a, b),
        len(weights),
        grain=128,
    )


@compiled
def _auc_columns(
    drawn: np.ndarray,
    user: np.ndarray,
    label: np.ndarray,
    score: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    for begin in range(first, last, LANES):
        size = min(LANES, last - begin)
        won, ups = np.zeros(size), np.zeros(size)
        below, tied = np.zeros(size), np.zeros(size)
        at = 0
        while at < score.size:
            # Rows of one score stand together; pairs within them count half.
            stop = at + 1
            while stop < score.size and score[stop] == score[at]:
                stop += 1
            if stop - at > 1:
                _add_user_counts(drawn, user, label, (at, stop, begin), 0.5, tied)
            for n in range(at, stop):
                if label[n]:
                    u = user[n]
                    for r in range(size):
                        won[r] += drawn[u, begin + r] * (below[r] + tied[r])
                        ups[r] += drawn[u, begin + r]
            _add_user_counts(drawn, user, label, (at, stop, begin), 1.0, below)
            if stop - at > 1:
                tied[:] = 0.0
            at = stop
        for r in range(size):
            some = ups[r] > 0 and below[r] > 0
            out[begin + r] = won[r] / (ups[r] * below[r]) if some else np.nan


@inlined
def _add_user_counts(
    drawn: np.ndarray,
    user: np.ndarray,
    label: np.ndarray,
    place: tuple[int, int, int],
    factor: float,
    out: np.ndarray,
) -> None:
    """Add how often the users of some rows without an action were drawn."""
    first, last, begin = place
    for n in range(first, last):
        if not label[n]:
            u = user[n]
            for r in range(out.size):
                out[r] += factor * drawn[u, begin + r]
