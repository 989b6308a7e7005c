"""Users by how much they had done, and where among them one model is ahead."""

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.arguments import checked
from tidegraph.bench.scores import RESAMPLES, Scores
from tidegraph.errors import ConfigError
from tidegraph.evaluation.rankers import evaluate_runs
from tidegraph.evaluation.resampling import Impressions
from tidegraph.evaluation.slices import GROUPS, activity_groups
from tidegraph.rng import Seed


@checked(ConfigError)
def gains_by_activity(scores: Scores, *, rng: Seed = 0) -> pl.DataFrame:
    """Return how far the subject is ahead of every model, by activity of users.

    Args:
        scores: A comparison, judged.
        rng: Seed of intervals.

    Returns:
        Columns group, users, model, ``auc`` and, of the AUC of the subject above it,
        ``gain`` with the ends ``gain_low`` and ``gain_high`` of its interval.
    """
    rows, runs = scores.comparison.rows(), scores.comparison.runs()
    ordered = {scores.subject: runs[scores.subject]} | runs
    tables: list[pl.DataFrame] = []
    for name, held in held_by_activity(scores).items():
        part, users = some_impressions(rows, held), len(np.unique(rows.user[held]))
        some = {model: [run[held] for run in each] for model, each in ordered.items()}
        found = evaluate_runs(part, some, resamples=RESAMPLES, rng=rng).table()
        tables.append(
            found.filter(metric="auc").select(
                pl.lit(name).alias("group"),
                pl.lit(users).alias("users"),
                "model",
                pl.col("mean").alias("auc"),
                *(f"gain{end}" for end in ("", "_low", "_high")),
            )
        )
    return pl.concat(tables)


def held_by_activity(scores: Scores) -> dict[str, Int64[np.ndarray, " held"]]:
    """Return the impressions of the test by activity of users, where both are found.

    Activity is how many events users had before their first request of the test;
    groups without positives or without negatives are left out.
    """
    test, rows = scores.comparison.parts.test, scores.comparison.rows()
    size = np.diff(test.requests.history.ptr).astype(np.float64)
    _, user = np.unique(test.requests.user, return_inverse=True)
    least = np.full(user.max(initial=-1) + 1, np.inf)
    np.minimum.at(least, user, size)
    group = np.array(activity_groups(least))[rows.user]
    held = {name: np.flatnonzero(group == name) for name in GROUPS}
    return {
        name: some
        for name, some in held.items()
        if 0 < rows.label[some].sum() < len(some)
    }


def some_impressions(
    rows: Impressions, held: Int64[np.ndarray, " held"]
) -> Impressions:
    """Return some impressions, of the users who have one among them."""
    names, user = np.unique(rows.user[held], return_inverse=True)
    return Impressions(user.astype(np.int64), rows.label[held], rows.names[names])
