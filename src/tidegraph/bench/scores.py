"""What a comparison says: the table, and which model is worth having on this log."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegraph.bench.models import CONTROL
from tidegraph.bench.run import Comparison
from tidegraph.errors import RequestError
from tidegraph.evaluation.pvalues import SURELY, PValues, holm, p_text
from tidegraph.evaluation.rankers import RankerEvaluation, evaluate_runs
from tidegraph.rng import Seed

RESAMPLES = 20_000
"""So many, that a p-value that counts for a hundred tests can still be small."""


@dataclass(frozen=True, eq=False)
class Scores:
    """A comparison, judged.

    Attributes:
        comparison: The trainings.
        evaluation: The models on the test, the subject first.
    """

    comparison: Comparison
    evaluation: RankerEvaluation

    @classmethod
    def of(
        cls, comparison: Comparison, subject: str = CONTROL, *, rng: Seed = 0
    ) -> "Scores":
        """Judge every model on the test, each beside a subject.

        Args:
            comparison: The trainings.
            subject: The model that the others are compared with.
            rng: Seed of intervals and tests.

        Raises:
            RequestError: The subject was not trained.
        """
        runs = comparison.runs()
        if subject not in runs:
            raise RequestError(
                f"{subject!r} is not among what was compared: {', '.join(runs)}. "
                "Compare it as well, or name another subject."
            )
        ordered = {subject: runs[subject]} | runs
        found = evaluate_runs(comparison.rows(), ordered, resamples=RESAMPLES, rng=rng)
        return cls(comparison, found)

    @property
    def subject(self) -> str:
        """The model that the others are compared with."""
        return self.evaluation.scores["model"][0]

    def table(self) -> pl.DataFrame:
        """Return a row per model, the best AUC first.

        Returns:
            Columns model; auc, gauc and log_loss, each with the ends ``_low`` and
            ``_high`` of its interval; ``deviation`` of the AUC over seeds; ``lead``,
            the AUC above the subject's, with its ends; ``p`` of that, corrected for
            every model, and whether it is but a bound; the AUC on validation;
            seconds, processor_seconds, parameters and epochs of a training, means.
        """
        chance = self._p_of_leads()
        rows = [
            self._row_of_model(name) | chance[name] for name in self.comparison.trained
        ]
        return pl.DataFrame(rows).sort("auc", descending=True, maintain_order=True)

    def _p_of_leads(self) -> dict[str, dict[str, object]]:
        """Return p of each model's lead; what is asked here is one question for each.

        The corrected p of the evaluation is for its other metrics as well.
        """
        table = self.evaluation.table().filter(pl.col("p").is_not_null(), metric="auc")
        raw = table["p"].to_numpy(), table["p_is_bound"].to_numpy()
        family = holm(PValues(raw[0].astype(np.float64), raw[1].astype(np.bool_)))
        values = zip(
            table["model"], family.p.tolist(), family.is_bound.tolist(), strict=True
        )
        none: dict[str, object] = {"p": None, "p_is_bound": None}
        found = {name: {"p": p, "p_is_bound": bound} for name, p, bound in values}
        return {name: found.get(name, none) for name in self.comparison.trained}

    def _row_of_model(self, name: str) -> dict[str, object]:
        trained = self.comparison.trained[name]
        table = self.evaluation.table().filter(model=name)
        row: dict[str, object] = {"model": name, "runs": len(trained)}
        for metric in ("auc", "gauc", "log_loss"):
            found = table.row(by_predicate=pl.col("metric") == metric, named=True)
            row[metric] = found["mean"]
            row[f"{metric}_low"], row[f"{metric}_high"] = found["low"], found["high"]
        found = table.row(by_predicate=pl.col("metric") == "auc", named=True)
        ends = found["gain"], found["gain_high"], found["gain_low"]
        for key, end in zip(("lead", "lead_low", "lead_high"), ends, strict=True):
            row[key] = None if end is None else -end
        row["deviation"] = float(np.std([one.test_auc for one in trained]))
        row["valid_auc"] = float(np.mean([one.valid_auc for one in trained]))
        row["setting"] = trained[0].setting
        for key in ("seconds", "processor_seconds", "parameters", "epochs"):
            row[key] = float(np.mean([getattr(one, key) for one in trained]))
        return row

    def better(self) -> list[str]:
        """Return who is surely better than the subject by AUC, best on valid first."""
        table = self.table().filter(pl.col("lead") > 0, pl.col("p") < SURELY)
        return table.sort("valid_auc", descending=True)["model"].to_list()

    def verdict(self) -> str:
        """Return in plain words which model is worth having here."""
        better, table = self.better(), self.table()
        if len(table) == 1:
            return f"{self.subject} was compared with no other model."
        if not better:
            return (
                f"No model is surely better than {self.subject} here: take it, it is "
                "the cheapest. More events would tell smaller differences apart."
            )
        best = table.row(by_predicate=pl.col("model") == better[0], named=True)
        said = (
            f"Worth having here: {better[0]}, the best on validation of those that are "
            f"surely better than {self.subject}; AUC on the test {best['auc']:.4f}, "
            f"{_lead_text(best)} (p {p_text(best['p'], best['p_is_bound'])})."
        )
        cheap = min(better, key=lambda name: self._mean_seconds(name))
        if (
            cheap != better[0]
            and self._mean_seconds(cheap) < self._mean_seconds(better[0]) / 2
        ):
            row = table.row(by_predicate=pl.col("model") == cheap, named=True)
            said += (
                f" The cheapest of them is {cheap}: {_lead_text(row)}, in "
                f"{self._mean_seconds(cheap):.0f} s a training in place of "
                f"{self._mean_seconds(better[0]):.0f} s."
            )
        rest = [name for name in table["model"] if name not in (*better, self.subject)]
        if rest:
            said += f" Not surely better: {', '.join(rest)}."
        return said

    def text(self) -> str:
        """Return what was compared, which model is worth having, and who read less."""
        comparison = self.comparison
        parts = comparison.parts
        said = (str(parts), parts.doubt, self.verdict(), comparison.unread())
        return "\n\n".join(filter(None, said))

    def _mean_seconds(self, name: str) -> float:
        trained = self.comparison.trained[name]
        return float(np.mean([one.processor_seconds for one in trained]))

    def readable(self) -> pl.DataFrame:
        """Return the table as words."""
        rows = self.table().iter_rows(named=True)
        return pl.DataFrame([_row_text(row) for row in rows])


def markdown_table(table: pl.DataFrame) -> str:
    """Return a table of words in Markdown."""
    rows: Iterable[tuple[object, ...]] = (
        tuple(table.columns),
        tuple("---" for _ in table.columns),
        *table.iter_rows(),
    )
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _row_text(row: dict[str, object]) -> dict[str, str]:
    def spread(name: str) -> str:
        return _value_with_interval(row, name, "")

    led = row["lead"] is not None
    return {
        "model": str(row["model"]),
        "AUC": spread("auc"),
        "± seeds": f"{row['deviation']:.4f}",
        "GAUC": spread("gauc"),
        "log loss": spread("log_loss"),
        "lead": _lead_text(row) if led else "",
        "p": p_text(row["p"], row["p_is_bound"]) if led else "",  # pyright: ignore
        "processor s": f"{row['processor_seconds']:.1f}",
        "parameters": f"{row['parameters']:,.0f}",
    }


def _lead_text(row: dict[str, object]) -> str:
    return _value_with_interval(row, "lead", "+")


def _value_with_interval(row: dict[str, object], name: str, sign: str) -> str:
    """Return a value with the ends of its interval, which one user alone has not."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    text = f"{row[name]:{sign}.4f}"
    return text if low is None else f"{text} [{low:{sign}.4f}, {high:{sign}.4f}]"
