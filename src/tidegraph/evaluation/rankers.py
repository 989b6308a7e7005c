"""How good a ranker's probabilities are: AUC, GAUC, log loss and calibration."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Float64, Int64

from tidegraph.errors import DataError
from tidegraph.evaluation.metrics.classification import (
    auc,
    calibration_error,
    calibration_ratio,
    log_loss,
    log_losses,
    reliability,
    user_auc,
)
from tidegraph.evaluation.results import (
    corrected,
    with_worded_p,
    without_own_gain,
)
from tidegraph.evaluation.significance import bootstrap_p, interval, user_weights
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.rng import Seed, fresh_seed, generator
from tidegraph.stages import Candidates, Examples, FittedRanker, Requests

TESTED = ("auc", "gauc", "macro_auc", "log_loss")
"""The metrics that have intervals and tests, in the order of the columns of draws."""

RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class RankerEvaluation:
    """The scores of several rankers on the same impressions; the first is the subject.

    Attributes:
        scores: A row per model and user: impressions, positives, mean log loss, and
            AUC, null for a user with one class only.
        values: Columns model, metric, mean, low, high, gain, gain_low, gain_high, p,
            p_is_bound, p_holm, p_holm_is_bound; calibration has a mean only.
        curves: Columns model, rows, predicted, observed: the reliability diagram.
        dropped: How many users have one class only, and count in neither GAUC nor
            macro-AUC.
    """

    scores: pl.DataFrame
    values: pl.DataFrame
    curves: pl.DataFrame
    dropped: int

    def table(self) -> pl.DataFrame:
        """Return every metric of every ranker, with intervals and tests.

        Intervals and p-values come from resampling users (percentile bootstrap); gain
        is the subject's value less this model's, so for log loss negative is better.
        """
        return self.values

    def __str__(self) -> str:
        with pl.Config(
            tbl_rows=-1,
            tbl_cols=-1,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
            tbl_width_chars=160,
            float_precision=4,
        ):
            rows = self.scores.filter(model="model")["impressions"].sum()
            return (
                f"{rows:,} impressions | {self.dropped:,} users have one class only, "
                f"and no AUC of their own\n{with_worded_p(self.values)}"
            )

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class _Rows:
    """Impressions laid end to end, with everything that does not change by model."""

    user: Int64[np.ndarray, " n"]
    label: Bool[np.ndarray, " n"]
    names: Int64[np.ndarray, " users"]


def evaluate_ranker(
    ranker: FittedRanker,
    examples: Examples,
    *,
    against: Mapping[str, FittedRanker] | None = None,
    rng: Seed = 0,
) -> RankerEvaluation:
    """Return how well a ranker tells actions from impressions without one.

    Requests of users the graph does not hold count as one user.

    Args:
        ranker: Gives each candidate a probability.
        examples: Impressions, each as of its own clock, with what was chosen.
        against: Other rankers by name, to compare with.
        rng: Seed of intervals and tests; the same one gives the same table.

    Raises:
        DataError: There is no impression, or a score is no probability.
    """
    present = examples.candidates.present
    if not present.any():
        raise DataError("the examples hold no candidate, so there is nothing to judge.")
    owner = np.broadcast_to(examples.requests.user[:, None], present.shape)[present]
    names, user = np.unique(owner, return_inverse=True)
    label = examples.label[present] > 0
    rows = _Rows(user.astype(np.int64), label, names.astype(np.int64))
    models = {"model": ranker} | dict(against or {})
    probability = {
        name: _scored(model, examples.requests, examples.candidates)[present]
        for name, model in models.items()
    }
    seed = fresh_seed(generator(rng))
    return RankerEvaluation(
        pl.concat([_per_user(name, rows, p) for name, p in probability.items()]),
        _values(rows, probability, seed),
        pl.concat(
            [
                reliability(rows.label, p).select(pl.lit(name).alias("model"), pl.all())
                for name, p in probability.items()
            ]
        ),
        user_auc(rows.user, rows.label, probability["model"]).dropped,
    )


def _scored(
    model: FittedRanker, requests: Requests, candidates: Candidates
) -> Float32[np.ndarray, "b k"]:
    score = model.score(requests, candidates)
    if score.shape != candidates.item.shape:
        raise DataError(
            f"a ranker gave scores of shape {score.shape} for candidates of shape "
            f"{candidates.item.shape}. It must give one per candidate."
        )
    return score


def _per_user(
    name: str, rows: _Rows, probability: Float32[np.ndarray, " n"]
) -> pl.DataFrame:
    size = np.bincount(rows.user)
    grouped = user_auc(rows.user, rows.label, probability)
    own = np.full(len(size), np.nan)
    own[grouped.user] = grouped.auc
    loss = np.bincount(rows.user, log_losses(rows.label, probability)) / size
    return pl.DataFrame(
        {
            "model": [name] * len(size),
            "user": rows.names,
            "impressions": size,
            "positives": np.bincount(rows.user, rows.label).astype(np.int64),
            "log_loss": loss,
            "auc": own,
        }
    ).fill_nan(None)


def _values(
    rows: _Rows, probability: Mapping[str, Float32[np.ndarray, " n"]], seed: int
) -> pl.DataFrame:
    """Return the table; every model is resampled with the same users."""
    draws = {name: _draws(rows, p, seed) for name, p in probability.items()}
    means = {name: _tested(rows, p) for name, p in probability.items()}
    tables: list[pl.DataFrame] = []
    for name, mean in means.items():
        lead = draws["model"] - draws[name]
        low, high = interval(draws[name])
        gain_low, gain_high = interval(lead)
        chance = bootstrap_p(lead)
        columns = {
            "metric": TESTED,
            "mean": mean,
            "low": low,
            "high": high,
            "gain": means["model"] - mean,
            "gain_low": gain_low,
            "gain_high": gain_high,
            "p": chance.p,
            "p_is_bound": chance.is_bound,
        }
        tables.append(pl.DataFrame(columns).select(pl.lit(name).alias("model"), "*"))
    tested = without_own_gain(pl.concat(tables), "model", ("p", "p_is_bound"))
    tested = corrected(tested).fill_nan(None)
    calibrated = [_calibration(name, rows, p) for name, p in probability.items()]
    return pl.concat([tested, *calibrated], how="diagonal")


def _tested(
    rows: _Rows, probability: Float32[np.ndarray, " n"]
) -> Float64[np.ndarray, " tested"]:
    grouped = user_auc(rows.user, rows.label, probability)
    whole = auc(rows.label, probability)
    loss = log_loss(rows.label, probability)
    return np.array([whole, grouped.gauc, grouped.macro, loss])


def _calibration(
    name: str, rows: _Rows, probability: Float32[np.ndarray, " n"]
) -> pl.DataFrame:
    values = {
        "calibration_error": calibration_error(rows.label, probability),
        "calibration_ratio": calibration_ratio(rows.label, probability),
    }
    table = pl.DataFrame({"metric": list(values), "mean": list(values.values())})
    return table.select(pl.lit(name).alias("model"), "*").fill_nan(None)


def _draws(
    rows: _Rows, probability: Float32[np.ndarray, " n"], seed: int
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
    for weights in user_weights(len(size), RESAMPLES, np.random.default_rng(seed)):
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
    over_rows(
        lambda a, b: _auc_rows(weights, user, label, score, out, a, b),
        len(weights),
        grain=16,
    )


@compiled
def _auc_rows(
    weights: np.ndarray,
    user: np.ndarray,
    label: np.ndarray,
    score: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    for r in range(first, last):
        won, below, ups = 0.0, 0.0, 0.0
        at = 0
        while at < score.size:
            # Rows of one score stand together; pairs within them count half.
            tied_ups, tied_downs = 0.0, 0.0
            value = score[at]
            while at < score.size and score[at] == value:
                w = weights[r, user[at]]
                if label[at]:
                    tied_ups += w
                else:
                    tied_downs += w
                at += 1
            won += tied_ups * (below + tied_downs / 2)
            below += tied_downs
            ups += tied_ups
        out[r] = won / (ups * below) if ups > 0 and below > 0 else np.nan
