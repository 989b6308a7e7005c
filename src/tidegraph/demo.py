"""The main job on real data: read, split, train, judge, recommend, report."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

import tidegraph as tg
from tidegraph.catalog import model as method_of
from tidegraph.data.check import check
from tidegraph.data.features import CATEGORIES, NAMES, first_feature_column
from tidegraph.data.interactions import Interactions
from tidegraph.data.public import load
from tidegraph.durations import whole_seconds
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.evaluate import evaluate
from tidegraph.evaluation.protocol import Recommender
from tidegraph.evaluation.report.html import Section, write_picture, write_report
from tidegraph.evaluation.report.html import Table as ReportTable
from tidegraph.evaluation.report.learning import learning_section
from tidegraph.evaluation.report.pictures import (
    evaluation_section,
    log_section,
    stage_bars,
)
from tidegraph.evaluation.report.summary import WIDTH
from tidegraph.evaluation.results import Evaluation
from tidegraph.pipeline import FittedPipeline, Pipeline
from tidegraph.pipeline.curves import curves_of
from tidegraph.ranges import above, at_least
from tidegraph.reranking.diversity import MMR
from tidegraph.retrieval.knn.similarity import Cosine
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.user_knn import UserKNN
from tidegraph.stages import Fold, Ranker

HABIT = ("item", "repeats", "user", "pair", "category", "co_occurrence", "votes")
"""What the ranker knows."""


@dataclass(frozen=True)
class Demo:
    """What the demonstration runs on, and how.

    Attributes:
        data: Name of a public data set.
        test_days: Length of the test part; the valid part before it is as long.
        households: How many users' recommendations to show.
        seed: Seed of everything random.
        rank: The click model that ranks, by its name in a recipe.
        say: Prints a line or a table.
    """

    data: str = "complete-journey"
    test_days: float = 14.0
    households: int = 3
    seed: int = 0
    rank: str = "DIN"
    say: Callable[[object], None] = field(default_factory=lambda: screen().print)

    def __post_init__(self) -> None:
        """Raise ConfigError if a setting is outside its range."""
        above("Demo", 0, test_days=self.test_days)
        at_least("Demo", 0, households=self.households, seed=self.seed)

    def run(self, folder: Path) -> Mapping[str, Evaluation]:
        """Do everything; leave report, picture and two model folders in ``folder``.

        Returns:
            The evaluation with, and that without items a user already knows.
        """
        # A name that is none is refused before anything is read.
        ranker(self.rank, tg.FeatureSet())
        self.say(f"[bold]Reading[/] {self.data}")
        log = load(self.data)
        self.say(check(log).text())
        train, valid, test = self._split(log)
        self.say(f"train {train!r}\nvalid {valid!r}\ntest  {test!r}")
        sections = [log_section(log)]
        found, known = dict[str, Evaluation](), Fold(train.followed_by(valid))
        fold = Fold(train)
        for repeat, title in ((True, "Repeats allowed"), (False, "New items only")):
            started = time.perf_counter()
            model = self._pipeline(log, repeat=repeat).fit(fold, valid, rng=self.seed)
            self.say(f"\n[bold]{title}[/]: {model.describe()}")
            self.say(f"trained in {time.perf_counter() - started:.1f} s")
            found[title] = self._judge(model, known, test)
            self.say(Text(found[title].text(width=min(screen().width, WIDTH))))
            lists = self._lists_with_hits(model, test)
            self.say(_lists_text(lists, title))
            sections.append(evaluation_section(found[title], title))
            sections.append(_lists_section(lists, title))
            learnt = learning_section(curves_of(model), f"Training: {title.lower()}")
            sections += [learnt] if learnt is not None else []
            model.save(folder / ("model-repeat" if repeat else "model-new"))
        stages = stage_bars(found["Repeats allowed"], "ndcg@10")
        write_picture(folder / "stages.svg", stages)
        write_report(folder / "report.html", f"tidegraph on {self.data}", sections)
        self.say(f"\nWrote {folder / 'report.html'} and the models beside it.")
        return found

    def _split(
        self, log: Interactions
    ) -> tuple[Interactions, Interactions, Interactions]:
        end = int(log.time[-1]) + 1
        part = whole_seconds(self.test_days)
        if end - 4 * part <= int(log.time[0]):
            raise DataError(
                f"{self.data} spans less than {4 * self.test_days:.0f} days, too short "
                "for a train, a valid and a test part."
            )
        first, second = end - 2 * part, end - part
        return log.before(first), log.since(first).before(second), log.since(second)

    def _pipeline(self, log: Interactions, *, repeat: bool) -> Pipeline:
        habit = (
            Repeat(half_life_days=90.0)
            if repeat
            else UserKNN(100, Cosine(), 0.0, half_life_days=None)
        )
        category = first_feature_column(CATEGORIES, log)
        return Pipeline(
            retrieve=(
                habit,
                RP3beta(alpha=0.8, beta=0.3, half_life_days=None),
                Popular(half_life_days=28.0),
            ),
            # Groceries are habit: more inputs take twice as long and add nothing.
            rank=ranker(self.rank, tg.FeatureSet(HABIT, category)),
            rerank=None if category is None else MMR(diversity=0.1, by=category),
            repeat=repeat,
            names=first_feature_column(NAMES, log),
        )

    def _judge(
        self, model: FittedPipeline, known: Fold, test: Interactions
    ) -> Evaluation:
        baselines: dict[str, Recommender] = {
            "Popular": Popular(half_life_days=None).fit(known)
        }
        if model.repeat:
            baselines["Repeat"] = Repeat(half_life_days=90.0).fit(known)
        return evaluate(
            model,
            test,
            train=model.graph,
            against=baselines,
            k=(10, 20, 50),
            by=first_feature_column(CATEGORIES, known.events),
            rng=self.seed,
        )

    def _lists_with_hits(
        self, model: FittedPipeline, test: Interactions
    ) -> pl.DataFrame:
        """Return some users' lists, and whether they went on to choose each item."""
        users = test.users.decode(test.user).unique(maintain_order=True)
        lists = model.recommend_all(users.head(self.households), k=5)
        later = test.frame().select("user", "item").unique()
        hit = lists.join(
            later.with_columns(chosen_later=pl.lit("yes")),
            on=["user", "item"],
            how="left",
            maintain_order="left",
        )["chosen_later"].fill_null("")
        return lists.with_columns(hit)


def ranker(name: str, features: tg.FeatureSet) -> Ranker:
    """Return a ranker by its name in a recipe, which knows these features.

    Raises:
        ConfigError: There is no such ranker, or it chooses no features.
    """
    made = method_of({"model": name}, "demo", "rank")
    if not isinstance(made, tg.NeuralRanker):
        raise ConfigError(
            f"the demonstration ranks by a click model, such as DIN or DSGL, and "
            f"{name} is none. Choose another."
        )
    return replace(made, features=features)


def screen() -> Console:
    """Return what prints to the terminal, or to a file as wide as texts are."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH)


def _lists_text(lists: pl.DataFrame, title: str) -> Table:
    """Return lists for a terminal; the report has their ids and channels too."""
    item = "name" if "name" in lists.columns else "item"
    shown = lists.select("user", item, "score", "why", "chosen_later")
    table = Table(*shown.columns, title=f"What it recommends ({title.lower()})")
    for row in shown.iter_rows():
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    return table


def _lists_section(lists: pl.DataFrame, title: str) -> Section:
    return Section(
        f"Three lists ({title.lower()})",
        "What three users of the test part would have been shown when it began, who "
        "proposed each item and why, and whether they went on to choose it.",
        tables=[ReportTable("Recommendations", lists)],
    )
