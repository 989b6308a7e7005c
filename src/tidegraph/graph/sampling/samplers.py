"""The samplers: all, recent, uniform, weighted, top and importance.

A time window is not a sampler: it narrows the past that any of them gets.
"""

import numpy as np
from jaxtyping import Int64

from tidegraph.errors import ConfigError, DataError
from tidegraph.graph.sampling.draws import draw_by_weight, draw_uniform
from tidegraph.graph.sampling.gather import Neighborhood, Picks, Run
from tidegraph.graph.sampling.protocol import sampler
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import after, below, mixed, unit
from tidegraph.kernels.weighted_draw import strength

_GRAIN = 512


@sampler("recent")
def recent(past: Neighborhood, count: int) -> Run:
    """Take the latest ``count`` edges, oldest first."""
    start = np.maximum(past.start, past.stop - count)
    return Run(start, past.stop, past.width(count))


@sampler("all")
def everything(past: Neighborhood, limit: int = 2**31 - 1) -> Run:
    """Take every edge, oldest first; an error where a node has more than ``limit``."""
    most = int((past.stop - past.start).max(initial=0))
    if most > limit:
        raise ConfigError(
            f"a node has {most} neighbours, and all(limit={limit}) allows no more. "
            "Take recent() or sample() instead, or raise the limit."
        )
    return Run(past.start, past.stop, most)


@sampler("uniform")
def uniform(past: Neighborhood, count: int, replace: bool = True) -> Picks:
    """Draw ``count`` edges, each as likely.

    With replacement each draw is independent. Without, a node with no more than
    ``count`` edges gives them all; others a random subset, oldest first.
    """
    return Picks(
        _uniform_slots(past, count) if replace else _distinct_uniform_slots(past, count)
    )


@sampler("weighted")
def weighted(past: Neighborhood, count: int, replace: bool = True) -> Picks:
    """Draw ``count`` edges in proportion to their weights.

    With replacement each draw is independent, by the running sum of weights, which any
    part of a row shares. Without, edges are taken one after the other in proportion to
    the weights that are left.

    Raises:
        ConfigError: A weight is negative.

    Source:
        Efraimidis & Spirakis, "Weighted random sampling with a reservoir" (2006).
    """
    return Picks(
        _weighted_slots(past, count)
        if replace
        else _distinct_weighted_slots(past, count)
    )


@sampler("importance")
def importance(past: Neighborhood, count: int) -> Picks:
    """Draw as ``weighted``; each counts for 1 / (count times its probability).

    So the sum of weight times x over the draws is an unbiased estimate of the sum of x
    over all edges of positive weight: importance sampling with the weights as proposal.
    """
    slot, edges = _weighted_slots(past, count), past.edges
    if len(edges.weight):
        sums = edges.prefix_sums
        total = np.zeros(len(past.start))
        some = past.stop > past.start
        last, start = past.stop[some] - 1, past.start[some]
        total[some] = sums.through[last] - sums.before[start]
    else:
        total = (past.stop - past.start).astype(np.float64)
    drawn = slot >= 0
    weight = edges.weight_at(slot[drawn]).astype(np.float64)
    value = np.zeros(slot.shape, np.float32)
    value[drawn] = np.repeat(total, drawn.sum(axis=1)) / (count * weight)
    return Picks(slot, value)


@sampler("top")
def top(past: Neighborhood, count: int) -> Picks:
    """Take the ``count`` edges of largest weight, best first, later before earlier."""
    slot = np.empty((len(past.start), past.width(count)), np.int64)
    over_rows(
        lambda a, b: _top_weights(
            past.start, past.stop, past.edges.edge, past.edges.weight, slot, a, b
        ),
        len(slot),
        _GRAIN,
    )
    return Picks(slot)


def _uniform_slots(past: Neighborhood, count: int) -> Int64[np.ndarray, "q k"]:
    slot = np.empty((len(past.start), count), np.int64)
    draw_uniform((past.start, past.stop), past.key, slot)
    return slot


def _weighted_slots(past: Neighborhood, count: int) -> Int64[np.ndarray, "q k"]:
    edges = past.edges
    if not len(edges.weight):
        return _uniform_slots(past, count)
    _check_weights(past)
    slot = np.empty((len(past.start), count), np.int64)
    rows = (past.start, past.stop)
    draw_by_weight(edges, rows, past.key, slot, whole=past.whole)
    return slot


