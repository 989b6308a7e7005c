"""What judges rankers and drawn lists, with good arguments."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import tidegraph as tg
from tidegraph.fitting.examples import examples


def judges(
    train: tg.Interactions, test: tg.Interactions
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield each with what a ranker and a retriever answer."""
    popular, task = tg.Popular().fit(train), tg.at_cut(train, test, repeat=True)
    offered, rng = popular.retrieve(task.requests, 5), np.random.default_rng(0)
    made = examples(task.requests, task.relevant, offered, missed=2, rng=rng)
    ranker = tg.RecencyLogit().fit(made, made, run=tg.Run(rng))
    rows, present = tg.Impressions.of(made), made.candidates.present
    runs = {"logit": [ranker.score(made.requests, made.candidates)[present]]}
    drawn = {"models": {"popular": popular}, "task": task, "negatives": 2, "k": (1,)}
    yield "judge_sampled", tg.judge_sampled, drawn
    alone = {"ranker": ranker, "examples": made, "against": None}
    yield "evaluate_ranker", tg.evaluate_ranker, alone
    yield "evaluate_runs", tg.evaluate_runs, {"rows": rows, "runs": runs}
