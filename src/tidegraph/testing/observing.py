"""What every stage must keep when events come in from two threads at once."""

import threading

import numpy as np
import polars as pl

from tidegraph.graph.events import events_of
from tidegraph.pipeline import FittedPipeline, Pipeline
from tidegraph.testing.logs import draw_log

EVENTS = 12


def two_threads_answer_as_one(pipeline: Pipeline, events: int = 600) -> None:
    """Observe the same events by two threads and by one, and compare everything."""
    log = draw_log(events=events)
    model, twin = pipeline.fit(log), pipeline.fit(log)
    rng, now = np.random.default_rng(4), model.graph.latest + 1
    users = log.users.decode(rng.integers(0, 30, EVENTS).astype(np.int32)).to_list()
    items = log.items.decode(rng.integers(0, 30, EVENTS).astype(np.int32)).to_list()
    times = (now + rng.permutation(EVENTS)).tolist()
    new = list(zip(users, items, times, strict=True))
    start = threading.Barrier(2)

    def observe(mine: list[tuple[str, str, int]], model: FittedPipeline) -> None:
        start.wait()
        for event in mine:
            model.observe([event])

    halves = (new[::2], new[1::2])
    both = [threading.Thread(target=observe, args=(half, model)) for half in halves]
    for one in both:
        one.start()
    for one in both:
        one.join()
    twin.observe(new)

    found, expected = events_of(model.graph), events_of(twin.graph)
    for column in ("user", "item", "time"):
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    same_lists(model.recommend_all(users, k=5), twin.recommend_all(users, k=5))


def same_lists(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Compare lists to the rounding of float32.

    Events that came one at a time lie elsewhere in the memory of a graph than
    those that came together, and a network that reads each state once sums a
    block in that order. So scores agree to 1e-6, and items wherever the scores
    beside them differ by more.
    """
    score = expected["score"].to_numpy()
    np.testing.assert_allclose(found["score"].to_numpy(), score, rtol=1e-6, atol=1e-6)
    near = np.abs(np.diff(score)) <= 2e-6
    tied = np.append(near, False) | np.append(False, near)
    decided = pl.Series(~tied)
    assert found["user"].equals(expected["user"])
    assert found["item"].filter(decided).equals(expected["item"].filter(decided))
