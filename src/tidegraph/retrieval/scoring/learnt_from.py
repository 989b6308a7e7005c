"""What a training of vectors learns from, and draws from."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tidegraph.retrieval.scoring.evidence import evident_actions
from tidegraph.retrieval.scoring.held_out import HeldOut
from tidegraph.run import Run
from tidegraph.stages import Fold
from tidegraph.training.settings import Training


def drawing(name: str, seed: int | None, run: Run | None) -> Run:
    """Return a run as a method draws from it: by its own seed, or that and its name.

    So a channel is the same alone and in company.

    Args:
        name: Of the channel.
        seed: Of the method, if it has one.
        run: Of seed 0 if left out.
    """
    run = Run(np.random.default_rng(0)) if run is None else run
    own = None if seed is None else np.random.default_rng(seed)
    return replace(run, rng=own or run.drawing(name))


def parted(
    fold: Fold, method: str, rng: np.random.Generator, *trainings: Training
) -> tuple[Fold, HeldOut | None]:
    """Return what is learnt from, and what is held out if one stops by that.

    Raises:
        DataError: One does, and nobody has two items.
    """
    if all(one.patience is None for one in trainings):
        return fold, None
    held = HeldOut.of(fold, method, rng)
    return held.known, held


def learnt_from(known: Fold, held: HeldOut | None) -> Iterator[object]:
    """Yield what a checkpoint tells a training by: events, edges, what is held out.

    Args:
        known: What training learns from.
        held: What it is judged by, if it is.
    """
    log = known.view(evident_actions)
    yield from (log.user, log.item, log.time, log.weight)
    if known.edges is not None:
        for name, edges in known.edges.edges.items():
            yield from (name, *edges.columns())
            if edges.strength is not None:
                yield edges.strength.values[: len(edges)]
    if held is not None:
        yield from (held.requests.user, held.item)
