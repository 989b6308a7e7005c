"""What a training or a solver of vectors learns from, and draws from."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

import numpy as np

from tidegraph.retrieval.scoring.held_out import HeldOut
from tidegraph.run import Run
from tidegraph.stages import Fold

T = TypeVar("T")

_BITS = 32
"""Of a seed that every library takes."""


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


def seeded(part: T, name: str, run: Run | None) -> T:
    """Return settings whose seeds, and those of settings in them, are decided.

    A ``seed`` of None becomes one by the run's and the name of the channel, so that a
    channel is the same alone and in company.

    Args:
        part: Of a method, such as a solver; what has no seed is returned as it is.
        name: Of the channel.
        run: Of seed 0 if left out.
    """
    return _with_seed(part, int(drawing(name, None, run).rng.integers(2**_BITS)))


def _with_seed(part: T, seed: int) -> T:
    if isinstance(part, tuple):
        before = cast(tuple[object, ...], part)
        after = tuple(_with_seed(one, seed) for one in before)
        same = all(a is b for a, b in zip(after, before, strict=True))
        return cast(T, before if same else after)
    if not is_dataclass(part) or isinstance(part, type):
        return part
    changed = dict[str, object]()
    for field in fields(part):
        if not field.init:
            continue
        before = getattr(part, field.name)
        open_seed = field.name == "seed" and before is None
        after = seed if open_seed else _with_seed(before, seed)
        if after is not before:
            changed[field.name] = after
    return replace(part, **changed) if changed else part


def parted(
    fold: Fold, method: str, rng: np.random.Generator, *, stops_early: bool
) -> tuple[Fold, HeldOut | None]:
    """Return what is learnt from, and what is held out if training stops by that.

    Raises:
        DataError: It does, and nobody has two items.
    """
    if not stops_early:
        return fold, None
    held = HeldOut.of(fold, method, rng)
    return held.known, held


def learnt_from(known: Fold, held: HeldOut | None) -> Iterator[object]:
    """Yield what a checkpoint tells a training by: events, edges, what is held out.

    Args:
        known: What training learns from.
        held: What it is judged by, if it is.
    """
    log = known.events
    yield from (log.user, log.item, log.time, log.label, log.weight)
    if known.edges is not None:
        for name, edges in known.edges.edges.items():
            yield from (name, *edges.columns())
            if edges.strength is not None:
                yield edges.strength.values[: len(edges)]
    if held is not None:
        yield from (held.requests.user, held.item)
