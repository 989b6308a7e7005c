"""Random walks along a path of edge types, thousands advanced together.

A walk spends its time waiting for memory. Each thread takes a block of walkers, asks
for what the next step of all of them will read, and moves them: their cache misses
overlap. Every walker has its own key, so neither blocks nor threads change what is
drawn.

Source:
    Sun, Chen, Lu, He & Li, "ThunderRW: an in-memory graph random walk engine" (2021),
    for step interleaving.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.graph.sampling.draws import draw_by_weight, draw_uniform
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.node2vec import Bias, node2vec_step
from tidegraph.graph.walks.uniform import uniform_walks
from tidegraph.graph.walks.whole_rows import follow_edges, uniform_step, weighted_step
from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import Keys, after, mixed, unit

WALKERS = 8192
"""Walkers a thread moves together: their state fits the second cache."""


@dataclass(frozen=True)
class Habit:
    """How walks choose their way.

    Attributes:
        weighted: Take an edge in proportion to its weight, not each as likely.
        restart: Probability to begin again at the start, each time the path is through.
            A walk that does came from nowhere, as at its first step, and from its start
            at the step after.
        respect: Go back in time edge by edge: each step sees only what is before the
            edge just taken. Read from its end, the walk is time-respecting.
        bias: Prefer nodes near to, or far from, the one before (node2vec).
    """

    weighted: bool = False
    restart: float = 0.0
    respect: bool = False
    bias: Bias | None = None

    def is_uniform(self, path: tuple[TemporalCSR, ...], *, clocked: bool) -> bool:
        """Is each edge of a node as likely as the others, whatever came before?"""
        timed = clocked and any(edges.is_timed for edges in path)
        weighted = self.weighted and any(len(edges.weight) for edges in path)
        return self.bias is None and not timed and not weighted


def walks(
    path: tuple[TemporalCSR, ...],
    starts: Int32[np.ndarray, " w"],
    keys: Keys,
    length: int,
    habit: Habit,
    clocks: Int64[np.ndarray, " w"] | None = None,
) -> Int32[np.ndarray, "w steps"]:
    """Return random walks.

    Args:
        path: The edges of each step, over and over.
        starts: Where each walk begins.
        keys: Random key of each walk.
        length: Steps of a walk.
        habit: How it chooses.
        clocks: Tick of each; only strictly earlier edges are taken. Every edge
            is, if left out.

    Returns:
        The nodes of each walk, the start first; -1 where it cannot go on, unless it
        begins again: then it goes on from its start, which is not written once more.

    Source:
        Grover & Leskovec, "node2vec" (2016), for the bias; Nguyen et al.,
        "Continuous-time dynamic network embeddings" (2018), for respecting time.
    """
    out = np.empty((len(starts), length + 1), np.int32)

    def block(first: int, last: int) -> None:
        some = slice(first, last)
        clock = None if clocks is None else clocks[some]
        walk_block(path, starts[some], keys[some], habit, clock, out[some])

    note_expected_steps(path, len(starts) * length, habit, clocked=clocks is not None)
    over_rows(block, len(starts), WALKERS)
    return out


def note_expected_steps(
    path: tuple[TemporalCSR, ...], steps: int, habit: Habit, *, clocked: bool
) -> None:
    """Note how many steps walks will take along a path, for tables that pay by then.

    Tables of all rows serve many steps; few steps, such as those after each new edge of
    a live graph, read their own rows instead and draw the same.
    """
    if habit.bias is not None:
        return
    for edges in path:
        if not (clocked and edges.is_timed):
            share = steps / (len(path) * max(len(edges), 1))
            if habit.weighted and len(edges.weight):
                edges.indexes.sums.pays(share)
            else:
                edges.packing_pays(share)


def walk_block(
    path: tuple[TemporalCSR, ...],
    starts: Int32[np.ndarray, " w"],
    keys: Keys,
    habit: Habit,
    clocks: Int64[np.ndarray, " w"] | None,
    out: Int32[np.ndarray, "w steps"],
) -> None:
    """Write the walks of one block, on the calling thread; see ``walks``."""
    if habit.is_uniform(path, clocked=clocks is not None):
        pay = [edges for edges in path if edges.packing_pays(0.0)]
        rows = [edges.packed_rows for edges in pay]
        packed = tuple(row for row in rows if row is not None)
        if len(packed) == len(path):
            nodes = tuple(edges.node for edges in path)
            uniform_walks(packed, nodes, habit.restart, starts, keys, out)
            return
    steps = np.empty(out.shape[::-1], np.int32)
    steps[0] = starts
    state = keys.copy()
    clock = None if clocks is None else clocks.copy()
    came: Int32[np.ndarray, " w"] | None = None
    for step in range(out.shape[1] - 1):
        here = steps[step]
        if habit.restart > 0 and step and step % len(path) == 0:
            here = here.copy()
            back = _restart_walks(habit.restart, state, starts, here)
            if clock is not None and clocks is not None:
                clock[back] = clocks[back]
            if came is not None:
                came = np.where(back, np.int32(-1), came)
        edges = path[step % len(path)]
        _step_along_edge(edges, habit, came, here, clock, state, steps[step + 1])
        # Who began again goes on from its start, not from the node written last.
        came = here
    _transpose_steps(steps, out)


def _step_along_edge(
    edges: TemporalCSR,
    habit: Habit,
    came: Int32[np.ndarray, " w"] | None,
    here: Int32[np.ndarray, " w"],
    clock: Int64[np.ndarray, " w"] | None,
    state: Keys,
    there: Int32[np.ndarray, " w"],
) -> None:
    """Move walkers along one edge each."""
    weighted = habit.weighted and len(edges.weight) > 0
    if habit.bias is not None and came is not None:
        node2vec_step(
            edges,
            habit.bias,
            came,
            here,
            state,
            clock,
            there,
            weighted=weighted,
            respect=habit.respect,
        )
    elif clock is not None and edges.is_timed:
        _timed_step(edges, habit, here, clock, state, there)
    elif weighted:
        weighted_step(edges, here, state, there)
    else:
        uniform_step(edges, here, state, there)


def _timed_step(
    edges: TemporalCSR,
    habit: Habit,
    here: Int32[np.ndarray, " w"],
    clock: Int64[np.ndarray, " w"],
    state: Keys,
    there: Int32[np.ndarray, " w"],
) -> None:
    """Move walkers along edges strictly before their clocks."""
    low, stop = edges.span_before(here, clock)
    slot = np.empty((len(here), 1), np.int64)
    if habit.weighted and len(edges.weight):
        draw_by_weight(edges, (low, stop), state, slot, whole=False)
    else:
        draw_uniform((low, stop), state, slot)
    follow_edges(edges.node, slot, state, there)
    if habit.respect:
        _take_clocks(edges.time, edges.base, slot, clock)


@compiled
def _take_clocks(
    time: np.ndarray, base: int, slot: np.ndarray, clock: np.ndarray
) -> None:
    """Set the clock of each walker to the time of the edge that it took, if any."""
    for w in range(clock.size):
        prefetch(time, slot[w, 0])
    for w in range(clock.size):
        if slot[w, 0] >= 0:
            clock[w] = time[slot[w, 0]] + base


@compiled
def _restart_walks(
    restart: float, state: np.ndarray, starts: np.ndarray, here: np.ndarray
) -> np.ndarray:
    """Put some walkers back to their start, and say which."""
    back = np.zeros(here.size, np.bool_)
    for w in range(here.size):
        state[w] = after(state[w])
        if unit(mixed(state[w])) < restart:
            here[w] = starts[w]
            back[w] = True
    return back


@compiled
def _transpose_steps(steps: np.ndarray, out: np.ndarray) -> None:
    for w in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[w, k] = steps[k, w]