def _distinct_weighted_slots(
    past: Neighborhood, count: int
) -> Int64[np.ndarray, "q k"]:
    if not len(past.edges.weight):
        return _distinct_uniform_slots(past, count)
    _check_weights(past)
    slot = np.empty((len(past.start), past.width(count)), np.int64)
    at = (past.start, past.stop, past.key)
    edge, weight = past.edges.edge, past.edges.weight
    over_rows(
        lambda a, b: _draw_by_exponential_times(*at, edge, weight, slot, a, b),
        len(slot),
        _GRAIN,
    )
    return slot


def _distinct_uniform_slots(past: Neighborhood, count: int) -> Int64[np.ndarray, "q k"]:
    slot = np.empty((len(past.start), past.width(count)), np.int64)
    over_rows(
        lambda a, b: _draw_subsets_by_floyd(
            past.start, past.stop, past.key, slot, a, b
        ),
        len(slot),
        _GRAIN,
    )
    return slot


def _check_weights(past: Neighborhood) -> None:
    edges = past.edges
    if edges.least_weight >= 0:
        return
    # What comes after the past of each node stops nobody.
    some = past.stop > past.start
    latest = edges.indexes.negatives.of(edges.slot_rows)
    if bool((latest[past.stop[some] - 1] >= past.start[some]).any()):
        raise DataError(
            "a weight is below 0, and draws in proportion to weights need them to be "
            "0 or more. Choose another feature with by=."
        )


@compiled
def _draw_subsets_by_floyd(
    start: np.ndarray,
    stop: np.ndarray,
    key: np.ndarray,
    slot: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Choose subsets, each as likely (Floyd; Bentley, Programming Pearls, 1987)."""
    count = slot.shape[1]
    for q in range(first, last):
        size, state = stop[q] - start[q], key[q]
        found = min(count, size)
        for j in range(found):
            if size <= count:
                slot[q, j] = start[q] + j
                continue
            state = after(state)
            top = size - count + j
            drawn = start[q] + below(mixed(state), top + 1)
            at = 0
            while at < j and slot[q, at] < drawn:
                at += 1
            if at < j and slot[q, at] == drawn:
                # Taken already: the newly admitted one takes its place, as the last.
                drawn, at = start[q] + top, j
            for i in range(j, at, -1):
                slot[q, i] = slot[q, i - 1]
            slot[q, at] = drawn
        for j in range(found, count):
            slot[q, j] = -1


@compiled
def _draw_by_exponential_times(
    start: np.ndarray,
    stop: np.ndarray,
    key: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    slot: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Keep the slots with the least of exponential times of rate ``weight``."""
    count = slot.shape[1]
    least = np.empty(count, np.float64)
    for q in range(first, last):
        state, found = key[q], 0
        for s in range(start[q], stop[q]):
            state = after(state)
            rate = strength(weight, edge[s])
            if not rate > 0:
                continue
            arrival = -np.log(1 - unit(mixed(state))) / rate
            found = _insert_sorted(least, slot[q], found, arrival, s)
        for j in range(found, count):
            slot[q, j] = -1


@compiled
def _top_weights(
    start: np.ndarray,
    stop: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    slot: np.ndarray,
    first: int,
    last: int,
) -> None:
    count = slot.shape[1]
    least = np.empty(count, np.float64)
    for q in range(first, last):
        found = 0
        for s in range(stop[q] - 1, start[q] - 1, -1):
            value = strength(weight, edge[s])
            found = _insert_sorted(least, slot[q], found, -float(value), s)
        for j in range(found, count):
            slot[q, j] = -1


@compiled
def _insert_sorted(
    least: np.ndarray, slot: np.ndarray, found: int, value: float, s: int
) -> int:
    """Put a slot among the ``found`` of least value; the first of equals stays."""
    if found == least.size:
        if value >= least[found - 1]:
            return found
        found -= 1
    at = found
    while at > 0 and least[at - 1] > value:
        least[at], slot[at] = least[at - 1], slot[at - 1]
        at -= 1
    least[at], slot[at] = value, s
    return found + 1
