"""The lists of recommenders for all requests of a task, block by block."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32

from tidegraph.errors import DataError
from tidegraph.evaluation.metrics.ranking import padded
from tidegraph.evaluation.protocol import Recommender, Task
from tidegraph.progress import track
from tidegraph.stages import Candidates, Requests

BLOCK = 1024
SCORES_HELD = 1 << 25
"""No block has more scores: 128 MiB of them in 32 bits."""

Lists = dict[str, Int32[np.ndarray, "b k"]]
"""A list for every request, by who made it; ``NO_ITEM`` fills shorter ones."""


@runtime_checkable
class HasStages(Protocol):
    """A fitted pipeline, which can say what its list is after each stage."""

    def retrieve_stages(self, requests: Requests, k: int) -> Mapping[str, Candidates]:
        """Return the lists after each stage, the last the whole; each runs once."""
        ...


def lists_of_model(
    model: Recommender, task: Task, k: int, what: str
) -> Int32[np.ndarray, "b k"]:
    """Return a model's answer to every request, out of the whole catalogue.

    Args:
        model: Answers block by block, to bound memory.
        task: The requests.
        k: Length of the lists.
        what: The model's name, for the progress bar.

    Raises:
        DataError: An answer has the wrong number of rows, or an unknown item.
    """
    found = lists_of_models(
        lambda block: {what: model.retrieve(block, k)}, task, k, what
    )
    return found[what]


def stage_lists(model: HasStages, task: Task, k: int, what: str) -> Lists:
    """Return the lists of a pipeline, and behind it those after its earlier stages.

    Raises:
        DataError: An answer has the wrong number of rows, or an unknown item.
    """

    def answered(block: Requests) -> dict[str, Candidates]:
        return lists_by_stage(model.retrieve_stages(block, k), what)

    return lists_of_models(answered, task, k, what)


def lists_by_stage(
    stages: Mapping[str, Candidates], whole: str
) -> dict[str, Candidates]:
    """Return the lists after each stage as they are judged: the whole one first.

    Args:
        stages: The lists by stage, the last of them the whole.
        whole: What the whole is called.
    """
    *earlier, last = stages
    return {whole: stages[last]} | {f"after {name}": stages[name] for name in earlier}


def lists_of_models(
    answered: Callable[[Requests], Mapping[str, Candidates]],
    task: Task,
    k: int,
    what: str,
) -> Lists:
    """Return the answers of several recommenders to the same blocks.

    Args:
        answered: Returns the answers to a block of requests, by who made them.
        task: The requests.
        k: Length of the lists.
        what: Who answers, for the progress bar.

    Raises:
        DataError: An answer has the wrong number of rows, or an unknown item.
    """
    found: dict[str, list[Int32[np.ndarray, "b k"]]] = {}
    for block in request_blocks(task.requests, f"answers of {what}"):
        for name, answer in answered(block).items():
            _check_lists(name, answer.item, len(block), len(task.popularity))
            found.setdefault(name, []).append(padded(answer.item, k))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def request_blocks(
    requests: Requests, label: str, scores: int = 1
) -> Iterator[Requests]:
    """Yield the requests, few enough at a time to bound memory.

    Args:
        requests: All of them.
        label: What the progress bar says.
        scores: How many scores each of them takes.
    """
    size = max(1, min(BLOCK, SCORES_HELD // max(1, scores)))
    starts = range(0, len(requests), size)
    for start in track(starts, label, len(starts)):
        yield requests.rows(start, start + size)


def _check_lists(
    name: str, item: Int32[np.ndarray, "b k"], requests: int, items: int
) -> None:
    if len(item) == requests and item.max(initial=0) < items:
        return
    raise DataError(
        f"{name} answered {requests} requests with {len(item)} lists, and items up to "
        f"row {item.max(initial=-1)} of {items}. retrieve() must return one list of "
        "catalogue rows per request."
    )
