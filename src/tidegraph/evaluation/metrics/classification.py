"""How good probabilities are: AUC and its grouped forms, log loss, calibration."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Float64, Int64, Integer, Num

from tidegraph.errors import DataError
from tidegraph.evaluation.metrics.rows import check_rows, column_by_row, numbers_by_row
from tidegraph.ranges import at_least

CLIP = 1e-7
"""Log loss holds every probability this far from 0 and from 1."""


@dataclass(frozen=True, eq=False)
class UserAUC:
    """The AUC of each user who has both classes.

    Attributes:
        user: The users, increasing.
        auc: The chance that a positive of theirs outranks a negative of theirs.
        impressions: How many rows each has.
        dropped: How many users have one class only, and so no AUC.
    """

    user: Int64[np.ndarray, " users"]
    auc: Float64[np.ndarray, " users"]
    impressions: Int64[np.ndarray, " users"]
    dropped: int

    @property
    def gauc(self) -> float:
        """The mean weighted by impressions; NaN if nobody has both classes.

        Source:
            Zhu et al. (2017), "Optimized cost per click in Taobao", GAUC.
        """
        if not len(self.auc):
            return float("nan")
        return float(np.average(self.auc, weights=self.impressions))

    @property
    def macro(self) -> float:
        """The plain mean over users; NaN if nobody has both classes."""
        return float(self.auc.mean()) if len(self.auc) else float("nan")


def auc(label: object, score: object) -> float:
    """Return the chance that a positive outranks a negative, ties counting half.

    It is NaN where one class is absent.
    """
    label, score = numbers_by_row(label=label, score=score)
    everyone = user_auc(np.zeros(len(label), np.int64), label, score)
    return float(everyone.auc[0]) if len(everyone.auc) else float("nan")


def user_auc(user: object, label: object, score: object) -> UserAUC:
    """Return the AUC within each user, by the rank-sum formula.

    With R the sum of the mid-ranks of p positives among n negatives,
    AUC = (R - p (p + 1) / 2) / (p n).

    Args:
        user: Whose row it is, by a whole number; a list, array, series or Arrow column,
            as the next two are.
        label: 1 for a positive, 0 for a negative.
        score: Larger is more likely positive.

    Raises:
        DataError: A label or score is not a number, or columns differ in length.
    """
    label, score = numbers_by_row(label=label, score=score)
    user = column_by_row("user", user)
    check_rows(user=user, score=score)
    order = np.lexsort((score, user))
    who, value, positive = user[order], score[order], label[order] > 0
    first = _starts_of_runs(who)
    size = np.diff(np.append(first, len(who)))
    rank = _mid_ranks(who, value) - np.repeat(first, size)
    ups = _sums_of_runs(positive.astype(np.float64), first)
    downs = size - ups
    both = (ups > 0) & (downs > 0)
    rank_sum = _sums_of_runs(np.where(positive, rank, 0.0), first)[both]
    p, n = ups[both], downs[both]
    return UserAUC(
        who[first][both].astype(np.int64),
        (rank_sum - p * (p + 1) / 2) / (p * n),
        size[both],
        int((~both).sum()),
    )


def log_losses(label: object, probability: object) -> Float64[np.ndarray, " n"]:
    """Return -log of the probability given to what happened, in nats, per row.

    Probabilities are held within ``CLIP`` of 0 and 1, so that one sure mistake costs
    16.1 nats and not infinity.

    Raises:
        DataError: A probability is not within 0 and 1, a label is no number, or they
            differ in length.
    """
    label, probability = numbers_by_row(label=label, probability=probability)
    if len(probability) and (probability.min() < 0 or probability.max() > 1):
        raise DataError(
            f"probabilities run from {probability.min():g} to {probability.max():g}. "
            "Turn scores into probabilities (between 0 and 1) first."
        )
    sure = np.clip(probability, CLIP, 1 - CLIP)
    return np.where(label > 0, -np.log(sure), -np.log1p(-sure))


def log_loss(label: object, probability: object) -> float:
    """Return the mean of ``log_losses``; NaN without rows."""
    losses = log_losses(label, probability)
    return float(losses.mean()) if len(losses) else float("nan")


def reliability(label: object, probability: object, bins: int = 10) -> pl.DataFrame:
    """Return per bin of equal mass how many rows, what was predicted, what happened.

    A row falls into bin floor(bins * s / n) where s of the n predictions are strictly
    smaller, so equal predictions share a bin and the order of rows does not matter.

    Returns:
        Columns ``rows``, ``predicted`` (mean probability), ``observed`` (mean label).

    Raises:
        DataError: A label or probability is no number, or they differ in length.
        ConfigError: There is no bin.
    """
    at_least("reliability", 1, bins=bins)
    label, probability = numbers_by_row(label=label, probability=probability)
    ordered = np.sort(probability)
    smaller = np.searchsorted(ordered, probability, side="left")
    bin_of = smaller * bins // max(len(probability), 1)
    rows = np.bincount(bin_of, minlength=bins)
    predicted = np.bincount(bin_of, probability, minlength=bins)
    observed = np.bincount(bin_of, label > 0, minlength=bins)
    used = rows > 0
    return pl.DataFrame(
        {
            "rows": rows[used],
            "predicted": predicted[used] / rows[used],
            "observed": observed[used] / rows[used],
        }
    )


def calibration_error(label: object, probability: object, bins: int = 10) -> float:
    """Return the mean distance of predicted from observed over bins of equal mass.

    Source:
        Naeini et al. (2015), expected calibration error; equal mass after Nixon et
        al. (2019).
    """
    table = reliability(label, probability, bins)
    if not len(table):
        return float("nan")
    distance = (table["predicted"] - table["observed"]).abs().to_numpy()
    return float(np.average(distance, weights=table["rows"].to_numpy()))


def calibration_ratio(label: object, probability: object) -> float:
    """Return expected over observed positives: 1 is right, above 1 promises too much.

    It is NaN where there is no positive.
    """
    label, probability = numbers_by_row(label=label, probability=probability)
    positives = int((label > 0).sum())
    return float(probability.sum()) / positives if positives else float("nan")


def _starts_of_runs(key: Num[np.ndarray, " n"]) -> Int64[np.ndarray, " runs"]:
    """Return where each run of equal entries starts."""
    change = np.flatnonzero(key[1:] != key[:-1]) + 1
    return np.concatenate([np.zeros(min(1, len(key)), np.int64), change])


def _sums_of_runs(
    values: Float64[np.ndarray, " n"], first: Int64[np.ndarray, " runs"]
) -> Float64[np.ndarray, " runs"]:
    return np.add.reduceat(values, first) if len(first) else np.zeros(0)


def _mid_ranks(
    user: Integer[np.ndarray, " n"], score: Float[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return the place of each row, from 1, tied rows sharing their middle place."""
    tied = np.ones(len(score), np.bool_)
    tied[1:] = (user[1:] != user[:-1]) | (score[1:] != score[:-1])
    first = np.flatnonzero(tied)
    size = np.diff(np.append(first, len(score)))
    return np.repeat(first + (size + 1) / 2, size)
