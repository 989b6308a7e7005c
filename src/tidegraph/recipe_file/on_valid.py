"""How every channel and stage of a pipeline does on the valid part."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from jaxtyping import Float64

from tidegraph.data.interactions import Interactions
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.errors import DataError
from tidegraph.evaluation.answers import lists_by_stage, lists_of_models
from tidegraph.evaluation.evaluate import task_of
from tidegraph.evaluation.judging import judge_lists
from tidegraph.evaluation.metrics.ranking import hits, recall
from tidegraph.evaluation.pvalues import SURELY, p_text
from tidegraph.evaluation.report.summary import WIDTH
from tidegraph.evaluation.results import Evaluation
from tidegraph.evaluation.significance import paired_test
from tidegraph.evaluation.slices import COLD
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.live import Graph
from tidegraph.pipeline import FittedPipeline, Pipeline
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.scoring.evidence import positive_events
from tidegraph.rng import generator
from tidegraph.run import Run
from tidegraph.stages import (
    Candidates,
    FittedRetriever,
    Fold,
    ItemSets,
    Requests,
    Train,
    called,
    fit_in,
    label_answered,
)

K = 10
"""Length of the lists that are judged."""
ALL = "all candidates"


def judge_on_valid(
    pipeline: Pipeline,
    model: FittedPipeline,
    train: Train,
    valid: Interactions,
    *,
    graph: Graph | None = None,
    run: Run | None = None,
) -> "ValidReport":
    """Return how each part does on ``valid``, or why that is nothing to judge by.

    Args:
        pipeline: What was trained.
        model: What came of it, which knows ``valid``.
        train: What is known before ``valid``; retrieval is fitted on it, as far as it
            is a fold on which that was not done.
        valid: What happened after it.
        graph: Further nodes and edges that it was trained with, if any.
        run: In what circumstances channels trained, if they matter.
    """
    # What it learns without valid has checkpoints of its own.
    run = None if run is None else run.child("valid")
    judged = pipeline.refitted(model, train, graph=graph, run=run)
    try:
        task = task_of(judged, valid, train=judged.graph)
    except DataError as error:
        # The model is trained and saved; a small valid part takes nothing from it.
        return ValidReport(None, {}, (f"valid cannot be judged on: {error}",))
    parts = _EachPart(
        judged, fit_in(Popular(), Fold.of(train, "Popular"), None), task.relevant
    )
    result = judge_lists(lists_of_models(parts, task, K, "every stage"), task, k=(K,))
    repeats = warn_if_repeats_rare(pipeline, Fold.of(train, "train"))
    if other := judged_by_actions(pipeline.rank):
        notes = [*repeats, other]
    else:
        behind = *parts_behind_popular(result), *channels_ahead_of_all(result)
        notes = [*behind, *repeats]
        if pipeline.rank is not None:
            notes += ranker_without_gain(result, called(pipeline.rank))
    learns = pipeline.blend.learns
    return ValidReport(result, parts.recalls(), tuple(notes), parts.width, learns)


@dataclass(frozen=True, eq=False)
class ValidReport:
    """How each part of a pipeline does on what happened after its training.

    Attributes:
        evaluation: Of the whole, of each stage and of each channel; none where nothing
            can be judged.
        recalls: The mean recall of what retrieval proposes and of what each channel
            would alone, by name.
        notes: What stands out, or why nothing can be judged.
        width: How many items retrieval proposes.
        learns: Were the weights of channels learnt from what is judged on?
    """

    evaluation: Evaluation | None
    recalls: Mapping[str, float]
    notes: tuple[str, ...]
    width: int = 0
    learns: bool = False

    def text(self, width: int = WIDTH) -> str:
        """Return it for reading, in tables of a width."""
        if self.evaluation is None:
            return "\n".join(self.notes)
        but = ", but for weights of channels" if self.learns else ""
        whole = self.recalls[ALL]
        others = [f"{name} {r:.4f}" for name, r in self.recalls.items() if name != ALL]
        return "\n".join(
            [
                f"on valid, which these have not seen{but}:\n"
                f"{self.evaluation.text(width=width)}",
                f"recall@{self.width} of what retrieval proposes: {whole:.4f}; "
                f"{', '.join(others)}",
                *self.notes,
            ]
        )


def warn_if_repeats_rare(pipeline: Pipeline, known: Fold) -> list[str]:
    """Return a warning that lists may repeat items where hardly an event does.

    Settings that are left to the log draw the line at the same share.
    """
    if not pipeline.repeat:
        return []
    allowed, share = MayRepeat.of(None, known.view(positive_events))
    if allowed:
        return []
    return [
        f"{share:.1%} of the events known repeat an item of the user, and "
        "lists may hold such items: repeat = false in the recipe leaves them out"
    ]


def judged_by_actions(ranker: object) -> str:
    """Return that lists which a ranker orders by a further label are not judged by it.

    Blank where it answers what they are judged by, or there is none.
    """
    label = label_answered(ranker)
    if label == ACTION:
        return ""
    return (
        f"{called(ranker)} answers {label!r}, and lists are judged here by every action"
        " of the log, which says little of how good it is: judge it by evaluate, with "
        "a --label that is true of the same events"
    )


def ranker_without_gain(result: Evaluation, ranker: str) -> list[str]:
    """Return that a ranker does not surely rank better than retrieval, if so."""
    ranked = "after rank" if "after rank" in result.models else "model"
    wide = result.scores.pivot(on="model", index="user", values=f"ndcg@{K}")
    gain = (wide[ranked] - wide["after retrieve"]).to_numpy()
    chance = paired_test(gain[:, None], rng=generator(0))
    p, is_bound = float(chance.p[0]), bool(chance.is_bound[0])
    if gain.mean() > 0 and p < SURELY:
        return []
    return [
        f"{ranker} does not surely add to retrieval: ndcg@{K} {gain.mean():+.4f}, "
        f"p {p_text(p, is_bound)}; without [rank] the model trains and answers faster"
    ]


@dataclass(eq=False)
class _EachPart:
    """Lets each part of a pipeline answer once, and counts what retrieval proposes.

    Attributes:
        model: The pipeline.
        popular: Fitted on the same events.
        relevant: What the requests, of which it gets one block after the other, should
            find.
    """

    model: FittedPipeline
    popular: FittedRetriever
    relevant: ItemSets
    _recall: dict[str, list[Float64[np.ndarray, " b"]]] = field(default_factory=dict)
    _row: int = 0

    @property
    def width(self) -> int:
        """How many items retrieval proposes."""
        return min(self.model.serving.candidates, len(self.model.graph.items))

    def __call__(self, requests: Requests) -> dict[str, Candidates]:
        """Return the lists of the whole, of each stage, and of each channel."""
        found = self.model.steps.each(requests, K)
        proposed = {"Popular": self.popular.retrieve(requests, max(K, self.width))}
        proposed |= {f"channel {n}": answer for n, answer in found.channels.items()}
        self._count_recall({ALL: found.candidates} | proposed, len(requests))
        alone = {name: answer.top(K) for name, answer in proposed.items()}
        return lists_by_stage(found.stages, "model") | alone

    def recalls(self) -> dict[str, float]:
        """Return the mean recall of all candidates, and of what each proposes alone."""
        return {n: float(np.concatenate(r).mean()) for n, r in self._recall.items()}

    def _count_recall(self, proposed: dict[str, Candidates], requests: int) -> None:
        wanted = self.relevant.rows(self._row, self._row + requests)
        self._row += requests
        for name, answer in proposed.items():
            hit = hits(answer.item, wanted)
            part = recall(hit, wanted.count, self.width)
            self._recall.setdefault(name, []).append(part)


def parts_behind_popular(result: Evaluation) -> list[str]:
    """Return what ranks no better than popularity does, and among whom.

    Users without a history have no list of most channels, and tell nothing of them.
    """
    warm = result.scores.filter(pl.col("group").fill_null("") != COLD)
    means = dict(
        warm.group_by("model", maintain_order=True).agg(pl.mean(f"ndcg@{K}")).rows()
    )
    if not means:
        return []
    behind = [
        name
        for name, mean in means.items()
        if name not in ("Popular", "channel Popular") and mean <= means["Popular"]
    ]
    if not behind:
        return []
    return [
        f"no better than Popular by ndcg@{K} for users with a history: "
        f"{', '.join(behind)}"
    ]


def channels_ahead_of_all(result: Evaluation) -> list[str]:
    """Return which channels alone rank better than the whole, and by how much."""
    rows = result.table().filter(
        pl.col("model").str.starts_with("channel "),
        pl.col("gain") < 0,
        pl.col("p_holm") < SURELY,
        metric=f"ndcg@{K}",
    )
    if not len(rows):
        return []
    alone = [
        f"{name} by {-gain:.4f}" for name, gain in rows.select("model", "gain").rows()
    ]
    return [
        f"better alone than the whole by ndcg@{K}: {', '.join(alone)}; "
        "give it a larger share with quotas in [blend], or leave channels out"
    ]
