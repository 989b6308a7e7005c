"""How good a ranker's probabilities are: AUC, GAUC, log loss and calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Float32

from tidegraph.arguments import checked
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.metrics.classification import (
    calibration_error,
    calibration_ratio,
    log_losses,
    reliability,
    user_auc,
)
from tidegraph.evaluation.resampling import (
    TESTED,
    Impressions,
    Run,
    measured_metrics,
    resampled_means,
)
from tidegraph.evaluation.results import with_holm, with_worded_p, without_own_gain
from tidegraph.evaluation.significance import bootstrap_p, percentile_interval
from tidegraph.progress import track
from tidegraph.rng import Seed, fresh_seed, generator
from tidegraph.stages import Candidates, Examples, FittedRanker, Requests, right_for

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
            rows = self.scores.filter(model=self.scores["model"][0])[
                "impressions"
            ].sum()
            return (
                f"{rows:,} impressions | {self.dropped:,} users have one class only, "
                f"and no AUC of their own\n{with_worded_p(self.values)}"
            )

    __repr__ = __str__


@checked(ConfigError)
def evaluate_ranker(
    ranker: FittedRanker,
    examples: Examples,
    *,
    against: Mapping[str, FittedRanker] | None = None,
    rng: Seed = 0,
) -> RankerEvaluation:
    """Return how well a ranker tells actions from impressions without one.

    Requests of users the graph does not hold count as one user. Each impression counts
    once, whatever ``weight`` the examples have to learn from.

    Args:
        ranker: Gives each candidate a probability.
        examples: Impressions, each as of its own clock, with what was chosen.
        against: Other rankers by name, to compare with, by the label that ``ranker``
            answers.
        rng: Seed of intervals and tests; the same one gives the same table.

    Raises:
        DataError: There is no impression, or a score is no probability.
    """
    told = replace(examples, label=right_for(ranker, examples))
    rows, present = Impressions.of(told), examples.candidates.present
    models = {"model": ranker} | dict(against or {})
    runs = {
        name: [_checked_scores(model, examples.requests, examples.candidates)[present]]
        for name, model in models.items()
    }
    return evaluate_runs(rows, runs, rng=rng)


@checked(ConfigError)
def evaluate_runs(
    rows: Impressions,
    runs: Mapping[str, Sequence[Run]],
    *,
    resamples: int = RESAMPLES,
    rng: Seed = 0,
) -> RankerEvaluation:
    """Return how well models tell actions from impressions, by their probabilities.

    What is said of a model is the mean over its runs, such as trainings of several
    seeds; intervals and tests are over users.

    Args:
        rows: The impressions.
        runs: Probabilities of each impression, by model; the first is the subject.
        resamples: How many times users are drawn; p-values go down to 2 / resamples.
        rng: Seed of intervals and tests; the same one gives the same table.

    Raises:
        DataError: A score is no probability.
    """
    seed, subject = fresh_seed(generator(rng)), next(iter(runs))
    return RankerEvaluation(
        pl.concat([_per_user_table(name, rows, each) for name, each in runs.items()]),
        _metrics_with_intervals(rows, runs, resamples, seed),
        pl.concat(
            [_reliability_curve(name, rows, each) for name, each in runs.items()]
        ),
        user_auc(rows.user, rows.label, runs[subject][0]).dropped,
    )


def _checked_scores(
    model: FittedRanker, requests: Requests, candidates: Candidates
) -> Float32[np.ndarray, "b k"]:
    score = model.score(requests, candidates)
    if score.shape != candidates.item.shape:
        raise DataError(
            f"a ranker gave scores of shape {score.shape} for candidates of shape "
            f"{candidates.item.shape}. It must give one per candidate."
        )
    return score


def _per_user_table(name: str, rows: Impressions, runs: Sequence[Run]) -> pl.DataFrame:
    size = np.bincount(rows.user)
    own, loss = np.full((2, len(runs), len(size)), np.nan)
    for n, probability in enumerate(runs):
        grouped = user_auc(rows.user, rows.label, probability)
        own[n, grouped.user] = grouped.auc
        loss[n] = np.bincount(rows.user, log_losses(rows.label, probability)) / size
    return pl.DataFrame(
        {
            "model": [name] * len(size),
            "user": rows.names,
            "impressions": size,
            "positives": np.bincount(rows.user, rows.label).astype(np.int64),
            "log_loss": loss.mean(axis=0),
            "auc": own.mean(axis=0),
        }
    ).fill_nan(None)


def _reliability_curve(
    name: str, rows: Impressions, runs: Sequence[Run]
) -> pl.DataFrame:
    """Return the reliability of all runs together."""
    label, probability = np.tile(rows.label, len(runs)), np.concatenate(runs)
    return reliability(label, probability).select(pl.lit(name).alias("model"), pl.all())


def _metrics_with_intervals(
    rows: Impressions, runs: Mapping[str, Sequence[Run]], resamples: int, seed: int
) -> pl.DataFrame:
    """Return the table; every model is resampled with the same users."""
    subject = next(iter(runs))
    draws = {
        name: resampled_means(rows, each, resamples, seed)
        for name, each in track(runs.items(), "resampling users")
    }
    means = {name: measured_metrics(rows, each) for name, each in runs.items()}
    tables: list[pl.DataFrame] = []
    for name, mean in means.items():
        lead = draws[subject] - draws[name]
        low, high = percentile_interval(draws[name])
        gain_low, gain_high = percentile_interval(lead)
        if len(rows.names) < 2:
            for ends in (low, high, gain_low, gain_high):
                ends[:] = np.nan
        chance = bootstrap_p(lead)
        columns = {
            "metric": TESTED,
            "mean": mean,
            "low": low,
            "high": high,
            "gain": means[subject] - mean,
            "gain_low": gain_low,
            "gain_high": gain_high,
            "p": chance.p,
            "p_is_bound": chance.is_bound,
        }
        tables.append(pl.DataFrame(columns).select(pl.lit(name).alias("model"), "*"))
    tested = without_own_gain(pl.concat(tables), subject, ("p", "p_is_bound"))
    tested = with_holm(tested).fill_nan(None)
    calibrated = [_calibration_table(name, rows, each) for name, each in runs.items()]
    return pl.concat([tested, *calibrated], how="diagonal")


def _calibration_table(
    name: str, rows: Impressions, runs: Sequence[Run]
) -> pl.DataFrame:
    values = {
        "calibration_error": [calibration_error(rows.label, p) for p in runs],
        "calibration_ratio": [calibration_ratio(rows.label, p) for p in runs],
    }
    means = [float(np.mean(each)) for each in values.values()]
    table = pl.DataFrame({"metric": list(values), "mean": means})
    return table.select(pl.lit(name).alias("model"), "*").fill_nan(None)
