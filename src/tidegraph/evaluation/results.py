"""What an evaluation found: per-user scores, and the tables made of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Float64, Int64

from tidegraph.errors import RequestError
from tidegraph.evaluation.pvalues import PValues, holm, p_text
from tidegraph.evaluation.report.summary import (
    WIDTH,
    align_rows,
    by_metric,
    metric_cells,
    summary_table,
    table_headings,
    wrap_parts,
)
from tidegraph.evaluation.significance import (
    bootstrap_means,
    paired_test,
    percentile_interval,
)
from tidegraph.evaluation.slices import COLD, GROUPS, TAIL

KEYS = ("model", "user", "group", "history")
"""Columns of per-user scores that are no metric."""


@dataclass(frozen=True)
class Setup:
    """How an evaluation was made; stands above every table.

    Attributes:
        protocol: ``full ranking``, or ``sampled 100`` with the number of negatives.
        repeat: Could items that the user has already interacted with be recommended?
        when: The clock of the requests.
        requests: How many were made.
        dropped: How many were left out, as nothing new was left for them to find.
        unseen: Share of the relevant items that training never saw; None where no
            training log is known.
        seed: Where the randomness of intervals and tests starts.
        notes: What lists made elsewhere lack.
    """

    protocol: str
    repeat: bool
    when: str
    requests: int
    dropped: int
    unseen: float | None
    seed: int
    notes: tuple[str, ...] = ()

    def parts(self) -> list[str]:
        """Return what is to be said, each a few words."""
        said = [
            self.protocol,
            "repeats allowed" if self.repeat else "only items new to the user",
            f"{self.requests:,} requests, {self.when}",
        ]
        if self.unseen is not None:
            said.append(
                f"{self.unseen:.1%} of the relevant items are unknown to training"
            )
        if self.dropped:
            said.append(f"{self.dropped:,} left out: nothing new to find")
        return [*said, *self.notes]

    def __str__(self) -> str:
        return " | ".join(self.parts())


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of several models on the same requests; the first is the subject.

    Attributes:
        setup: How it was made.
        scores: A row per model and user with a column per metric, null where the user
            has none; the mean over a user's requests. Also ``group`` (activity) and
            ``history`` (how many actions were known at the first of them).
        tail: The same with only tail items counting as found, for users with any.
        catalogue: Columns model, metric, value: what concerns lists as a whole.
        exposure: Per model, how many of the longest lists hold each item that training
            saw: those that coverage and Gini are of. Empty where no training is known.
    """

    setup: Setup
    scores: pl.DataFrame
    tail: pl.DataFrame
    catalogue: pl.DataFrame
    exposure: Mapping[str, Int64[np.ndarray, " seen"]]

    @property
    def models(self) -> list[str]:
        """Names of the models, the subject first."""
        return self.scores["model"].unique(maintain_order=True).to_list()

    @cached_property
    def _metric_table(self) -> pl.DataFrame:
        rng = np.random.default_rng(self.setup.seed)
        tested = _with_tests(_means_with_intervals(self.scores, rng), self.scores, rng)
        whole = self.catalogue.rename({"value": "mean"})
        return pl.concat([tested, whole], how="diagonal")

    def table(self) -> pl.DataFrame:
        """Return every metric of every model, with intervals and tests.

        Returns:
            Columns model, metric, users, mean, low, high (95 % by the percentile
            bootstrap over users; null for fewer than two), gain (the subject's mean
            less this model's), gain_low, gain_high, p (paired sign-flip test), p_holm
            (corrected for all rows with a test), p_is_bound and p_holm_is_bound (the
            value is known only to be no larger). Metrics of whole catalogues have a
            mean only.
        """
        return self._metric_table

    def mean(self, metric: str, model: str | None = None) -> float:
        """Return the mean of a metric alone, as ``table`` has it; nan if there is none.

        Args:
            metric: Such as ``ndcg@10``.
            model: Name of a model; the subject if left out.

        Raises:
            RequestError: There is no such model or metric.
        """
        name = self.models[0] if model is None else model
        whole = self.catalogue.filter(model=name, metric=metric)
        known = {*_metric_names(self.scores), *self.catalogue["metric"]}
        if name not in self.models or metric not in known:
            raise RequestError(
                f"there is no {metric!r} of {name!r}. Models: "
                f"{', '.join(self.models)}; metrics: {', '.join(sorted(known))}."
            )
        own = self.scores.filter(model=name)
        values = whole["value"] if len(whole) else own[metric]
        mean = cast(float | None, values.mean())
        return math.nan if mean is None else mean

    def slices(self) -> pl.DataFrame:
        """Return the table's means, intervals and gains for parts of users and items.

        Untested, since there are many. Parts: cold users (no history before their first
        request), thirds of the others by activity, and tail items, where only those
        count as found.

        Returns:
            Column slice, then those of ``table`` up to gain_high.
        """
        rng = np.random.default_rng(self.setup.seed)
        parts = [(name, self.scores.filter(group=name)) for name in GROUPS]
        parts.append((TAIL, self.tail))
        tables = [
            _means_with_intervals(part, rng).select(
                pl.lit(name).alias("slice"), pl.all()
            )
            for name, part in parts
            if len(part)
        ]
        if not tables:
            whole = _means_with_intervals(self.scores, rng)
            return whole.select(pl.lit("").alias("slice"), pl.all()).clear()
        return pl.concat(tables)

    def readable(self) -> pl.DataFrame:
        """Return the table as words: a row per metric, columns per model.

        Returns:
            Column metric; for each model its mean with the interval; for each but the
            first also the first model's gain over it, and the corrected p.
        """
        table = self.table()
        names = ["metric", *table_headings(self.models)]
        rows = [
            [metric, *metric_cells([part[m][0] for m in self.models])]
            for metric, part in by_metric(table).items()
        ]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")

    def text(self, k: int | None = None, *, width: int = WIDTH) -> str:
        """Return a row per model for reading, with how it was made above it.

        For each length of list: what it finds, how varied it is, and what the first
        model gains over it; ``table`` and ``readable`` have every metric.

        Args:
            k: Length of list; every one that was judged if left out.
            width: No line is longer, unless it is one word.
        """
        cold = self.scores.filter(model=self.models[0], group=COLD).height
        users = self.scores.filter(model=self.models[0]).height
        notes = ["means ± half a 95 % interval over users"]
        if len(self.models) > 1:
            notes = [
                f"{notes[0]}; gain in ndcg over each row",
                "p: its paired sign-flip test, Holm-corrected over all metrics and "
                "models",
            ]
        if self.scores["group"].null_count() == 0:
            # Without a training log no history is known, which is said above.
            notes.append(f"{cold:,} of {users:,} users had no history")
        lines = wrap_parts(self.setup.parts(), width)
        for cut in self.cutoffs if k is None else [k]:
            lines += [
                "",
                *align_rows(summary_table(self.table(), self.models, cut), width),
            ]
        return "\n".join(
            [
                *lines,
                "",
                *(line for note in notes for line in wrap_parts([note], width)),
            ]
        )

    @property
    def cutoffs(self) -> list[int]:
        """Lengths of list that were judged, shortest first."""
        names = [name for name in self.scores.columns if name.startswith("ndcg@")]
        return sorted(int(name.split("@")[1]) for name in names)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__


def _metric_names(scores: pl.DataFrame) -> list[str]:
    return [name for name in scores.columns if name not in KEYS]


def _scores_by_model(
    scores: pl.DataFrame,
) -> Float64[np.ndarray, "models users metrics"]:
    """Return each model's scores, NaN for null; all models judge the same users."""
    names = _metric_names(scores)
    parts = scores.partition_by("model", maintain_order=True)
    return np.stack(
        [part.select(pl.col(names).fill_null(np.nan)).to_numpy() for part in parts]
    ).astype(np.float64)


def _means_with_intervals(
    scores: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Return means with intervals, and what the first model has more than each."""
    values = _scores_by_model(scores)
    gains = values[:1] - values
    wide = np.concatenate([*values, *gains], axis=1)
    low, high = percentile_interval(bootstrap_means(wide, rng=rng))
    known = ~np.isnan(wide)
    users = known.sum(axis=0)
    # One user says nothing of how far others are from them.
    low[users < 2] = high[users < 2] = np.nan
    blank = np.full(len(users), np.nan)
    total = np.where(known, wide, 0.0).sum(axis=0)
    mean = np.divide(total, users, out=blank, where=users > 0)
    names, half = _metric_names(scores), len(users) // 2
    models = scores["model"].unique(maintain_order=True).to_list()
    table = pl.DataFrame(
        {
            "model": np.repeat(models, len(names)),
            "metric": names * len(models),
            "users": users[:half],
            "mean": mean[:half],
            "low": low[:half],
            "high": high[:half],
            "gain": mean[half:],
            "gain_low": low[half:],
            "gain_high": high[half:],
        }
    )
    return without_own_gain(table, models[0]).fill_nan(None)


def without_own_gain(
    table: pl.DataFrame, subject: str, also: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Return a table where the subject has no gain over itself.

    Args:
        table: Columns model, gain, gain_low, gain_high.
        subject: The model that the others are compared with.
        also: Further columns that say something of the gain.
    """
    other = pl.when(pl.col("model") != subject)
    columns = ("gain", "gain_low", "gain_high", *also)
    return table.with_columns(other.then(pl.col(name)) for name in columns)


def _with_tests(
    table: pl.DataFrame, scores: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Add the paired test of each gain, and its value corrected for all of them."""
    values = _scores_by_model(scores)
    tested = values.shape[2]
    p = np.full(values.shape[0] * tested, np.nan)
    is_bound = np.zeros(len(p), np.bool_)
    if len(values) > 1:
        gains = np.concatenate([*(values[:1] - values[1:])], axis=1)
        chance = paired_test(gains, rng=rng)
        p[tested:], is_bound[tested:] = chance.p, chance.is_bound
    return with_holm(table.with_columns(p=pl.Series(p), p_is_bound=pl.Series(is_bound)))


def with_holm(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table with ``p_holm``: its p corrected for all of its tests.

    Args:
        table: Columns p, NaN or null where nothing was tested, and p_is_bound.
    """
    p = table["p"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    is_bound = table["p_is_bound"].fill_null(False).to_numpy()
    family = holm(PValues(p, is_bound))
    tested = pl.col("p").is_not_null()
    return (
        table.with_columns(
            p_holm=pl.Series(family.p), p_holm_is_bound=pl.Series(family.is_bound)
        )
        .fill_nan(None)
        .with_columns(
            pl.when(tested).then("p_is_bound"), pl.when(tested).then("p_holm_is_bound")
        )
    )


def with_worded_p(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose p-values are words, ``<`` where they are bounds."""
    for name in ("p", "p_holm"):
        pairs = zip(table[name], table[f"{name}_is_bound"], strict=True)
        words = pl.Series(name, [p_text(*pair) for pair in pairs], pl.String)
        table = table.with_columns(words).drop(f"{name}_is_bound")
    return table
